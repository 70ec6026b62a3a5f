"""Sentences and numbers from result tables: kinds of question (`sentences/`), how numbers read in them (`wording`),
tables beside them.

Reads result tables only: it imports `simulator.results` and `kinds`. What one scenario alone asks is in its own file.
"""
