"""The same requests served by other simulators of serving engines and by this one.

    python -m tools.other_simulators

takes two minutes of processor time and writes docs/figures/other_simulators.csv. The
requests, and when each got its first and its last token elsewhere, are the files of tests/data/served, one a load. To
make these again, with checkouts of BLIS and Vidur at the commits that are printed:

    python -m tools.other_simulators --write DIR    writes what the two read, and prints the commands that run them
    python -m tools.other_simulators --read DIR     makes DIR/LOAD.csv, as in tests/data/served, of what they left there
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from kinds.csv_tables import read_header
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from tools.validation_page import DOCS

SERVED: Final = DOCS.parent / "tests" / "data" / "served"
LOADS: Final = {
    "light": "1.5 requests a second",
    "busy": "12 a second",
    "flood": "40 a second, more than is served",
    "prompts": "5 a second, long prompts",
}
NO_LINK: Final = {"rate": {"kind": "constant", "bps": "inf"}, "delay": {"kind": "constant", "delay_s": 0.0}}
BLOCK: Final = 16
"""Tokens of a block of keys and values, there; here memory is counted in tokens."""


class Answers(NamedTuple):
    """Times of each request, in order of arrival: seconds to the first and to the last token, arrival, tokens."""

    first_s: Floats
    last_s: Floats
    arrival_s: Floats
    tokens: Floats

    @property
    def figures(self) -> dict[str, float]:
        """Tokens a second from the first arrival to the last token; percentiles of the time to the first token and of
        that per token after it, ms."""
        per_token_s = ((self.last_s - self.first_s) / np.maximum(self.tokens - 1, 1))[self.tokens > 1]
        span_s = (self.arrival_s + self.last_s).max() - self.arrival_s.min()
        times = {"TTFT": self.first_s, "TPOT": per_token_s}
        return {"tokens/s": float(self.tokens.sum() / span_s)} | {
            f"{name} p{percent}": 1e3 * float(np.percentile(seconds, percent))
            for name, seconds in times.items()
            for percent in (50, 90, 99)
        }


@dataclass(frozen=True)
class Against:
    """A run of another simulator, and the same here: `answers` names its columns, `cloud` what its server has."""

    simulator: str
    load: str
    answers: str
    why: str
    cloud: Mapping[str, object] = field(default_factory=dict)

    def theirs(self) -> Answers:
        """Returns the times in the file."""
        table = pd.read_csv(SERVED / f"{self.load}.csv")
        columns = [f"{self.answers}_ttft_us", f"{self.answers}_e2e_us", "arrival_time_us"]
        first_s, last_s, arrival_s = (table[name].to_numpy(float) / 1e6 for name in columns)
        return Answers(first_s, last_s, arrival_s, table["output_tokens"].to_numpy(float))

    def ours(self) -> Answers:
        """Returns the times simulated here."""
        table = simulate(self.cell(), memory=Memory()).requests.sort_values("device")
        columns = ("ttft_s", "latency_s", "arrival_s", "output_tokens")
        return Answers(*(table[name].to_numpy(float) for name in columns))

    def cell(self) -> Cell:
        """Returns the cell: each request on a device of its own, its prompt in the cloud, nothing between the two."""
        path = SERVED / f"{self.load}.csv"
        requests = pd.read_csv(path)
        pair = {"kind": "synthetic", "size": 4, "contexts": 4, "prompt_tokens": int(requests["input_tokens"].max())}
        cloud = {
            "batching": {"kind": "continuous", "cap": 64}, "token_budget": 512, "kv_tokens": None,
            "latency": {"kind": "affine", "base_s": 0.02, "per_token_s": 5e-5},
        }  # fmt: skip
        return Cell.from_fields(
            {
                "models": {"pair": pair | {"entropy_bits": 1.0}, "temperature": 0.0},
                "workload": {
                    "kind": "arrivals", "path": str(path), "devices": len(requests), "distinct": 1,
                    "prompt_at_cloud": True,
                },
                "scheme": "cloud_only",
                "uplink": NO_LINK,
                "downlink": NO_LINK,
                "cloud": cloud | dict(self.cloud),
            }
        )  # fmt: skip


CACHED: Final = {"latency": {"kind": "affine", "base_s": 0.02, "per_token_s": 5e-5, "per_cached_token_s": 2e-7}}
SMALL: Final = {"batching": {"kind": "continuous", "cap": 8}, "token_budget": 64}
"""Cloud of the load `tight`, which is for the tests alone."""
LLAMA: Final = {"size": "llama_3.1_70b", "device": "h100_80gb_sxm", "gpus": 4}


def scheduled(load: str, **cloud: object) -> list[Against]:
    """The runs that differ in nothing but whose scheduler it is."""
    return [
        Against("BLIS", load, "blis", "none: the same passes", cloud),
        Against("Vidur", load, "vidur", "none: the same passes, cached tokens charged too", cloud | CACHED),
    ]


def short_of_memory() -> Iterator[Against]:
    """Yields the comparisons in which requests are evicted."""
    for blocks in (1600, 1200):
        for simulator in ("BLIS", "Vidur"):
            for admission in ("preempt", "whole_request"):
                cloud = {"kv_tokens": blocks * BLOCK, "admission": admission}
                if admission == "preempt":
                    cloud["kv_block_tokens"] = BLOCK
                answers = f"{simulator.lower()}{blocks}"
                yield Against(simulator, "busy", answers, f"{blocks:,} blocks, here `{admission}`", cloud)


def timed() -> Iterator[Against]:
    """Yields the comparisons in which each has its own latency model of Llama-3.1-70B on four H100."""
    latencies = {"roofline": {"kind": "roofline", **LLAMA}, "h100x4_70b": {"kind": "profile", "name": "h100x4_70b"}}
    for load in ("light", "busy"):
        for name, latency in latencies.items():
            yield Against("BLIS", load, "physics", f"70B on 4 H100, here `{name}`", {"latency": latency})


def rows() -> Iterator[Against]:
    """The whole table."""
    for load in LOADS:
        yield from scheduled(load)
    yield from short_of_memory()
    yield from timed()


def table(each: Iterator[Against]) -> pd.DataFrame:
    """Returns a row per comparison and figure: their value and ours, milliseconds or tokens per second."""
    long = [
        {
            "against": row.simulator,
            "load": row.load,
            "differs": row.why,
            "figure": name,
            "theirs": its,
            "ours": ours[name],
        }
        for row in each
        for theirs, ours in [(row.theirs().figures, row.ours().figures)]
        for name, its in theirs.items()
    ]
    return pd.DataFrame(long).round(3)


REQUESTS: Final = ["arrival_time_us", "input_tokens", "output_tokens"]
TRACE_V2: Final = """\
request_id,client_id,tenant_id,slo_class,session_id,round_index,prefix_group,prefix_length,streaming,input_tokens,\
output_tokens,text_tokens,image_tokens,audio_tokens,video_tokens,reason_ratio,model,deadline_us,server_input_tokens,\
arrival_time_us,send_time_us,first_chunk_time_us,last_chunk_time_us,num_chunks,status,error_message,finish_reason
"""
TRACE_V2_ROW: Final = "{0},,,,,0,,0,false,{2},{3},0,0,0,0,0,,0,0,{1},0,0,0,0,ok,,\n"
PREDICTOR: Final = """\
import os

from vidur.entities import ExecutionTime


class RandomForrestExecutionTimePredictor:
    def __init__(self, *configs, **named):
        pass

    def get_execution_time(self, batch, stage):
        cached = sum(each.num_processed_tokens - each.is_prefill_complete for each in batch.requests)
        pass_ms = 20 + 0.05 * batch.total_num_tokens + float(os.environ["CACHED_MS"]) * cached
        return ExecutionTime(1, *[0.0] * 14, pass_ms, *[0.0] * 4)
"""
"""Takes the place of Vidur's predictor of pass times. A token that was just made is not in the cache."""
BLIS: Final = (
    "./blis replay --trace-header {folder}/header.yaml --trace-data {folder}/{load}.requests.blis.csv --results-path "
    "{folder}/{load}.{answers}.json --horizon 1000000000 --model meta-llama/llama-3.1-70b-instruct --latency-model "
)
COMMANDS: Final = {
    "blis": BLIS + "blackbox --beta-coeffs 20000,50,50 --alpha-coeffs 0,0,0 --max-num-running-reqs {cap} "
    "--max-num-scheduled-tokens {budget} --total-kv-blocks {blocks}",
    "physics": BLIS + "trained-physics --hardware H100 --tp 4 --max-num-seqs {cap} --max-num-batched-tokens {budget} "
    "--total-kv-blocks 100000",
    "vidur": "CACHED_MS={cached_ms} python -m vidur.main --request_generator_config_type trace_replay "
    "--trace_request_generator_config_trace_file {folder}/{load}.requests.vidur.csv --replica_scheduler_config_type "
    "sarathi --sarathi_scheduler_config_chunk_size {budget} --sarathi_scheduler_config_batch_size_cap {cap} "
    "--sarathi_scheduler_config_watermark_blocks_fraction 0 --sarathi_scheduler_config_num_blocks {blocks} "
    "--metrics_config_output_dir {folder}/{load}.{answers} --no-metrics_config_store_plots "
    "--no-metrics_config_enable_chrome_trace",
}
"""Commands of the simulators, by the beginning of the names of a run's columns."""
CHECKOUTS: Final = {
    "blis": "# BLIS: in inference-sim at d06d301, after `go build -o blis main.go`",
    "physics": "# BLIS with its own latency model: in inference-sim at f90a1e3, after `go build -o blis main.go`",
    "vidur": "# Vidur: in its repository at 7d47513, after `pip install -r requirements.txt`\n"
    "cp {folder}/predictor.py vidur/execution_time_predictor/random_forrest_execution_time_predictor.py",
}


def answers_of(load: str) -> list[str]:
    """Returns the runs of other simulators on a load, by the names of their columns."""
    header = read_header(SERVED / f"{load}.csv")
    return [name.removesuffix("_ttft_us") for name in header if name.endswith("_ttft_us")]


def write_runs(folder: Path) -> str:
    """Writes the requests of each load as BLIS and Vidur read them, and returns the commands that serve them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "header.yaml").write_text("trace_version: 2\ntime_unit: us\nmode: generated\nwarm_up_requests: 0\n")
    (folder / "predictor.py").write_text(PREDICTOR)
    lines = {program: [place.format(folder=folder.resolve())] for program, place in CHECKOUTS.items()}
    for load in sorted(path.stem for path in SERVED.glob("*.csv")):
        requests = pd.read_csv(SERVED / f"{load}.csv")[REQUESTS]
        rows = (TRACE_V2_ROW.format(*row) for row in requests.itertuples())
        (folder / f"{load}.requests.blis.csv").write_text(TRACE_V2 + "".join(rows))
        vidur = requests.set_axis(["arrived_at", "num_prefill_tokens", "num_decode_tokens"], axis="columns")
        vidur.assign(arrived_at=vidur["arrived_at"] / 1e6).to_csv(folder / f"{load}.requests.vidur.csv", index=False)
        cap, budget = (8, 64) if load == "tight" else (64, 512)
        for answers in answers_of(load):
            program, blocks = answers.rstrip("0123456789"), answers.lstrip("abcdefghijklmnopqrstuvwxyz")
            lines[program] += [
                COMMANDS[program].format(
                    folder=folder.resolve(), load=load, answers=answers, cap=cap, budget=budget,
                    blocks=blocks or 1_000_000, cached_ms=0 if blocks else 0.0002,
                )
            ]  # fmt: skip
    return "\n\n".join("\n".join(each) for each in lines.values())


def read_answers(folder: Path) -> None:
    """Makes the file of each load, LOAD.csv, of what the commands have left in the folder. Raises SystemExit where
    requests lack an answer."""
    for path in SERVED.glob("*.csv"):
        table = pd.read_csv(path)[REQUESTS]
        for answers in answers_of(path.stem):
            run, ids, columns, unit_us = f"{path.stem}.{answers}", "request_id", ("ttft_us", "e2e_us"), 1.0
            left = folder / f"{run}.json"
            if answers.startswith("vidur"):
                ids, columns, unit_us = "Request Id", ("prefill_e2e_time", "request_e2e_time"), 1e6
                left = max(folder.glob(f"{run}/*/request_metrics.csv"), default=folder / run)
            said = (pd.read_json if left.suffix == ".json" else pd.read_csv)(left) if left.is_file() else pd.DataFrame()
            if len(said) != len(table):
                raise SystemExit(f"{left}: {len(said)} answers to {len(table)} requests")
            said = said.sort_values(ids, ignore_index=True)
            for name, column in zip(("ttft", "e2e"), columns, strict=True):
                table[f"{answers}_{name}_us"] = (said[column] * unit_us).round().astype(int)
        table.to_csv(folder / path.name, index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", type=Path, metavar="DIR", help="write what the others read, print how to run them")
    parser.add_argument(
        "--read", type=Path, metavar="DIR", help="make the files of tests/data/served of what they left"
    )
    if (asked := parser.parse_args()).write:
        print(write_runs(asked.write))
    elif asked.read:
        read_answers(asked.read)
    else:
        table(rows()).to_csv(DOCS / "figures" / "other_simulators.csv", index=False)
