"""Presets of other papers, to be compared with: quantize-then-sample of the whole distribution or after the draw,
half-precision floats, split verification with corrections at the edge, shared-randomness coupling, token trees, and
drafts that are not verified. Each is a file, as a user's own would be."""
