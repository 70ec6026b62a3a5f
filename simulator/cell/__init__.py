"""Configuration of a run as a value: every field with its default, unit and bounds, read from YAML or Python.

Parts are chosen by `kind`, users' files add kinds, and files that are named enter the configuration's id by content.
"""

from importlib import import_module

for _named in ("simulator.schemes", "models.zoo"):
    import_module(_named)  # registers the kinds that a cell can name
