"""What `sqsim run` and `sqsim real` do: from what is typed to a plan, a sweep or a search, tables and a summary."""
