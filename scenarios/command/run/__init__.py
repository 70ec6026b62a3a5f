"""Commands `sqsim run` and `sqsim real`: from the typed arguments to a plan, a sweep or a search, tables and a
summary."""
