"""I6: a cell's tables are the same bytes decoded alone, beside others of its sweep, and in another order of them."""

import gc
from functools import partial

import pytest
from packing import packs_here

from models import packed_passes
from models.shared_passes import together
from simulator import Cell, run, simulate, sweep
from simulator.decoding import decoder
from simulator.decoding.memory import Memory
from simulator.run import GC_THRESHOLDS
from simulator.sweeps import worker

SCHEMES = [
    {"kind": "k_sqs"},
    {"kind": "cloud_only"},
    {"kind": "k_sqs", "depth": 1},
    {"kind": "tree"},
    {"kind": "coupled"},
    {"kind": "edge_only"},
]


def cell(scheme, seed=0, **more):
    return Cell.from_fields(
        {
            "models": {"pair": "sotu"},
            "workload": {"kind": "closed", "requests": 1, "devices": 2, "prompt_tokens": 12, "output_tokens": 8},
            "scheme": scheme,
            "seed": seed,
            **more,
        }
    )


@pytest.fixture
def packed_texts(monkeypatch):
    pair = decoder.load(cell("k_sqs").models.pair)
    assert pair.drafter.shared.packs == pair.verifier.shared.packs == packs_here()  # what finds that out is not counted
    counted, packed = [], packed_passes.packed
    monkeypatch.setattr(packed_passes, "packed", lambda passes: counted.append(len(passes)) or packed(passes))
    return counted


def tables(result):
    return repr(result.summary), result.requests.to_csv(), result.rounds.to_csv()


def test_cells_side_by_side_have_the_tables_of_cells_alone(packed_texts, monkeypatch):
    cells = [*map(cell, SCHEMES), cell("k_sqs", 1)]
    with monkeypatch.context() as one_by_one:
        one_by_one.setattr(run, "predecode", lambda *_: None)
        alone = [tables(simulate(each, memory=Memory())) for each in cells]
    assert not packed_texts
    for order in (cells, cells[:0:-2]):
        ended = dict(together([partial(simulate, each, memory=Memory()) for each in order], 8))
        assert [tables(ended[place]) for place in range(len(order))] == [alone[cells.index(each)] for each in order]
    assert max(packed_texts) >= 3 if packs_here() else not packed_texts


def test_a_sweep_shares_passes_and_its_table_is_that_of_cells_alone(packed_texts, monkeypatch):
    cells = [
        cell(scheme, seed, uplink={"rate": {"kind": "constant", "bps": bps}})
        for scheme in SCHEMES[:2]
        for bps in (1e4, 1e5)
        for seed in range(2)
    ]
    shared = sweep(cells)
    assert max(packed_texts) >= 3 if packs_here() else not packed_texts
    monkeypatch.setattr(worker, "AT_A_TIME", 1)
    monkeypatch.setattr(run, "predecode", lambda *_: None)
    packed_texts.clear()
    assert sweep(cells).to_csv() == shared.to_csv()
    assert not packed_texts


def test_the_garbage_collector_is_put_back_by_the_last_run_to_end():
    before = gc.get_threshold()
    seen = []

    def call(seed):
        simulate(cell("k_sqs", seed), memory=Memory())
        seen.append(gc.get_threshold())

    assert [outcome for _, outcome in together([partial(call, seed) for seed in range(3)], 3)] == [None] * 3
    assert seen == [GC_THRESHOLDS, GC_THRESHOLDS, before]
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0
