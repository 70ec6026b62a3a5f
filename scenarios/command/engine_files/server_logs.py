"""The lines that a serving engine logs while it works.

vLLM (v1/spec_decode/metrics.py, v1/metrics/loggers.py), one of each an interval of 10 s:

    SpecDecoding metrics: Mean acceptance length: 2.77, .. Drafted: 1062 tokens, Per-position acceptance rate: 0.802,
    Engine 000: ..., Avg generation throughput: 13.0 tokens/s, Running: 1 reqs, ...

SGLang (srt/managers/scheduler_metrics_mixin.py), one every 40 decode steps by default:

    Decode batch, #running-req: 4, ..., accept len: 2.70, accept rate: 0.57, ..., gen throughput (token/s): 123.73, ...
    Prefill batch, #new-seq: 1, #new-token: 4061, #cached-token: 1000, ...

and at its start `speculative_num_steps=3`. Neither logs how long a step takes: it is the median over lines of running
requests over tokens a second, times the tokens of a step.
"""

from __future__ import annotations

import re
from statistics import median

from scenarios.command.engine_files.engine_file import EngineFile, MeasuredRounds, Measurements, ratio, survival_of
from scenarios.command.engine_files.metrics_page import drafts_by

_FLOAT = r"([0-9.]+|nan|inf)"
_WHOLE = r"(\d{1,12})"
_VLLM = re.compile(
    rf"SpecDecoding metrics: .*?Mean acceptance length: {_FLOAT},.*?Accepted: {_WHOLE} tokens, "
    rf"Drafted: {_WHOLE} tokens,.*?Per-position acceptance rate: ([0-9.]+(?:, [0-9.]+)*)"
)
_VLLM_LOAD = re.compile(rf"Avg generation throughput: {_FLOAT} tokens/s, Running: {_WHOLE} reqs")
_SGLANG = re.compile(rf"Decode batch.*?#running-req: {_WHOLE}.*?gen throughput \(token/s\): {_FLOAT}")
_SGLANG_ACCEPTED = re.compile(rf"Decode batch.*?accept len: {_FLOAT}(?:, accept rate: {_FLOAT})?")
_SGLANG_PROMPTS = re.compile(rf"Prefill batch.*?#new-seq: {_WHOLE}, #new-token: {_WHOLE}, #cached-token: {_WHOLE}")
_SGLANG_STEPS = re.compile(rf"speculative_num_steps={_WHOLE}")
_STEP = (
    "the length of a step is worked out from throughput and running requests, prompts that are read between included"
)


def read_vllm_log(file: EngineFile) -> Measurements | None:
    """Acceptance over all lines, each by its rounds."""
    found = [each.groups() for line in file.lines if (each := _VLLM.search(line))]
    loads = [each.groups() for line in file.lines if (each := _VLLM_LOAD.search(line))]
    if not found and not loads:
        return None
    accepted: list[float] = []
    total = 0.0
    for length, hits, drafted, rates in found:
        shares = [file.number(share, "acceptance rate", 1) for share in rates.split(", ")]
        tokens = file.number(length, "mean acceptance length", 1024)
        rounds = int(hits) / (tokens - 1) if tokens > 1 else int(drafted) / len(shares)
        accepted += [0.0] * (len(shares) - len(accepted))
        accepted = [sum_ + rounds * (shares[n] if n < len(shares) else 0.0) for n, sum_ in enumerate(accepted)]
        total += rounds
    token_s, running = _pace(file, [(int(requests), speed) for speed, requests in loads])
    return Measurements(
        "vLLM log", survival_of(file.path, accepted, total) if total else None, plain=not found, token_s=token_s,
        running=running,
        unknown=[_STEP, "how long prompts and answers are, and how long reading a prompt takes"],
    )  # fmt: skip


def read_sglang_log(file: EngineFile) -> Measurements | None:
    """AL, the mean over lines: each is of as many steps."""
    loads = [each.groups() for line in file.lines if (each := _SGLANG.search(line))]
    if not loads:
        return None
    found = [each.groups() for line in file.lines if (each := _SGLANG_ACCEPTED.search(line))]
    lengths = [file.number(length, "accept len", 1024) for length, _ in found]
    shares = [file.number(share, "accept rate", 1) for _, share in found if share is not None]
    steps = _SGLANG_STEPS.search(file.text)
    length = sum(lengths) / len(lengths) if lengths else 1.0
    drafts = int(steps[1]) if steps else drafts_by(length, sum(shares) / len(shares) if shares else None)
    prompts = [[*map(int, each.groups())] for line in file.lines if (each := _SGLANG_PROMPTS.search(line))]
    begun, new, cached = (sum(column) for column in zip(*prompts, strict=True)) if prompts else (0, 0, 0)
    token_s, running = _pace(file, [(int(requests), speed) for requests, speed in loads])
    return Measurements(
        "SGLang log", MeasuredRounds(drafts, accepted_length=length) if length > 1 else None, plain=not lengths,
        token_s=token_s, prompt_tokens=ratio(new + cached, begun), running=running,
        unknown=[_STEP, "how long answers are, and how long reading a prompt takes",
                 *([] if length <= 1 or steps else ["how many drafts a round has: by its accept rate"])],
    )  # fmt: skip


def _pace(file: EngineFile, loads: list[tuple[int, str]]) -> tuple[float | None, float | None]:
    busy = [(running, file.number(speed, "throughput")) for running, speed in loads if running]
    paces = [running / speed for running, speed in busy if speed]
    return (median(paces), median(running for running, _ in busy)) if paces else (None, None)
