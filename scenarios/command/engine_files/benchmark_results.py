"""Results that benchmarks of servers write.

`vllm bench serve --save-result` (vllm/benchmarks/serve.py) and SGLang's `bench_serving`, a JSON object, or one a line:
their ITL is from one chunk of the stream to the next, a step; their TPOT is of one token. `spec_decode_*` are
differences of the server's counters over the run; SGLang's `accept_length` is without the drafts of a round. Of several
runs in one file the last counts.

AIPerf and genai-perf, `profile_export_aiperf.json`, `profile_export_genai_perf.json` (JSON export schema): blocks of
`unit` and `avg`; their `inter_token_latency` is (latency - time to the first token) / (tokens - 1), of one token;
AIPerf's `inter_chunk_latency` is a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kinds import ConfigError
from scenarios.command.engine_files.engine_file import EngineFile, MeasuredRounds, Measurements, ratio, survival_of

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0}
_OVER_THE_NETWORK = (
    "times are the client's, its network and the first token's queue among them; reading a prompt takes at most that"
)


def read_bench_serve(file: EngineFile) -> Measurements | None:
    """Reads the results of `bench serve`; see the module."""
    rows = [each for each in file.objects if "mean_ttft_ms" in each or "mean_tpot_ms" in each or "mean_itl_ms" in each]
    if not rows:
        return None
    run = rows[-1]

    def value(name: str, scale: float = 1.0) -> float | None:
        return None if run.get(name) is None else file.number(run[name], name) * scale

    answered = value("completed")
    date = str(run.get("date", ""))[:8]
    step_s, token_s = value("mean_itl_ms", 1e-3), value("mean_tpot_ms", 1e-3)
    prompts = ratio(value("total_input_tokens"), answered)
    return Measurements(
        "vllm bench serve" if "spec_decode_acceptance_length" in run or "endpoint_type" in run else "bench_serving",
        _bench_rounds(file, run), step_s=step_s or None, token_s=token_s or None,
        reading_s=value("mean_ttft_ms", 1e-3) or None, read_tokens=prompts, prompt_tokens=prompts,
        output_tokens=ratio(value("total_output_tokens"), answered),
        running=value("max_concurrency"),
        date=f"{date[:4]}-{date[4:6]}-{date[6:]}" if date.isdecimal() and len(date) == 8 else "",
        unknown=[_OVER_THE_NETWORK, "at which temperature", "how much of a prompt was cached"],
    )  # fmt: skip


def _bench_rounds(file: EngineFile, run: Mapping[str, object]) -> MeasuredRounds | None:
    shares = run.get("spec_decode_per_position_acceptance_rates")
    if isinstance(shares, list) and shares:
        name = "spec_decode_per_position_acceptance_rates"
        return survival_of(file.path, [file.number(share, name, 1) for share in shares], 1.0)
    given = run.get("spec_decode_acceptance_length") or run.get("accept_length")
    length = None if given is None else file.number(given, "acceptance length", 1024)
    if length is None or length <= 1:
        return None
    counted = [run.get(f"spec_decode_{name}") for name in ("draft_tokens", "num_drafts")]
    drafted, rounds = (None if each is None else file.number(each, "spec_decode") for each in counted)
    mean = ratio(drafted, rounds)
    return MeasuredRounds(None if mean is None else max(1, round(mean)), accepted_length=length)


def read_aiperf(file: EngineFile) -> Measurements | None:
    """Reads the results of AIPerf and genai-perf; see the module."""
    runs = [each for each in file.objects if isinstance(each.get("time_to_first_token"), dict)]
    if not runs:
        return None
    run = runs[-1]

    def mean(name: str, timed: bool = True) -> float | None:
        block = run.get(name)
        if not isinstance(block, dict) or block.get("avg") is None:
            return None
        unit = str(block.get("unit", "ms"))
        if timed and unit not in _UNITS:
            raise ConfigError(f"{file.path}: {name}.unit = {unit[:20]!r}: must be one of {', '.join(_UNITS)}")
        return file.number(block["avg"], f"{name}.avg") * (_UNITS[unit] if timed else 1.0)

    prompts = mean("input_sequence_length", timed=False)
    began = run.get("start_time")
    return Measurements(
        "AIPerf or genai-perf", step_s=mean("inter_chunk_latency"), token_s=mean("inter_token_latency"),
        reading_s=mean("time_to_first_token"), read_tokens=prompts, prompt_tokens=prompts,
        output_tokens=mean("output_sequence_length", timed=False),
        date=began[:10] if isinstance(began, str) else "",
        unknown=[_OVER_THE_NETWORK, "whether the server speculates, and how many of its drafts are accepted",
                 "how much of a prompt was cached"],
    )  # fmt: skip
