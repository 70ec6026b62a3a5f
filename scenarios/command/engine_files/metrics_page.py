"""The metrics page of a serving engine, as Prometheus reads it: `curl http://HOST:PORT/metrics`.

vLLM (v1/metrics/loggers.py, v1/metrics/stats.py, v1/spec_decode/metrics.py): acceptance is of
`vllm:spec_decode_num_accepted_tokens_per_pos` over `..._num_drafts`. `vllm:inter_token_latency_seconds`, before it
`time_per_output_token_seconds`, has one observation an output of a request, however many tokens it holds: a
step. The V0 engine counted emitted tokens in place of positions, and the length of a round is in its efficiency =
emitted / (drafted / k (k + 1)); its time per output token is of one token.

SGLang (srt/metrics/collector.py): `sglang:spec_accept_length` is AL, a mean over the last decode batches;
`sglang:inter_token_latency_seconds`, before it `time_per_output_token_seconds`, is of one token.

llama.cpp (`llama-server --metrics`): counters of tokens and seconds, none of drafts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kinds import ConfigError
from scenarios.command.engine_files.engine_file import EngineFile, MeasuredRounds, Measurements, ratio, survival_of

_SAMPLE = re.compile(r"(?:\w+_)?(vllm|sglang|llamacpp)[:_](\w+?)(?:_total)?(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?\s*")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NAMES = {"vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp"}
_QUEUED = "reading a prompt is taken from the time to the first token, which waiting is part of: at most that"


_Samples = dict[str, list[tuple[dict[str, str], str]]]


@dataclass(frozen=True)
class MetricsPage:
    """The samples of one engine and model, by name: each its labels and value."""

    file: EngineFile
    engine: str
    samples: _Samples

    def values(self, *names: str) -> list[tuple[dict[str, str], float]]:
        """Returns the samples of the first of these names that is there; [] if none is. Raises ConfigError if one is no
        number."""
        name = next((name for name in names if name in self.samples), names[0])
        found = self.samples.get(name, [])
        return [(labels, self.file.number(value, f"{self.engine}:{name}")) for labels, value in found]

    def sum(self, *names: str) -> float | None:
        """Returns the sum over all ranks and engines; None if there is no sample."""
        found = self.values(*names)
        return sum(value for _, value in found) if found else None

    def gauge(self, *names: str) -> float | None:
        """The mean: each rank repeats it."""
        found = self.values(*names)
        return sum(value for _, value in found) / len(found) if found else None

    def load(self, running: str) -> str:
        """Returns a note on the load, which such a page does not state."""
        now = self.gauge(running)
        when = "" if now is None else f", {now:g} running when it was read"
        return f"at which load: it counts all traffic since the server began{when}"

    def mean(self, *names: str) -> float | None:
        """Returns the mean of the first histogram that has any observation."""
        means = (ratio(self.sum(f"{name}_sum"), self.sum(f"{name}_count")) for name in names)
        return next((each for each in means if each is not None), None)


def read_metrics(file: EngineFile) -> Measurements | None:
    """Reads a metrics page; see the module. Raises ConfigError if a counter is no number, or if the page is cut off or
    of several models."""
    samples: dict[str, _Samples] = {}
    for line in file.lines:
        if line.startswith("#") or (found := _SAMPLE.fullmatch(line)) is None:
            continue
        engine, name, labels, value = found.groups()
        samples.setdefault(engine, {}).setdefault(name, []).append((dict(_LABEL.findall(labels or "")), value))
    if not samples:
        return None
    engine, of = max(samples.items(), key=lambda each: len(each[1]))
    if not file.text.endswith("\n"):
        raise ConfigError(f"{file.path}: is cut off: a metrics page ends with a line feed; take it again")
    histograms = [name.removesuffix("bucket") for name in of if name.endswith("_bucket")]
    if lacking := [name + part for name in histograms for part in ("count", "sum") if name + part not in of]:
        raise ConfigError(f"{file.path}: is cut off: {engine}:{lacking[0]} is missing; take it again")
    models = sorted({labels["model_name"] for each in of.values() for labels, _ in each if "model_name" in labels})
    if len(models) > 1:
        raise ConfigError(f"{file.path}: is of the models {', '.join(models)[:80]}: must be of one; keep its lines")
    return {"vllm": _vllm, "sglang": _sglang, "llamacpp": _llama_cpp}[engine](MetricsPage(file, engine, of))


def _vllm(page: MetricsPage) -> Measurements:
    rounds, is_v0 = _vllm_rounds(page)
    between = page.mean("inter_token_latency_seconds", "time_per_output_token_seconds")
    token_s = page.mean("request_time_per_output_token_seconds")
    prompts = page.mean("request_prompt_tokens")
    computed = page.mean("request_prefill_kv_computed_tokens")
    hits = ratio(page.sum("prefix_cache_hits", "gpu_prefix_cache_hits"),
                 page.sum("prefix_cache_queries", "gpu_prefix_cache_queries")) or 0.0  # fmt: skip
    if computed is None and prompts is not None:
        computed = prompts * max(0.0, 1 - hits)
    reading_s, first_s = page.mean("request_prefill_time_seconds"), page.mean("time_to_first_token_seconds")
    return Measurements(
        "vLLM metrics",
        rounds,
        plain=rounds is None,
        step_s=None if is_v0 else between,
        token_s=between if is_v0 else token_s,
        reading_s=first_s if reading_s is None else reading_s,
        read_tokens=computed,
        prompt_tokens=prompts,
        output_tokens=page.mean("request_generation_tokens"),
        unknown=[page.load("num_requests_running"), *([_QUEUED] if reading_s is None and first_s is not None else [])],
    )


def _vllm_rounds(page: MetricsPage) -> tuple[MeasuredRounds | None, bool]:
    """Acceptance, and whether it is that of the V0 engine."""
    drafted, emitted = page.sum("spec_decode_num_draft_tokens"), page.sum("spec_decode_num_emitted_tokens")
    if emitted is not None:
        efficiency = page.gauge("spec_decode_efficiency")
        if not drafted or not emitted or not efficiency:
            return None, True
        more = emitted / (efficiency * drafted) - 1  # 1 / k
        if not 1 / 64 < more <= 1.1:
            raise ConfigError(f"{page.file.path}: vllm:spec_decode_efficiency: does not fit the counters beside it")
        drafts = max(1, round(1 / more))
        return MeasuredRounds(drafts, accepted_length=emitted * drafts / drafted), True
    counted = page.sum("spec_decode_num_drafts")
    if not counted:
        return None, False
    accepted: dict[int, float] = {}
    for labels, value in page.values("spec_decode_num_accepted_tokens_per_pos"):
        place = int(page.file.number(labels.get("position"), "position", 1023))
        accepted[place] = accepted.get(place, 0.0) + value
    return survival_of(page.file.path, [accepted.get(place, 0.0) for place in range(len(accepted))], counted), False


def _sglang(page: MetricsPage) -> Measurements:
    length, share = page.gauge("spec_accept_length"), page.gauge("spec_accept_rate")
    drafts = page.gauge("spec_num_steps")
    rounds = None
    if length is not None and length > 1:
        rounds = MeasuredRounds(round(drafts) if drafts else drafts_by(length, share), accepted_length=length)
    requests = page.sum("num_requests")
    prompts = ratio(page.sum("prompt_tokens"), requests)
    cached = ratio(page.sum("cached_tokens"), requests) or 0.0
    return Measurements(
        "SGLang metrics", rounds, plain=length is None,
        token_s=page.mean("inter_token_latency_seconds", "time_per_output_token_seconds"),
        reading_s=page.mean("time_to_first_token_seconds"),
        read_tokens=None if prompts is None else max(0.0, prompts - cached),
        prompt_tokens=prompts, output_tokens=ratio(page.sum("generation_tokens"), requests),
        unknown=["the accepted length is of the last batches alone", page.load("num_running_reqs"), _QUEUED],
    )  # fmt: skip


def drafts_by(length: float, share: float | None) -> int | None:
    """L from AL and the share of accepted drafts as SGLang gives them: (AL - 1) / L, or in older versions
    AL / (L + 1): the one that is nearer to a whole number. None without a share."""
    if not share:
        return None
    found = [(length - 1) / share, length / share - 1]
    whole = min(found, key=lambda each: abs(each - round(each)))
    return min(32, max(1, round(whole), int(-(-(length - 1) // 1))))


def _llama_cpp(page: MetricsPage) -> Measurements:
    reading_s, tokens = page.sum("prompt_seconds"), page.sum("prompt_tokens")
    return Measurements(
        "llama.cpp metrics", token_s=ratio(page.sum("tokens_predicted_seconds"), page.sum("tokens_predicted")),
        reading_s=reading_s or None, read_tokens=tokens or None,
        unknown=["how many drafts were accepted, how long prompts and answers are", page.load("requests_processing")],
    )  # fmt: skip
