"""Over a wide vocabulary few ids are held of a distribution: tables are those of whole rows, byte for byte."""

import numpy as np
import pytest

from channels.codec.wire import Draft
from models import verification
from simulator import Cell, CellResult, simulate
from simulator.decoding import divergences
from simulator.decoding.memory import Memory
from simulator.schemes import acceptance

SIZE = 6000
SCHEMES: dict[str, dict[str, object]] = {
    "k_sqs": {"kind": "k_sqs"},
    "c_sqs": {"kind": "c_sqs", "step": 0.05},
    "top_p": {"kind": "composed", "sparsifier": {"kind": "top_p"}},
    "min_p": {"kind": "composed", "sparsifier": {"kind": "min_p"}},
    "s_q": {"kind": "s_q", "resolution": 5},
    "dense": {"kind": "dense", "resolution": 20, "max_drafts": 3},
    "half_dense": {"kind": "half_dense", "max_drafts": 2},
    "truncated_fp16": {"kind": "truncated_fp16"},
    "dssd": {"kind": "dssd"},
    "dssd, half": {"kind": "dssd", "precision": "half"},
    "tree": {"kind": "tree"},
    "coupled": {"kind": "coupled"},
    "colocated": {"kind": "colocated"},
    "cloud_only": {"kind": "cloud_only"},
}


def simulated(scheme: str, pair: str) -> CellResult:
    contexts = {"contexts": 8, "prompts": 2, "prompt_tokens": 8} if pair == "synthetic" else {}
    fields = {
        "models": {"pair": {"kind": pair, "size": SIZE, **contexts}},
        "workload": {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24},
        "scheme": SCHEMES[scheme],
        "uplink": {"rate": {"kind": "constant", "bps": 1e5}},
    }
    return simulate(Cell.from_fields(fields), memory=Memory())


@pytest.mark.parametrize("pair", ["synthetic", "acceptance"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_tables_are_those_of_whole_rows(scheme: str, pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = simulated(scheme, pair)
    monkeypatch.setattr(acceptance, "FEW", SIZE + 1)  # no support is that small a part
    monkeypatch.setattr(divergences, "is_foreign", lambda module: True)  # output distributions are computed
    whole = simulated(scheme, pair)
    for name in ("requests", "rounds"):
        table, expected = getattr(found, name), getattr(whole, name)
        assert table.to_csv(index=False) == expected.to_csv(index=False)
    assert repr(found.summary) == repr(whole.summary)


def test_a_distribution_on_few_ids_is_held_by_its_support() -> None:
    few, fewer = (Draft(1, np.arange(size), np.ones(size, dtype=np.int64)) for size in (8, 3))
    assert isinstance(acceptance.on_support(few, 64), verification.SparseDistribution)
    assert isinstance(acceptance.on_support(few, 63), np.ndarray)
    found = acceptance.received([few, fewer], 64)
    assert found.qhat.shape == (2, 64) and found.drafts.tolist() == [1, 1]
    for row, distribution in zip(found.qhat, found.distributions, strict=True):
        assert np.array_equal(row, verification.dense(distribution))
