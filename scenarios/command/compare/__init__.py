"""The command `sqsim compare`: two result directories, and the changes beyond noise."""
