"""Presets of other papers, to be compared with, each a file, as a user's own would be."""
