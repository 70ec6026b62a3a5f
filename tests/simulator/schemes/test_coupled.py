"""Coupling: both ends run one race, so the text is the verifier's own, whatever is drafted and however it travels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from cells import PAIR as SYNTHETIC
from cells import cell, link
from plants import ran
from scipy.stats import chi2

from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator import Cell, simulate
from simulator.checking.exact import PAIR, P, V, verifier_law
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import Coupled
from simulator.schemes.draw import RequestUniforms

PROMPT = (1, 2)


def texts(scheme: object, **fields: object) -> list[tuple[int, ...]]:
    return [tuple(request.tokens) for request in ran(cell(scheme, **fields)).requests]


def test_the_text_is_the_same_for_every_drafter_every_length_and_every_link() -> None:
    same = texts("coupled")
    assert len(set(same)) == len(same)
    near, far = ({"pair": {**SYNTHETIC, "distance": distance}} for distance in (0.05, 0.6))
    assert texts("coupled", models=near) == texts("coupled", models=far) == same
    assert texts({"kind": "coupled", "max_drafts": 2}) == same
    lossy = link(2e3, loss={"kind": "bernoulli", "probability": 0.4}, mtu_bits=400)
    assert texts({"kind": "coupled", "partial": True}, uplink=lossy) == same
    assert texts({"kind": "coupled", "token": "flat", "budget_bits": 20}, uplink=link(300.0)) == same
    assert texts({"kind": "coupled", "token": "coded", "depth": 2}, models=far, uplink=link(1e6)) == same
    assert texts("coupled", seed=1) != same
    assert texts("k_sqs") != same


def test_only_ids_cross_the_air() -> None:
    rounds = simulate(cell({"kind": "coupled", "token": "flat"}), memory=Memory()).rounds
    width = (SYNTHETIC["size"] - 1).bit_length()  # type: ignore[operator]
    assert (rounds["payload_bits"] == 8 * np.ceil((rounds["drafted"] * width + 1) / 8)).all()


def test_drafts_agree_at_least_as_often_as_the_bound_says() -> None:
    """P(same winner) >= (1 - TV) / (1 + TV): realised rejections, minus what the bound adds up to, at 5 sd."""
    work = {"kind": "closed", "requests": 60, "prompt_tokens": 8, "output_tokens": 40}
    rounds = simulate(cell("coupled", workload=work), memory=Memory()).rounds
    rejected, verified = (rounds["verified"] - rounds["accepted"]).sum(), rounds["verified"].sum()
    assert rejected <= rounds["rejection_bound"].sum() + 5 * np.sqrt(verified) / 2
    assert rounds["rejection_bound"].sum() < 0.6 * verified and verified > 1_000


@pytest.mark.parametrize("token", ["flat", "coded", "raced"])
def test_i12_the_text_is_the_verifiers_own_race_whatever_the_length_of_packets_decides(token: str) -> None:
    """The cloud hears the parts before the first, later one with an odd number of ones: it looks at the drafts."""
    scheme = Coupled(max_drafts=3, token=token, partial=True)
    setting = DraftSetting(lambda: PAIR, scheme, V, 1.0)
    heard = set[int]()
    for sample in range(40):
        numbers = RequestUniforms(*(Uniforms.of(sample, purpose) for purpose in ("draft", "verdict", "shared")))
        decoding = RequestDecoding(setting, Tree(PROMPT, ()), numbers)
        edge, cloud, text = decoding.edge(), decoding.cloud(), PROMPT
        node, view = edge.start, cloud.start(PROMPT)
        while len(text) < 10:
            node = edge.compose(node, 3)
            parts = edge.seal(node).parts
            odd = [n for n, part in enumerate(parts) if n and int.from_bytes(part).bit_count() % 2]
            parts = parts[: min(odd, default=len(parts))]
            heard.add(len(parts))
            cloud.receive(view, parts)
            view, verified = cloud.verify(view, parts)
            node, tokens = edge.resolve(node, verified.reply)
            text = (*text, *tokens)
        for place in range(len(PROMPT), len(text)):
            race = numbers.shared.exponentials(V, place)
            assert text[place] == min(range(V), key=lambda token: race[token] / P[text[place - 1], token])
    assert heard == {1, 2, 3}


@pytest.mark.parametrize("samples", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_i12_the_output_law_is_the_verifiers(samples: int) -> None:
    """The first two tokens of each session against the exact law, chi-square at a false alarm of 5.7e-7. That each text
    is the race's own, which is exact, the test above shows of whole texts."""
    scheme = Coupled(max_drafts=2)
    setting = DraftSetting(lambda: PAIR, scheme, V, 1.0)
    seen: Counter[tuple[int, ...]] = Counter()
    for sample in range(samples):
        numbers = RequestUniforms(*(Uniforms.of(sample, purpose) for purpose in ("draft", "verdict", "shared")))
        decoding = RequestDecoding(setting, Tree(PROMPT, ()), numbers)
        edge, cloud, text = decoding.edge(), decoding.cloud(), ()
        node, view = edge.start, cloud.start(PROMPT)
        while len(text) < 2:
            node = edge.compose(node, 2)
            parts = edge.seal(node).parts
            cloud.receive(view, parts)
            view, verified = cloud.verify(view, parts)
            node, tokens = edge.resolve(node, verified.reply)
            text = (*text, *tokens)
        seen[text[:2]] += 1
    law = verifier_law(PROMPT, 2)
    statistic = sum((seen[text] - samples * p) ** 2 / (samples * p) for text, p in law.items())
    assert chi2.sf(statistic, len(law) - 1) > 5.7e-7


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"code": "ids"}, "code = 'ids'"),
        ({"code": {"kind": "ids", "token": "raced"}, "sparsifier": {"kind": "top_k", "k": 1}}, "code.token = 'raced'"),
        ({"draw": "shared_race"}, "acceptance = 'rejection'"),
        ({"draw": "shared_race", "acceptance": "coupling"}, "code = 'recoded'"),
        ({"quantizer": "halves"}, "quantizer = 'halves'"),
        ({"sparsifier": {"kind": "top_k", "k": 5_000}}, "sparsifier.k = 5000"),
    ],
)
def test_parts_that_do_not_go_together_are_refused_in_one_line(fields: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=rf"scheme\.{told}") as caught:
        Cell.from_fields({"scheme": {"kind": "composed", **fields}})
    assert "\n" not in str(caught.value)
