"""Coupling: both ends run one race, so the text is the verifier's own, whatever is drafted and however it travels."""

from collections.abc import Callable

import numpy as np
import pytest
from cells import PAIR as SYNTHETIC
from cells import cell, link
from decodings import PROMPT, decoding, rounds
from plants import ran

from simulator import simulate
from simulator.checking.exact import P, V
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Tokens
from simulator.schemes import Coupled
from simulator.schemes.draw import RequestUniforms


def test_the_text_is_the_same_for_every_drafter_every_length_and_every_link() -> None:
    same = ran(cell("coupled")).texts
    assert len(set(same.values())) == len(same)
    near, far = ({"pair": {**SYNTHETIC, "distance": distance}} for distance in (0.05, 0.6))
    assert ran(cell("coupled", models=near)).texts == ran(cell("coupled", models=far)).texts == same
    assert ran(cell({"kind": "coupled", "max_drafts": 2})).texts == same
    lossy = link(2e3, loss={"kind": "bernoulli", "probability": 0.4}, mtu_bits=400)
    assert ran(cell({"kind": "coupled", "partial": True}, uplink=lossy)).texts == same
    assert ran(cell({"kind": "coupled", "token": "flat", "budget_bits": 20}, uplink=link(300.0))).texts == same
    assert ran(cell({"kind": "coupled", "token": "coded", "depth": 2}, models=far, uplink=link(1e6))).texts == same
    assert ran(cell("coupled", seed=1)).texts != same
    assert ran(cell("k_sqs")).texts != same


def test_only_ids_cross_the_air() -> None:
    rounds = simulate(cell({"kind": "coupled", "token": "flat"}), memory=Memory()).rounds
    width = (SYNTHETIC["size"] - 1).bit_length()  # type: ignore[operator]
    assert (rounds["payload_bits"] == 8 * np.ceil((rounds["drafted"] * width + 1) / 8)).all()


def decoded(scheme: Coupled, seed: int, length: int, received: Callable[[tuple[bytes, ...]], int] = len) -> Tokens:
    """The text of a request of so many tokens, prompt included, of whose parts the cloud receives the first ones."""
    text = PROMPT
    for _, _, tokens in rounds(decoding(scheme, RequestUniforms.of(seed)), scheme.max_drafts, received):
        text = (*text, *tokens)
        if len(text) >= length:
            break
    return text


@pytest.mark.parametrize("token", ["flat", "coded", "raced"])
def test_i12_the_text_is_the_verifiers_own_race_whatever_the_length_of_packets_decides(token: str) -> None:
    """The cloud receives the parts before the first, later one with an odd number of ones: it looks at the drafts."""
    scheme = Coupled(max_drafts=3, token=token, partial=True)
    heard = set[int]()

    def hears(parts: tuple[bytes, ...]) -> int:
        odd = [n for n, part in enumerate(parts) if n and int.from_bytes(part).bit_count() % 2]
        heard.add(min(odd, default=len(parts)))
        return min(odd, default=len(parts))

    for sample in range(40):
        text, shared = decoded(scheme, sample, 10, hears), RequestUniforms.of(sample).shared
        for place in range(len(PROMPT), len(text)):
            race = shared.exponentials(V, place)
            assert text[place] == min(range(V), key=lambda token: race[token] / P[text[place - 1], token])
    assert heard == {1, 2, 3}
