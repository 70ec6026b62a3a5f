"""One run's configuration as a value: every field with its default, unit and bounds, read from YAML or Python.

Parts are chosen by `kind`, users' files add kinds, and files that are named enter the configuration's id by content.
"""
