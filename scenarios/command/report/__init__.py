"""What `sqsim report` and `sqsim plot` do: a result directory as a page, and its figures drawn again."""
