"""Cells whose requests are decoded side by side before they are timed: the same tables, in fewer passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import pytest
from cells import cell, link
from packing import require_packing
from remembered import WAYS, told
from torch import Tensor

from models import packed_passes
from models.packed_passes import ForwardPass
from models.pair_cards import card_of
from models.shared_passes import concurrency, together
from simulator import Cell, run, simulate
from simulator.decoding import decoder
from simulator.decoding.memory import Memory
from simulator.protocols import predecode as predecoding
from simulator.protocols.predecode import decode_at_once, predecode

PAIR = {"kind": "sotu", "drafter": "10k", "verifier": "100k"}
WORKLOAD = {"kind": "closed", "devices": 4, "requests": 2, "prompt_tokens": 4, "output_tokens": 5}
CARRIED = {"kind": "c_sqs", "initial": 0.05, "max_drafts": 3, "carry": True}
QUANTILE = {"kind": "composed", "sparsifier": {"kind": "running_quantile", "carry": True}, "max_drafts": 3}
LOSSY = {"kind": "bernoulli", "probability": 0.2}


@dataclass
class Made:
    """Passes, and the texts that they were over."""

    passes: int = 0
    texts: int = 0


@contextmanager
def counted() -> Iterator[Made]:
    """What passes are made meanwhile."""
    made = Made()
    one, several = ForwardPass.alone, packed_passes.packed

    def alone(self: ForwardPass) -> Tensor:
        made.passes, made.texts = made.passes + 1, made.texts + 1
        return one(self)

    def packed(passes: Sequence[ForwardPass]) -> list[Tensor]:
        made.passes, made.texts = made.passes + 1, made.texts + len(passes)
        return several(passes)

    with patch.object(ForwardPass, "alone", alone), patch.object(packed_passes, "packed", packed):
        yield made


def small(scheme: object, **fields: object) -> Cell:
    """Four devices of two requests each, over links that lose."""
    lossy = {"uplink": link(1e5, loss=LOSSY, mtu_bits=400), "downlink": link(1e6, loss=LOSSY)}
    return cell(scheme, **{"models": {"pair": PAIR}, "workload": WORKLOAD, **lossy} | fields)


def live(cell: Cell) -> tuple[tuple[str, str, str], Made]:
    """All that the cell gives without predecoding, and the passes."""
    with patch.object(run, "predecode", lambda *_: None), counted() as made:
        return told(simulate(cell, memory=Memory())), made


def predecoded(cell: Cell, expected: tuple[str, str, str]) -> tuple[Made, Made]:
    """The passes of predecoding, and those that its run makes then; its tables must be as expected."""
    memory = Memory()
    with counted() as before:
        predecode(cell, memory)
    with counted() as in_time:
        assert told(simulate(cell, memory=memory)) == expected
    return before, in_time


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    """The pair is loaded, and what makes passes of its networks alike was tried."""
    simulate(small("colocated"), memory=Memory())


@pytest.mark.parametrize("scheme", [*(WAYS[way] for way in ("k_sqs", "tree", "cloud_only", "edge_only")), CARRIED])
def test_a_predecoded_cell_gives_the_same_tables_and_makes_no_pass_in_time(scheme):
    asked = small(scheme)
    expected, one_by_one = live(asked)
    before, in_time = predecoded(asked, expected)
    assert in_time.passes == 0
    assert before.texts == one_by_one.texts, "something was decoded for nothing, or twice"
    require_packing()
    assert before.passes < one_by_one.passes / 2


def test_answers_end_at_the_end_token(monkeypatch):
    asked = small("k_sqs", workload=WORKLOAD | {"stop_at_eos": True})
    card = card_of(asked.models.pair)
    known = Memory()
    without = told(simulate(asked, memory=known))
    (tree, *_) = (kept.tree for kept in known._trees.values())
    (after, committed) = tree.edge.then_compose[0][1].then_resolve[0][1]
    assert after.round == 2
    monkeypatch.setattr(decoder, "card_of", lambda _: card.model_copy(update={"end_tokens": (committed[-1],)}))
    expected, one_by_one = live(asked)
    assert expected != without
    before, in_time = predecoded(asked, expected)
    assert (in_time.passes, before.texts) == (0, one_by_one.texts)


@pytest.mark.parametrize("scheme", ["cloud_only", QUANTILE])
def test_texts_that_devices_share_are_decoded_once(scheme):
    asked = small(scheme, workload=WORKLOAD | {"distinct": 2})
    expected, _ = live(asked)
    shared, in_time = predecoded(asked, expected)
    with counted() as by_two_devices:
        predecode(small(scheme, workload=WORKLOAD | {"devices": 2, "distinct": 2}), Memory())
    assert shared.texts == by_two_devices.texts
    assert in_time.passes == 0


def test_classes_of_a_fleet_are_predecoded_as_far_as_they_can_be():
    ways = ("k_sqs", "cloud_only", "one ahead")
    fleet = [{"name": way, "count": count, "scheme": WAYS[way]} for way, count in zip(ways, (2, 1, 1), strict=True)]
    asked = small("k_sqs", fleet=fleet)
    expected, one_by_one = live(asked)
    before, in_time = predecoded(asked, expected)
    assert 0 < in_time.texts < one_by_one.texts / 2
    assert in_time.texts + before.texts == one_by_one.texts


@pytest.mark.parametrize(
    "fields",
    [
        {"scheme": WAYS["parts"]},
        {"scheme": WAYS["one ahead"]},
        {"scheme": {"kind": "composed", "policy": "entropy_exit"}},
        {"scheme": {"kind": "composed", "policy": "running_acceptance"}},
        {"scheme": CARRIED, "edge": {"concurrency": 2}},
        {"scheme": CARRIED, "workload": WORKLOAD | {"devices": 1}},
        {"workload": WORKLOAD | {"deadline_s": 5.0}},
        {"workload": WORKLOAD | {"horizon_s": 5.0}},
        {"workload": WORKLOAD | {"absences": {"kind": "scheduled", "away": [[0, 1.0, 2.0]]}}},
    ],
)
def test_what_time_decides_is_left_to_its_time(fields):
    memory = Memory()
    predecode(small(**{"scheme": "k_sqs", **fields}), memory)
    assert not memory._trees


def test_cells_of_the_same_decodings_are_predecoded_once(monkeypatch):
    memory = Memory()
    predecode(small("cloud_only"), memory)
    monkeypatch.setattr(predecoding, "Decoder", None)
    predecode(small("cloud_only", uplink=link(2e4)), memory)
    with pytest.raises(TypeError):
        predecode(small("cloud_only", seed=1), memory)


def test_so_many_caches_are_held_at_a_time_however_many_cells_run_side_by_side(monkeypatch):
    running, most = 0, 0

    def watched(terms, note):
        nonlocal running, most
        running += 1
        most = max(most, running)
        state = decode_at_once(terms, note)
        running -= 1
        return state

    monkeypatch.setattr(predecoding, "decode_at_once", watched)
    cells = [small("cloud_only", seed=seed, workload=WORKLOAD | {"requests": 5, "output_tokens": 2}) for seed in (0, 1)]
    predecode(cells[0], Memory())
    assert most == 16
    most = 0
    list(together([partial(predecode, each, Memory()) for each in cells], 2))
    assert most == 16


def test_who_runs_beside_whom_is_known_in_nested_company():
    def inner():
        return [concurrency(), *(found for _, found in together([concurrency] * 3, 2))]

    assert concurrency() == 1
    assert [found for _, found in together([inner] * 2, 9)] == [[2, 4, 4, 4]] * 2


def test_predecoding_that_fails_leaves_the_run_as_it_is(monkeypatch):
    asked, calls = small("cloud_only"), []
    expected, _ = live(asked)

    def fails(terms, note):
        calls.append(terms)
        raise MemoryError

    monkeypatch.setattr(predecoding, "decode_at_once", fails)
    assert told(simulate(asked, memory=Memory())) == expected
    assert len(calls) == 1
