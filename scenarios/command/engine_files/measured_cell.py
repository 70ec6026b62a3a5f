"""The fields of a cell from what files tell: acceptance as a pair, steps as a latency model, lengths as a workload.

Of a server, k = L + 1 tokens of a request are verified in a step of T_s seconds, and P tokens of a prompt are read in
T_r: base + k per_token = T_s and base + P per_token = T_r give the latency model `affine`, both at least 0. Without T_r
a prompt is read in a step.

A step of a server that drafts for itself holds its drafter's passes. `colocated` is therefore that server, L drafts a
round by a drafter that takes no time, and a verify pass takes the whole step, too long by those passes; where the file
tells how long they take they are subtracted, and `colocated` drafts by such passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from kinds import ConfigError
from models.latency.latency import LONGEST_S
from models.published import KnownAcceptance
from models.published_figures import KEPT
from scenarios.command.engine_files.benchmark_results import read_aiperf, read_bench_serve
from scenarios.command.engine_files.engine_file import EngineFile, MeasuredRounds, Measurements, Reader
from scenarios.command.engine_files.llama_cpp_log import read_llama_cpp_log
from scenarios.command.engine_files.metrics_page import read_metrics
from scenarios.command.engine_files.request_lists import read_prompts, read_trace
from scenarios.command.engine_files.server_logs import read_sglang_log, read_vllm_log
from simulator.cell.workload import Arrivals, Closed
from simulator.results.units import quantity

T = TypeVar("T")
MOST_PROMPT_TOKENS: Final = 1 << 20
TRACED_DEVICES: Final = 100
"""Most devices of a trace: it names none, and each of its requests is dealt to the next one of these."""
NOT_THE_PHONE: Final = (
    "acceptance is of its own drafter, on its own server and requests, and taken for that of the edge's drafter"
)
MEAN_LENGTHS: Final = "every prompt and answer has the mean length"
TRACED: Final = "the load of these requests comes on top of that in which passes were measured"
ASSUMED: Final = "Assumed of it"
UNTOLD: Final = {"kind": "published", "name": "llama_1b_70b", "kept": KEPT}
"""The pair of a cell whose files tell no acceptance: one with prompts of any length."""
TOKENS: Final = (
    "there are models.pair.size token ids; acceptance holds at the cell's temperature (else models.pair.kept)"
)


@dataclass(frozen=True)
class MeasuredCell:
    """`fields`: dotted names as `--set` takes them. `sources`: of each file what was taken and what it cannot tell.
    `drafts`: L of the server that was measured, None where it does not speculate or does not tell."""

    fields: dict[str, object]
    sources: tuple[str, ...]
    drafts: int | None = None
    trace: Path | None = None

    @property
    def files(self) -> list[str]:
        """A line a file."""
        return [line for line in self.sources if not line.startswith(ASSUMED)]

    def whole(self, typed: Mapping[str, object]) -> dict[str, object]:
        """The settings of a cell whose requests are those of a trace, where there is one, and what is typed."""
        if self.trace is None:
            return self.beside(typed)
        requests = Arrivals(path=self.trace)
        longest = dict(zip(("workload.prompt_tokens", "workload.output_tokens"), requests.longest, strict=True))
        settings = self.beside({**longest, **typed})
        for name in longest.keys() - typed.keys():
            del settings[name]
        devices = min(requests.total, TRACED_DEVICES)
        settings["sources"] = [line.replace(MEAN_LENGTHS, TRACED) for line in self.sources]
        return {**settings, "workload": {"kind": "arrivals", "path": self.trace, "devices": devices}}

    def beside(self, typed: Mapping[str, object]) -> dict[str, object]:
        """The settings of a cell, what is typed in place of what was measured."""
        settings = {**self.fields, **typed, "sources": list(self.sources)}
        pair = settings.get("models.pair")
        if pair is self.fields.get("models.pair") and isinstance(pair, dict):
            names = ("prompt_tokens", "output_tokens")
            prompt, output = (settings.get(f"workload.{name}", Closed.model_fields[name].default) for name in names)
            measured = settings.get("models.temperature") == 0  # at which published acceptance was
            kept = {name: value for name, value in pair.items() if not (name == "kept" and measured)}
            settings["models.pair"] = {**kept, "prompt_tokens": prompt, **_room(prompt, output)}
        return settings


def measured_cell(server: Sequence[Path], edge: Sequence[Path] = ()) -> MeasuredCell:
    """Returns the cell of files of a server and its requests, and of an edge's drafter; of two files with the same
    measurement the first counts. Raises ConfigError, one line, for a file without measurements, and for an edge's file
    without the time of a draft."""
    taken = _Taken([(path, *measurements_of(path)) for path in server])
    rounds = taken.first(
        "acceptance", lambda measured: measured.rounds if measured.rounds and measured.rounds.drafts else None
    )
    served, drafts = _served(taken, rounds)
    fields = served | _asked(taken)
    if rounds is not None:
        fields["models.pair"] = {"kind": "acceptance", **rounds.fields}
        taken.assume(NOT_THE_PHONE, TOKENS)
    else:
        fields["models.pair"] = dict(UNTOLD)
        name = f"{UNTOLD['name']} as published unless one is typed"
        taken.assume(f"no acceptance is told: that of models.pair, {name}")
    for path, measured, _ in taken.files:
        if measured.rounds is not None and measured.rounds.drafts is None:
            length = f"accepted length {measured.rounds.tokens:.3g} not taken, the drafts of a round are not told"
            taken.note(path, f"{length}: models.pair={{kind: acceptance, accepted_length: .., drafts: ..}} takes it")
    trace = next((path for path, measured, _ in taken.files if measured.trace), None)
    if trace is not None:
        taken.note(trace, "its requests one by one, in a cell that is written")
    drafting = _Taken([(path, *measurements_of(path)) for path in edge])
    fields |= _drafted(drafting)
    return MeasuredCell(fields, (*taken.lines(), *drafting.lines(" at the edge")), drafts, trace)


@dataclass
class _Taken:
    """Files, and what was taken from each."""

    files: list[tuple[Path, Measurements, str]]
    noted: dict[Path, list[str]] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)

    def first(self, name: str, value: Callable[[Measurements], T | None]) -> T | None:
        """The value of the first file that tells it, which is noted under its name."""
        for path, measured, _ in self.files:
            if (found := value(measured)) is not None:
                self.note(path, name)
                return found
        return None

    def note(self, path: Path, text: str) -> None:
        self.noted.setdefault(path, []).append(text)

    def assume(self, *texts: str) -> None:
        self.assumed += texts

    def lines(self, of: str = "") -> list[str]:
        """A line a file: what was taken from it, and what its numbers cannot tell. Raises ConfigError where nothing
        was."""
        found = []
        for path, measured, origin in self.files:
            if path not in self.noted:
                raise ConfigError(f"{path}: {measured.what}: tells nothing that is wanted here and not told before")
            load = "" if measured.running is None else f", at {measured.running:g} running"
            took = f"{', '.join(self.noted[path])}{load}"
            found.append(f"Measured{of}, {origin}: {took}; cannot tell: {'; '.join(measured.unknown)}.")
        return [*found, *([f"{ASSUMED}: {'; '.join(self.assumed)}."] if self.assumed else [])]


def _served(taken: _Taken, rounds: MeasuredRounds | None) -> tuple[dict[str, object], int | None]:
    """The cloud's passes, and the drafts of its own rounds: those of the file that tells of its steps, or, where that
    does not say whether anything is drafted there, `rounds`, which is the acceptance taken."""

    def step(measured: Measurements) -> tuple[float, MeasuredRounds | None, float | None] | None:
        own = measured.rounds_of_known_drafts or (None if measured.plain else rounds)
        if measured.step_s is not None:
            return measured.step_s, own, measured.draft_s if own else None
        return None if measured.token_s is None else (measured.token_s * (own.tokens if own else 1.0), own, None)

    found = taken.first("a step", step)
    if found is None:
        return {}, None
    step_s, own, draft_s = found
    drafts = own.drafts if own and own.drafts else 0
    verify_s = step_s - drafts * (draft_s or 0.0)
    if not 0 < verify_s <= LONGEST_S:
        raise ConfigError(
            f"{taken.files[0][0]}: a step less its drafts, {verify_s:.3g} s: must be above 0, at most {LONGEST_S:g} s"
        )
    reading = taken.first("reading a prompt", lambda measured: _pair(measured.reading_s, measured.read_tokens))
    fields: dict[str, object] = {"cloud.latency": affine(verify_s, drafts + 1, reading)}
    if own:
        fields["cloud.drafter_latency"] = {"kind": "constant", "per_pass_s": _short(draft_s or 0.0)}
        if draft_s is None:
            held = f"a step, {quantity(step_s, 'step_s')} for {own.tokens:.3g} tokens, holds its drafter's passes"
            taken.assume(
                f"{held}: one that verifies the edge's drafts is shorter, and drafting in the cloud is as measured "
                f"with {drafts} drafts a round alone"
            )
        if own is not rounds:
            taken.assume("drafting in the cloud has that acceptance too, not the server's own")
    taken.assume("passes take their mean, at the load that they were measured at")
    if reading is None:
        taken.assume("a prompt is read in one step")
    return fields, drafts or None


def _asked(taken: _Taken) -> dict[str, object]:
    prompt = taken.first("prompts", lambda measured: measured.prompt_tokens)
    output = taken.first("answers", lambda measured: measured.output_tokens)
    named = (("workload.prompt_tokens", prompt), ("workload.output_tokens", output))
    fields: dict[str, object] = {name: max(1, round(tokens)) for name, tokens in named if tokens is not None}
    if fields:
        taken.assume(MEAN_LENGTHS)
    return fields


def _drafted(taken: _Taken) -> dict[str, object]:
    if not taken.files:
        return {}

    def pass_s(measured: Measurements) -> float | None:
        if measured.draft_s is None and measured.rounds is not None:
            raise ConfigError(f"{taken.files[0][0]}: {measured.what}: speculates; must be of the edge's drafter alone")
        return measured.draft_s or measured.step_s or measured.token_s

    draft_s = taken.first("a draft's pass", pass_s)
    if draft_s is None or not 0 < draft_s <= LONGEST_S:
        raise ConfigError(f"{taken.files[0][0]}: the time of a draft: must be told, at most {LONGEST_S:g} s")
    reading = taken.first("reading a prompt", lambda measured: _pair(measured.reading_s, measured.read_tokens))
    return {"edge.latency": affine(draft_s, 1, reading)}


def _room(prompt: object, output: object) -> dict[str, object]:
    """Returns the fields that a pair of computed texts needs for texts of more tokens than its context, and for prompts
    of more than MOST_PROMPT_TOKENS together."""
    if not isinstance(prompt, int) or not isinstance(output, int):
        return {}
    context, prompts = (KnownAcceptance.model_fields[name].default for name in ("context", "prompts"))
    fitting = max(1, min(prompts, MOST_PROMPT_TOKENS // prompt))
    return ({"context": prompt + output} if prompt + output > context else {}) | (
        {"prompts": fitting} if fitting < prompts else {}
    )


def affine(step_s: float, tokens: int, reading: tuple[float, float] | None) -> dict[str, object]:
    """The latency model through a step of so many tokens and the reading (seconds, tokens) of a prompt."""
    per_token_s = 0.0
    if reading is not None and reading[1] > tokens:
        per_token_s = min(max(0.0, (reading[0] - step_s) / (reading[1] - tokens)), step_s / tokens)
    base_s = max(0.0, step_s - tokens * per_token_s)
    return {"kind": "affine", "base_s": _short(base_s), "per_token_s": _short(per_token_s)}


def _pair(reading_s: float | None, tokens: float | None) -> tuple[float, float] | None:
    return None if reading_s is None or tokens is None else (reading_s, tokens)


def _short(value: float) -> float:
    return float(f"{value:.4g}")


READERS: Final[tuple[Reader, ...]] = (
    read_trace, read_bench_serve, read_aiperf, read_prompts, read_metrics, read_sglang_log, read_llama_cpp_log,
    read_vllm_log,
)  # fmt: skip


def measurements_of(path: Path) -> tuple[Measurements, str]:
    """Returns the measurements of a file, and their origin. Raises ConfigError, one line, for a file of an unknown
    format or a damaged one."""
    file = EngineFile(path)
    for read in READERS:
        if (measured := read(file)) is not None:
            return measured, file.origin(measured)
    raise ConfigError(
        f"{path}: must be a metrics page or log of vLLM, SGLang or llama.cpp, a result of vllm bench serve, AIPerf or "
        "genai-perf, prompts with turns or messages, or a trace of requests"
    )
