"""`sqsim report DIR --race`: "Phone or cloud: who should write the first draft?", one page that opens offline.

A slider moves along the axis of the results, buttons choose their set-up. The page reads the numbers of `race_table`;
all other words are in `templates/race.*`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from markupsafe import Markup

from kinds import ConfigError
from kinds.files import atomically
from plots.style import SCHEMES, SPARE
from scenarios.command.cell_file import load_own
from scenarios.command.options import RACE
from scenarios.command.report.at_each_value import on_dark
from scenarios.command.report.race_table import BASELINE, RaceTable, race_table
from scenarios.command.result_folder import ResultFolder
from scenarios.command.self_contained_page import digest, environment, in_a_script
from simulator.results.display_names import DisplayNames, words_of
from simulator.results.result_directory import record

TEMPLATES: Final = Path(__file__).parent / "templates"


def run(options: argparse.Namespace) -> Path:
    """Writes the page and returns its path. Raises ConfigError, one line, if DIR has nothing to race."""
    load_own(options.imports, [options.folder])
    table = race_table(ResultFolder.read(options.folder))
    if table is None:
        raise ConfigError(f"{options.folder}: no {BASELINE} beside a scheme that drafts on the device, nothing to race")
    out: Path = options.out or options.folder / RACE
    out.parent.mkdir(parents=True, exist_ok=True)
    atomically(
        out, partial(Path.write_text, data=page(table), encoding="utf-8")
    )  # a link there is replaced, not followed
    record(options.folder, [out])
    return out


def page(table: RaceTable) -> str:
    """Returns the page of a table, HTML."""
    script = (TEMPLATES / "race.js").read_text(encoding="utf-8")
    names = list(dict.fromkeys(each.scheme for each in table.schemes))
    looks = {
        name: {"name": DisplayNames().curve(name), "colours": pair}
        for name, pair in zip(names, _colours(names), strict=True)
    }
    data = json.dumps({**asdict(table), "looks": looks}, separators=(",", ":"))
    template = environment("scenarios.command.report").get_template("race.html")
    return template.render(
        table=table,
        data=in_a_script(data),
        script=Markup(script),
        script_hash=digest(script),
    )


def _colours(names: list[str]) -> Iterator[tuple[str, str]]:
    """The colours of each scheme on a light and on a dark ground."""
    taken: set[str] = set()
    for place, name in enumerate(names):
        colour, _ = SCHEMES.get(words_of(name)[0], SPARE[place % len(SPARE)])
        if colour in taken:
            colour = SPARE[place % len(SPARE)][0]
        taken.add(colour)
        yield colour, on_dark(colour)
