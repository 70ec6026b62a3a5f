"""Tuning of each scheme to a setting of its own, on seeds that are not shown: what may be tuned (`alternatives`), what
was tried (`trials`), the race of `sqsim recommend` and of scenarios (`racing`), and a scenario's choice for each place
of the grid by it (`successive_halving`)."""
