"""Requests to a server: the prompts of a benchmark, or a trace of requests.

Prompts (Spec-Bench's question.jsonl, MT-Bench, SPEED-Bench): a JSON object a line with `turns`, a list of texts, or
`messages`, a list of {role, content}. SPEED-Bench's own file has a placeholder where a source may not be passed on.

Traces: the CSV of a workload `arrivals` (`simulator.cell.workload`): Vidur's, BLIS's (trace v2) and our own.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import Final

from kinds import ConfigError
from kinds.csv_tables import read_header
from scenarios.command.engine_files.engine_file import EngineFile, Measurements
from simulator.cell.workload import TRACE_COLUMNS, requests_in

CHARACTERS: Final = 4.0
"""Characters per token, as English text has them in large vocabularies: an assumption."""
_PLACEHOLDER: Final = "FULL BENCHMARK DATA SHOULD BE FETCHED FROM THE SOURCE"
_OTHERS: Final = {"arrived_at": "Vidur trace", "arrival_time_us": "BLIS trace", "arrival_s": "trace of requests"}


def read_prompts(file: EngineFile) -> Measurements | None:
    """The mean length of the first turns."""
    rows = [each for each in file.objects if "turns" in each or "messages" in each]
    if not rows:
        return None
    lengths = [len(_asked(file, row)) / CHARACTERS for row in rows]
    kinds = len({str(row.get("category")) for row in rows})
    turns = sum(isinstance(row.get("turns"), list) and len(row["turns"]) > 1 for row in rows)  # type: ignore[arg-type]
    return Measurements(
        f"{len(rows)} prompts of {kinds} categories", prompt_tokens=max(1.0, fmean(lengths)),
        unknown=[
            f"tokens: {CHARACTERS:g} characters are taken for one (median of a prompt {median(lengths):,.0f}), a chat "
            "template left out", "how long answers are",
            *([f"the later turns of {turns} conversations, which hold all before them, are left out"] if turns else []),
        ],
    )  # fmt: skip


def _asked(file: EngineFile, row: dict[str, object]) -> str:
    """The first turn, with the system's message where there is one. Raises ConfigError where there is no text."""
    given = row.get("turns", row.get("messages"))
    texts: list[object] = []
    for each in given if isinstance(given, list) else []:
        texts.append(each.get("content") if isinstance(each, dict) else each)
        if not isinstance(each, dict) or each.get("role") != "system":
            break
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{file.path}: turns, messages: must be a list of texts, got {str(given)[:40]!r}")
    asked = "".join(map(str, texts))
    if asked.startswith(_PLACEHOLDER):
        raise ConfigError(f"{file.path}: holds placeholders, no prompts; prepare it by SPEED-Bench's own script first")
    return asked


def read_trace(file: EngineFile) -> Measurements | None:
    """Mean lengths; the arrivals are the file's own."""
    if not any(columns[0] in file.lines[0] and {*columns} <= {*read_header(file.path)} for columns in TRACE_COLUMNS):
        return None
    requests = requests_in(file.path)
    first = next(name for name in _OTHERS if name in file.lines[0])
    return Measurements(
        f"{_OTHERS[first]} of {len(requests):,} requests", prompt_tokens=fmean(each.prompt_tokens for each in requests),
        output_tokens=fmean(each.output_tokens for each in requests), trace=True,
        unknown=["which requests are one conversation, and what of a prompt was cached"],
    )  # fmt: skip
