"""Checks of a scheme, or of a part of one, without simulation: above all that its text is the verifier's."""
