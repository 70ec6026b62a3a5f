"""The texts that the study `laws` goes along: the verifier's own, each distribution at its place."""

import pytest
from column_checks import same
from slow_drafts import distance, drawn_by
from tables_pair import PROMPTS, P, Q, distribution_after

from channels.uniforms import Uniforms
from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.schemes.code import WirePackets
from simulator.studies import study
from simulator.studies.verifier_texts import verifier_texts

WORK = {"kind": "closed", "devices": 2, "requests": 3, "prompt_tokens": 5, "output_tokens": 4}
CELL = Cell.from_fields({"models": {"pair": "tables_in_tests", "temperature": 0.7}, "workload": WORK, "seed": 3})


def test_each_token_is_drawn_from_the_verifiers_distribution_after_the_text_before_it() -> None:
    texts = verifier_texts(CELL)
    assert [(text.device, text.number) for text in texts] == [(d, n) for d in range(2) for n in range(3)]
    drawn = Uniforms.of(3, "verifier text")
    for text in texts:
        assert text.prompt == PROMPTS[(3 * 6 + text.device + 2 * text.number) % len(PROMPTS)].tokens[:5]
        assert len(text.tokens) == 4 and text.p.shape == text.q.shape == (4, 8) and text.mismatch.shape == (4,)
        for place, (before, token) in enumerate(zip((text.prompt[-1], *text.tokens), text.tokens, strict=False)):
            p, q = (distribution_after(table, before, 0.7) for table in (P, Q))
            same(text.p[place].tolist(), p)
            same(text.q[place].tolist(), q)
            same([text.mismatch[place]], [distance(p, q)])
            assert token == drawn_by(p, drawn.uniform(text.device, text.number, place))


def test_texts_do_not_hang_on_the_scheme_or_the_network() -> None:
    other = CELL.model_copy(update={"scheme": Cell.from_fields({"scheme": "dense"}).scheme})
    for one, two in zip(verifier_texts(CELL), verifier_texts(other), strict=True):
        assert one.tokens == two.tokens and (one.p == two.p).all() and (one.q == two.q).all()


def test_a_packet_is_coded_after_the_text_before_its_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    length_bits = WirePackets.length_bits
    monkeypatch.setattr(
        WirePackets,
        "length_bits",
        lambda self, drafts, context: seen.append(tuple(context)) or length_bits(self, drafts, context),  # type: ignore[func-returns-value]
    )
    study("laws").ask(CELL, Memory(), None, None)
    assert seen == [(*text.prompt, *text.tokens[:place]) for text in verifier_texts(CELL) for place in range(4)]
