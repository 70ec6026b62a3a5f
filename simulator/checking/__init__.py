"""What can be shown of a scheme, or of a part of one, without simulating: above all that its text is the verifier's."""
