"""What `sqsim compare` does: two result directories, and what changed beyond noise."""
