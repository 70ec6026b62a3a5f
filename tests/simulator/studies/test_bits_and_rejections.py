"""The study `laws` beside loops over the distributions of `tables_pair`: every column, every scheme it can be asked
of."""

import gc
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from column_checks import alike, idle, names_differ, same
from slow_drafts import SlowDraft, distance, drawn_by, halves, kept_ids, lattice, threshold_after, verifiers_text
from tables_pair import P, Q, V, distribution_after

from channels.codec import wire
from channels.uniforms import Uniforms
from simulator import Cell, sweep
from simulator.decoding.memory import Memory
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_METRICS
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.quantizer import LatticeQuantizer
from simulator.studies import bits_and_rejections, study

TEMPERATURE, DEVICES, REQUESTS, PROMPT, OUTPUT, ELL = 0.8, 2, 3, 5, 7, 20
WORK = {
    "kind": "closed", "devices": DEVICES, "requests": REQUESTS, "prompt_tokens": PROMPT, "output_tokens": OUTPUT,
}  # fmt: skip
ENUMERATIVE = {"kind": "enumerative", "token": "flat"}


def composed(sparsifier: dict[str, object], quantizer: str = "lattice", code: object = None) -> dict[str, object]:
    chosen = {"kind": quantizer} | ({} if quantizer == "halves" else {"resolution": ELL})
    return {"kind": "composed", "sparsifier": sparsifier, "quantizer": chosen, "code": code or ENUMERATIVE}


TOP = {"kind": "top_k", "k": 5}
CONFORMAL = {"kind": "conformal", "target": 0.05, "step": 0.3, "initial": 0.2, "carry": False}
SCHEMES: dict[str, dict[str, object]] = {
    "k_sqs": {"kind": "k_sqs", "k": 3, "resolution": ELL},
    "c_sqs": {"kind": "c_sqs", "resolution": ELL}
    | {name: CONFORMAL[name] for name in ("target", "step", "initial", "carry")},
    "dense": {"kind": "dense", "resolution": ELL},
    "top_k": composed(TOP),
    "top_k, size sent": composed(TOP, code=ENUMERATIVE | {"size": "sent"}),
    "coded ids": composed(TOP, code={"kind": "enumerative", "token": "coded"}),
    "threshold": composed({"kind": "threshold", "beta": 0.1}),
    "conformal": composed(CONFORMAL),
    "conformal, carried": composed(CONFORMAL | {"carry": True}),
    "dual": composed(TOP, "dual"),
    "cubic": composed(TOP, "cubic"),
    "logarithmic": composed(TOP, "logarithmic"),
    "halves": composed(TOP, "halves", {"kind": "halves"}),
}


def cell(scheme: object, seed: int = 0, **fields: object) -> Cell:
    tree = {"models": {"pair": "tables_in_tests", "temperature": TEMPERATURE}, "workload": WORK, "scheme": scheme}
    return Cell.from_fields(tree | {"seed": seed} | fields)


def row(asked: Cell) -> dict[str, float]:
    (found,) = study("laws").ask(asked, Memory(), None, None).rows
    return {name: float(value) for name, value in found.items()}


class SlowDistributions:
    """What the study measures of each draft, by loops; means and largest values over them."""

    def __init__(self, asked: Cell) -> None:
        assert isinstance(asked.scheme, DraftScheme)
        self.asked, self.scheme, self.parts = asked, asked.scheme, asked.scheme.families
        self.packets, self.beta = asked.scheme.packets(V), getattr(self.parts.sparsifier, "initial", None)
        self.drafts = [draft for device in range(DEVICES) for draft in self._device(device)]

    def _device(self, device: int) -> Iterator[dict[str, float]]:
        for number in range(REQUESTS):
            if not (number and getattr(self.parts.sparsifier, "carry", False)):
                self.beta = getattr(self.parts.sparsifier, "initial", None)
            for place, text in enumerate(verifiers_text(self.asked, device, number)):
                p, q = (distribution_after(table, text[-1], TEMPERATURE) for table in (P, Q))
                yield self._draft((device, number), place, text, p, q)

    def _draft(
        self, index: tuple[int, int], place: int, text: list[int], p: list[float], q: list[float]
    ) -> dict[str, float]:
        kept = self._kept(q)
        counts = self._counts([q[token] for token in kept])
        u = Uniforms.of(self.asked.seed, "draft").keyed(*index).uniform(place + 1, 0)
        token = kept[drawn_by(counts, u)]
        bound = self._bound(len(kept))
        one = SlowDraft(wire.Draft(token, np.array(kept), np.array(counts)), q, kept, counts, counts, bound)
        bits, stated = self.packets.length_bits([one.sent], tuple(text)), self._stated(one)
        return {
            "vocabulary": 8,
            "support_size": len(kept),
            "coded_size": one.coded_size,
            "dropped_mass": one.dropped_mass,
            "tv_quantization": one.tv_quantization,
            "covering_bound": bound,
            "largest_bound_share": one.tv_quantization / bound if len(kept) > 1 else 0.0,
            "tv_mismatch": distance(q, p),
            "tv_qhat": distance(one.qhat, p),
            "rejection_bound": one.rejection_bound(p),
            "coded_bits_per_draft": bits,
            "largest_excess_bits": bits - stated,
            "largest_saving_bits": stated - bits,
            "paper_bits_per_draft": self._paper(len(kept)),
        }

    def _kept(self, q: list[float]) -> list[int]:
        rule = self.parts.sparsifier
        kept = kept_ids(q, getattr(rule, "k", V), getattr(rule, "beta", self.beta))
        if rule.kind == "conformal":
            self.beta = threshold_after(self.beta, q, rule.step, rule.target)
        return kept

    def _counts(self, mass: list[float]) -> list[int]:
        by = {"lattice": lambda: lattice(mass, ELL), "halves": lambda: halves(mass)}
        kind = self.parts.quantizer.kind
        return by[kind]() if kind in by else self.scheme.quantize(np.array(mass)).tolist()

    def _bound(self, size: int) -> float:
        step = 16 / (ELL - 1) / 2  # half of one, in octaves
        return {
            "lattice": (size // 2) * ((size + 1) // 2) / (size * ELL),
            "dual": (size // 2) * ((size + 1) // 2) / (size * ELL),
            "cubic": min(1, size / (2 * ELL)),
            "logarithmic": (2**step - 1) / (2**step + 1) + size * (2 ** -(16 + step) + 2**-23),
            "halves": 2**-11 + size * 2**-25,
        }[self.parts.quantizer.kind]

    def _stated(self, draft: SlowDraft) -> float:
        """log2 of all choices, as the page of `enumerative` has them; nan of other codes."""
        code, rule, kind = self.parts.code, self.parts.sparsifier, self.parts.quantizer.kind
        if code.kind != "enumerative":
            return math.nan
        counts, size, kept = draft.sent.counts.tolist(), draft.coded_size, len(draft.kept)
        shift = 0 if sum(counts) == ELL else counts[0] % size
        codewords = {
            "lattice": math.comb(ELL - 1, size - 1),
            "dual": size * (math.comb(ELL - shift + size - 1, size - 1) if shift else math.comb(ELL - 1, size - 1)),
        }.get(kind, ELL**size)
        choices = V * math.comb(V, size) * codewords
        if kind == "lattice" and (rule.kind == "all" or (rule.kind == "top_k" and code.size == "known")):
            choices = math.comb(V, kept) * math.comb(ELL + kept - 1, ELL)
        flat = V if code.token == "flat" else sum(counts) / counts[draft.sent.support.tolist().index(draft.sent.token)]
        return math.log2(self.scheme.max_drafts * choices * flat)

    def _paper(self, size: int) -> float:
        points = [math.comb(ELL - shift + size - 1, size - 1) for shift in range(size)]
        codewords = {
            "lattice": points[0], "dual": sum(points), "cubic": 21**size - 1, "logarithmic": 21**size - 1,
        }.get(self.parts.quantizer.kind)  # fmt: skip
        if codewords is None:
            return math.nan
        varies = self.parts.sparsifier.kind in ("threshold", "conformal")
        return math.log2(math.comb(V, size) * codewords) + 3 * (1 + varies)

    def row(self) -> dict[str, float]:
        columns = {name: [draft[name] for draft in self.drafts] for name in self.drafts[0]}
        return {
            name: max(values) if name.startswith("largest_") else math.fsum(values) / len(values)
            for name, values in columns.items()
        }


@pytest.mark.parametrize("name", SCHEMES)
def test_every_column_is_what_loops_find(name: str) -> None:
    asked = cell(SCHEMES[name])
    found, expected = row(asked), SlowDistributions(asked).row()
    assert len(SlowDistributions(asked).drafts) == DEVICES * REQUESTS * OUTPUT
    assert not names_differ(found, expected)
    for column in expected:
        same([found[column]], [expected[column]], column)


def test_every_column_is_declared_and_none_can_be_taken_for_another() -> None:
    rows = [row(cell(scheme, seed)) for scheme in SCHEMES.values() for seed in (0, 1)]
    columns = {name: [each[name] for each in rows] for name in rows[0]}
    assert set(columns) <= {*METRICS, *STUDY_METRICS}
    assert not alike(columns) and not idle(columns)


def test_i6_rows_do_not_depend_on_the_cells_beside_them(tmp_path: Path) -> None:
    """Whatever the order, the groups and the workers; each cell alone says the same."""
    pair = {"kind": "synthetic", "size": 48, "entropy_bits": 3.0}
    cells = [
        cell(SCHEMES[name], seed, models={"pair": pair, "temperature": 0.7 + 0.3 * seed})
        for name in ("k_sqs", "conformal, carried", "dual")
        for seed in (0, 1)
    ]
    table = sweep(cells, tmp_path / "one", asking="laws").set_index("cell")
    alone = pd.DataFrame([{"cell": each.id, **row(each)} for each in (*cells[1::2], *cells[::2])]).set_index("cell")
    turned = sweep(cells[::-1], asking="laws").set_index("cell")
    for other in (alone, turned):
        pd.testing.assert_frame_equal(other.loc[table.index, alone.columns], table[alone.columns], check_exact=True)
    assert table["tv_qhat"].nunique() == len(cells)
    sweep(cells, tmp_path / "two", 2, asking="laws")
    assert (tmp_path / "one" / "cells.csv").read_bytes() == (tmp_path / "two" / "cells.csv").read_bytes()


def test_a_quantizer_beyond_its_bound_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LatticeQuantizer, "covering_bound", lambda self, size: 0.5 / self.resolution / size)
    with pytest.raises(AssertionError, match="a quantizer moved a distribution by more than its bound"):
        row(cell(SCHEMES["k_sqs"]))


def test_a_packet_that_is_longer_than_it_states_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits_and_rejections, "stated_bits", lambda drafts, format: 3.0)
    with pytest.raises(AssertionError, match="a packet is longer than it states"):
        row(cell(SCHEMES["top_k"]))


def test_texts_are_made_once_for_cells_that_share_a_memory_and_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = list[Cell](), bits_and_rejections.verifier_texts
    monkeypatch.setattr(bits_and_rejections, "verifier_texts", lambda asked: made.append(asked) or make(asked))  # type: ignore[func-returns-value]
    gc.freeze()  # what is there already is not looked through below
    memory, kept = Memory(), len(bits_and_rejections._TEXTS)
    for name, seed in (("k_sqs", 0), ("dense", 0), ("k_sqs", 1), ("dense", 0)):
        study("laws").ask(cell(SCHEMES[name], seed), memory, None, None)
    assert [each.seed for each in made] == [0, 1]
    assert len(bits_and_rejections._TEXTS) == kept + 1
    del memory
    gc.collect()
    gc.unfreeze()
    assert len(bits_and_rejections._TEXTS) == kept
