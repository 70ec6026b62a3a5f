"""What a run costs against the number of token ids: V = 1k to 152k beside V = 1k, with nothing remembered.

    pytest -s tests/benchmarks/bench_vocabulary.py

No size has a bundled prior. CPU seconds of whole simulations, over the drafts that were made (the tokens, where nobody
drafts at an edge). The pair is loaded by a run before, which is timed apart: it makes 32 distributions of each model of
the synthetic pair, and the shapes of the pair of known acceptance. Nothing is promised of schemes that have something
of each id: `dense` and `half_dense` counts, `coupled` random numbers, `colocated` q itself as what it draws from.
"""

import time

import pytest

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory

SIZES = (1000, 8192, 32_768, 128_256, 151_936)
PAIRS: dict[str, dict[str, object]] = {
    "synthetic": {"kind": "synthetic", "contexts": 32, "entropy_bits": 4.9},
    "acceptance": {"kind": "acceptance"},
}
FEW: dict[str, dict[str, object]] = {
    "k_sqs": {"kind": "k_sqs"},
    "c_sqs": {"kind": "c_sqs"},
    "top_p": {"kind": "composed", "sparsifier": {"kind": "top_p"}},
    "min_p": {"kind": "composed", "sparsifier": {"kind": "min_p"}},
    "truncated_fp16": {"kind": "truncated_fp16", "policy": "fixed_length"},
    "cloud_only": {"kind": "cloud_only"},
}
ALL: dict[str, dict[str, object]] = {
    "colocated": {"kind": "colocated"},
    "coupled": {"kind": "coupled"},
    "dense": {"kind": "dense"},
    "half_dense": {"kind": "half_dense", "max_drafts": 4},
}
PROMISED = 3.0
RUNS = 3


def cell(pair: str, size: int, scheme: dict[str, object], seed: int) -> Cell:
    return Cell.from_fields(
        {
            "models": {"pair": {**PAIRS[pair], "size": size}},
            "workload": {"kind": "closed", "requests": 2, "prompt_tokens": 16, "output_tokens": 48},
            "scheme": scheme,
            "uplink": {"rate": {"kind": "constant", "bps": 1e6}},
            "seed": seed,
        }
    )


def timed(one: Cell) -> tuple[float, CellResult]:
    start = time.process_time()
    result = simulate(one, memory=Memory())
    return time.process_time() - start, result


def seconds_a_draft(one: Cell) -> float:
    spent_s, result = timed(one)
    drafts = float(result.rounds["edge_passes"].sum()) if one.scheme.kind not in ("cloud_only", "colocated") else 0.0
    return spent_s / (drafts or float(result.requests["output_tokens"].sum()))


@pytest.mark.parametrize("pair", PAIRS)
def test_cost_against_the_vocabulary(pair, ratio, curve):
    schemes = FEW | ALL
    for scheme in schemes.values():
        timed(cell(pair, 999, scheme, 0))  # compiles
    load_s = {size: timed(cell(pair, size, FEW["k_sqs"], 0))[0] for size in SIZES}
    print(f"\n{pair}: us a draft, least of {RUNS}\n{'V':16}" + "".join(f"{size:14}" for size in SIZES))
    for name, scheme in schemes.items():
        least = dict.fromkeys(SIZES, float("inf"))
        for seed in range(1, RUNS + 1):
            for size in SIZES:
                least[size] = min(least[size], seconds_a_draft(cell(pair, size, scheme, seed)))
        print(f"{name:16}" + "".join(f"{1e6 * each:14.0f}" for each in least.values()), flush=True)
        if name in FEW:
            curve(f"a draft, {name}", f"token ids, pair {pair}", least)
        for size in SIZES[3:]:
            bound = PROMISED if name in FEW else None
            beside = least[size] / least[SIZES[0]]
            ratio(f"{pair}, {name}: V = {size} / 1k", beside, at_most=bound, meaning="CPU time of a draft")
    print(f"{'first run, s':16}" + "".join(f"{each:14.2f}" for each in load_s.values()))
