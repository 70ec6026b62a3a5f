"""Sentences and numbers from result tables: kinds of question (`sentences/`), how numbers read in them (`wording`),
tables beside them. What one scenario alone asks is in its own file."""
