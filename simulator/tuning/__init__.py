"""Each scheme at a setting of its own, found on seeds that are not shown: what may be tuned (`alternatives`), what was
tried (`trials`), how scenarios choose (`successive_halving`) and how `sqsim recommend` does (`racing`)."""
