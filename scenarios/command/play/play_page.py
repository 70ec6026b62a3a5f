"""`sqsim play TRACE ...`: one request as a moving picture, in a page that needs nothing else. Device, links and cloud
of each scheme, with one clock; a result directory shows the cells of one seed that differ in scheme."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from markupsafe import Markup

from kinds import ConfigError
from scenarios.command.options import PLAYED
from scenarios.command.play.played_request import SETTINGS, Key, Lane, TraceFile
from scenarios.command.progress_bar import aside
from scenarios.command.result_folder import ResultFolder
from scenarios.command.self_contained_page import digest, environment, in_a_script, write_page
from scenarios.findings.sentences.one_breath import IN_CLOUD
from simulator.results.display_names import DisplayNames
from simulator.results.lossy_schemes import departs
from simulator.results.trace import trace_path

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST_LANES: Final = 6
MOST_BYTES: Final = 2_600_000
"""Most bytes of all lanes of a page; a longer request is cut, and the page says so."""
_BASELINES: Final = ("cloud_only", "colocated")
_PAPERS: Final = "k_sqs"


def run(options: argparse.Namespace) -> Path:
    """Writes the page; returns where. Raises ConfigError, one line."""
    folder = next((path for path in options.traces if path.is_dir()), None)
    if folder is not None and len(options.traces) > 1:
        raise ConfigError(f"{folder}: a result directory plays alone; give traces of it, {folder}/cells/ID.trace.json")
    paths: Sequence[Path] = options.traces if folder is None else traces_of(folder)
    if len(paths) > MOST_LANES:
        raise ConfigError(f"{len(paths)} traces: {MOST_LANES} play side by side, no more")
    traces = [TraceFile(path) for path in paths]
    key = options.request or first_of_all(traces)
    lanes = [each.lane(key).fitted(MOST_BYTES // len(traces)) for each in traces]
    return write_page(options.out or (folder or paths[0].parent) / PLAYED, page(lanes), folder)


def first_of_all(traces: Sequence[TraceFile]) -> Key:
    """The first request that all traces have. Raises ConfigError where there is none."""
    common = [key for key in traces[0].keys if all(key in each.keys for each in traces[1:])]
    if not common:
        raise ConfigError(f"{', '.join(each.path.name for each in traces)}: no request in all of them")
    return common[0]


def traces_of(folder: Path) -> list[Path]:
    """Traces of a result directory, of one seed and one value of its axis: cloud only, co-located speculation, the
    lossless scheme of least latency that drafts at the edge, and K-SQS. Raises ConfigError if it has none."""
    found = ResultFolder.read(folder)
    cells = found.cells.drop_duplicates("cell")
    cells = cells[[trace_path(folder / "cells", str(cell)).is_file() for cell in cells["cell"]]]
    if cells.empty:
        raise ConfigError(f"{folder}: no traces in it; the command that made it writes them with --trace")
    cells = cells[cells["seed"] == cells["seed"].min()]
    axis = found.note.axis
    if axis in cells.columns:  # at the middle of those values that have the most schemes
        schemes = cells.groupby(axis, sort=True)["scheme.kind"].nunique()
        most = schemes[schemes == schemes.max()].index
        cells = cells[cells[axis] == most[(len(most) - 1) // 2]]
    by_latency = cells.sort_values("latency_per_token_s", kind="stable").drop_duplicates("scheme.kind")
    edge = by_latency[~departs(by_latency) & ~by_latency["scheme.kind"].isin(IN_CLOUD)]["scheme.kind"]
    wanted = dict.fromkeys([*_BASELINES, *edge[:1], _PAPERS])
    kinds = [kind for kind in wanted if kind in {*by_latency["scheme.kind"]}] or [
        *by_latency["scheme.kind"][:MOST_LANES]
    ]
    chosen = by_latency.set_index("scheme.kind", drop=False).loc[kinds]
    names = DisplayNames()
    at = f", {names.setting(str(axis), str(chosen[axis].iloc[0]))}" if axis in cells.columns else ""
    schemes = "; ".join(names.word(kind) for kind in chosen["scheme.kind"])
    aside(f"plays {schemes}, at seed {chosen['seed'].iloc[0]}{at}; others: sqsim play {folder}/cells/ID.trace.json ...")
    return [trace_path(folder / "cells", str(cell)) for cell in chosen["cell"]]


def page(lanes: Sequence[Lane]) -> str:
    """The page, HTML."""
    script, style = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("play.js", "play.css"))
    shared = [name for name in SETTINGS if len({each.settings.get(name) for each in lanes}) == 1]
    runs = [asdict(each) | {"differs": _words(each, [x for x in SETTINGS if x not in shared])} for each in lanes]
    data = json.dumps(runs, separators=(",", ":"), allow_nan=False)
    template = environment("scenarios.command.play").get_template("play.html")
    return template.render(
        script=Markup(script),
        script_hash=digest(script),
        style=Markup(style),
        style_hash=digest(style),
        data=in_a_script(data),
        title=_title(lanes),
        setting=_words(lanes[0], shared),
        request=f"Device {lanes[0].device}, request {lanes[0].request}",
        remarks=_remarks(lanes),
        lanes=lanes,
    )


def _title(lanes: Sequence[Lane]) -> str:
    if len(lanes) == 1:
        return f"One request, {lanes[0].scheme}"
    same = len({each.prompt for each in lanes}) == len({each.settings.get("seed") for each in lanes}) == 1
    return "The same request, the same seed, side by side" if same else "Requests side by side"


def _words(lane: Lane, names: Sequence[str]) -> str:
    """`uplink 10 kbit/s, pair sotu, seed 0`."""
    settings = {name: f"{name} {lane.settings[name]}" for name in names if name in lane.settings}
    if "devices" in settings:
        number = lane.settings["devices"]
        settings["devices"] = "one device" if number == "1" else f"{number} devices"
    return ", ".join(settings.values())


def _remarks(lanes: Sequence[Lane]) -> list[str]:
    remarks = ["One request shows and does not prove; the page that sqsim report makes has the intervals."]
    texts = {"".join(each.tokens) for each in lanes}
    if len({each.prompt for each in lanes}) > 1:
        remarks.append("The prompts differ: times are of different requests.")
    elif len(lanes) > 1 and len(texts) == 1:
        remarks.append("All write the same text: only time differs.")
    elif len(lanes) > 1:
        remarks.append("The texts differ, since each scheme draws its own tokens.")
    remarks += [f"{each.scheme}: what comes after {each.cut / 1000:.3g} s is cut." for each in lanes if each.cut]
    if any(each.alone for each in lanes):
        remarks.append("It is long: what is done for other requests is left out.")
    if not any(each.prompt_text for each in lanes):
        remarks.append("Tokens are shown by their ids: the trace has no texts of them.")
    if any(each.branches for each in lanes):
        remarks.append("Drafts of a tree stand in the order of its levels.")
    return remarks
