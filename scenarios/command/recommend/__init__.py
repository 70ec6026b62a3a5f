"""What `sqsim recommend` does: which schemes are tried, how they are searched, and the text of the answer."""
