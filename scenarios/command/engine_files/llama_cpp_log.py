"""The log of llama.cpp: `llama-server`, `llama-cli`, `llama-speculative` (tools/server, examples/speculative, common).

    prompt eval time = 648.99 ms / 133 tokens (...)        eval time = 30387.12 ms / 2048 tokens (...)
    draft acceptance rate = 0.98260 ( 1186 accepted /  1207 generated)
    decoded  256 tokens in    8.012 seconds, ...    n_draft = 16    n_predict = 258    n_drafted = 300    n_accept = 190

A round commits its accepted drafts and one token more, so that there are as many verify passes as tokens that were no
drafts. Of `llama-speculative` the times below `draft:` are those of the drafter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import ceil

from kinds import ConfigError
from scenarios.command.engine_files.engine_file import EngineFile, MeasuredRounds, Measurements, ratio

_TIME = re.compile(r"(prompt )?eval time =\s*([0-9.]+) ms /\s*(\d{1,12}) (?:tokens|runs)")
_SHARE = re.compile(r"draft acceptance rate = .*?\(\s*(\d{1,12}) accepted /\s*(\d{1,12}) generated\)")
_DECODED = re.compile(r"decoded\s+\d{1,12} tokens in\s+([0-9.]+) seconds")
_COUNT = re.compile(r"(n_draft|n_predict|n_drafted|n_accept)\s*= (\d{1,12})\s*$")


@dataclass
class _Times:
    """Passes of one kind: seconds and tokens over so many requests."""

    seconds: float = 0.0
    tokens: int = 0
    requests: int = 0

    def add(self, seconds: float, tokens: int) -> None:
        self.seconds, self.tokens, self.requests = self.seconds + seconds, self.tokens + tokens, self.requests + 1


@dataclass
class _Log:
    """Sums over the lines of a log."""

    reading: _Times = field(default_factory=_Times)
    writing: _Times = field(default_factory=_Times)
    drafting: _Times = field(default_factory=_Times)
    accepted: int = 0
    drafted: int = 0
    most_drafts: int = 0

    @classmethod
    def of(cls, file: EngineFile) -> _Log:
        log, counts, decoded_s, section = cls(), dict[str, int](), None, ""
        for line in file.lines:
            if (title := line.strip()) in ("draft:", "target:"):
                section = title
            elif each := _TIME.search(line):
                reads = each[1] is not None
                of = (
                    (log.reading if reads else log.writing)
                    if section != "draft:"
                    else _Times()
                    if reads
                    else log.drafting
                )
                of.add(file.number(each[2], "eval time") / 1e3, int(each[3]))
            elif each := _SHARE.search(line):
                log.accepted, log.drafted = log.accepted + int(each[1]), log.drafted + int(each[2])
            elif each := _DECODED.search(line):
                decoded_s = file.number(each[1], "decoded")
            elif each := _COUNT.search(line):
                counts[each[1]] = int(each[2])
        if (
            decoded_s is not None and "n_predict" in counts
        ):  # one run of `llama-speculative`, verify passes among reading
            log.reading, log.writing = _Times(), _Times(decoded_s, counts["n_predict"], 1)
            log.accepted, log.drafted = counts.get("n_accept", 0), counts.get("n_drafted", 0)
            log.most_drafts = counts.get("n_draft", 0)
        return log


def read_llama_cpp_log(file: EngineFile) -> Measurements | None:
    """Means over all requests. Raises ConfigError where counts contradict each other."""
    log = _Log.of(file)
    if not log.writing.requests:
        return None
    passes = log.writing.tokens - log.accepted
    if passes < 1 or log.accepted > log.drafted:
        counts = f"{log.accepted} of {log.drafted} drafts accepted, {log.writing.tokens} tokens"
        raise ConfigError(f"{file.path}: {counts}: must fit together")
    length, drafts = log.writing.tokens / passes, log.drafted / passes
    unknown = ["at which temperature"]
    if log.accepted and drafts < log.most_drafts - 0.5:
        unknown.append(
            f"drafts where the drafter is unsure: it stops after {drafts:.2g} of {log.most_drafts} in the mean"
        )
    reading = log.reading
    prompt = ratio(reading.tokens, reading.requests)
    return Measurements(
        "llama.cpp log",
        MeasuredRounds(max(round(drafts), ceil(length - 1)), accepted_length=length) if log.accepted else None,
        plain=not log.drafted,
        step_s=log.writing.seconds / passes or None,
        draft_s=ratio(log.drafting.seconds, log.drafting.tokens),
        reading_s=ratio(reading.seconds, reading.requests),
        read_tokens=prompt,
        prompt_tokens=prompt,
        output_tokens=log.writing.tokens / log.writing.requests,
        unknown=unknown,
    )
