"""`sqsim play`: one request as a moving picture, from the traces that `sqsim run --trace` writes."""
