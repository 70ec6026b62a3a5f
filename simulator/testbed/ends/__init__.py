"""The two programs, `edge` and `cloud`, and the protocols they speak, with real sessions and real passes."""
