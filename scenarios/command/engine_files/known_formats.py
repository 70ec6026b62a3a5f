"""Which formats are known, and which of them a file is of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kinds import ConfigError
from scenarios.command.engine_files.benchmark_results import read_aiperf, read_bench_serve
from scenarios.command.engine_files.engine_file import EngineFile, Measurements, Reader
from scenarios.command.engine_files.llama_cpp_log import read_llama_cpp_log
from scenarios.command.engine_files.metrics_page import read_metrics
from scenarios.command.engine_files.request_lists import read_prompts, read_trace
from scenarios.command.engine_files.server_logs import read_sglang_log, read_vllm_log

READERS: Final[tuple[Reader, ...]] = (
    read_trace, read_bench_serve, read_aiperf, read_prompts, read_metrics, read_sglang_log, read_llama_cpp_log,
    read_vllm_log,
)  # fmt: skip


def measurements_of(path: Path) -> tuple[Measurements, str]:
    """What a file tells, and its origin. Raises ConfigError, one line, for a file of no format that is known, or one
    that is damaged."""
    file = EngineFile(path)
    for read in READERS:
        if (measured := read(file)) is not None:
            return measured, file.origin(measured)
    raise ConfigError(
        f"{path}: must be a metrics page or log of vLLM, SGLang or llama.cpp, a result of vllm bench serve, AIPerf or "
        "genai-perf, prompts with turns or messages, or a trace of requests"
    )
