"""What a user runs: the `sqsim` command and the scenarios, each a base cell, a grid and the figures to draw."""
