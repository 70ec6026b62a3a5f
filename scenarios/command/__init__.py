"""The `sqsim` command: from what a user types to results, figures and text. Nothing else parses or prints."""
