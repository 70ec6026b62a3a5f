"""`sqsim table`: the first table of a finished run again, as it stands in its `findings.json`; nothing is computed."""

from __future__ import annotations

import argparse

from kinds import ConfigError
from scenarios.command.result_folder import ResultFolder
from scenarios.findings import findings_file
from scenarios.findings.text_table import screen_width, written


def run(options: argparse.Namespace) -> str:
    """Returns the table of a result directory in the form asked for. Raises ConfigError, one line, if it has none."""
    folder = ResultFolder.read(options.folder).path
    table, _ = findings_file.tables_of(findings_file.read(folder))
    if table is None:
        raise ConfigError(f"{folder}: holds no table; the command that made it writes one")
    return table.text(screen_width()) if options.format == "text" else written(table, options.format)
