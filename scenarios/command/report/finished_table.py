"""`sqsim table`: the first table of a finished run again, as it stands in its `findings.json`; nothing is computed."""

from __future__ import annotations

import argparse

from pydantic import TypeAdapter, ValidationError

from kinds import ConfigError, first_error
from scenarios.command.result_folder import ResultFolder
from scenarios.findings import findings_file
from scenarios.findings.aligned_columns import screen_width
from scenarios.findings.findings_file import FINDINGS
from scenarios.findings.text_table import TextTable, written


def run(options: argparse.Namespace) -> str:
    """Returns the table of a result directory in the form asked for. Raises ConfigError, one line, if it has none."""
    folder = ResultFolder.read(options.folder).path
    found = findings_file.read(folder).get("table")
    if found is None:
        raise ConfigError(f"{folder}: holds no table; the command that made it writes one")
    try:
        table = TypeAdapter(TextTable).validate_python(found)
    except ValidationError as error:
        where, _, allowed = first_error(error)
        raise ConfigError(f"{folder / FINDINGS}: not written by this program, table.{where}: {allowed}") from None
    return table.text(screen_width()) if options.format == "text" else written(table, options.format)
