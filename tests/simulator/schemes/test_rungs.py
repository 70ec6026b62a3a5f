"""Rungs: each round under one of several settings, told by the payload itself."""

from collections.abc import Sequence

import numpy as np
import pytest
import yaml
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec import wire
from kinds.arrays import Floats
from simulator.schemes import Composed, Rungs
from simulator.schemes.draw import Place, RequestUniforms
from simulator.schemes.rungs import RungPackets

V = 24
CONFORMAL = {"kind": "conformal", "initial": 0.05, "step": 0.05, "target": 0.1}
QUANTILE = {"kind": "running_quantile", "target": 0.2, "window": 2, "initial": 0.1}
SETTINGS = [
    {"sparsifier": {"kind": "top_k", "k": 2}, "quantizer": {"kind": "lattice", "resolution": 7}},
    {"sparsifier": CONFORMAL, "quantizer": {"kind": "lattice", "resolution": 20}},
    {"sparsifier": QUANTILE, "quantizer": {"kind": "lattice", "resolution": 40}},
]
UNIFORMS = RequestUniforms.of(3)
DISTRIBUTIONS = np.random.Generator(np.random.Philox(5)).dirichlet(np.full(V, 0.3), 6)


def rungs(**fields: object) -> Rungs:
    return Rungs.model_validate({"settings": SETTINGS, "max_drafts": 4} | fields)


def drafted(scheme: Rungs, rung: int, distributions: Floats) -> list[wire.Draft]:
    state, drafts = scheme.on_rung(scheme.entry(None), rung), []
    for n, q in enumerate(distributions):
        proposal = scheme.propose(q, state)
        drafts.append(scheme.draw_token(proposal, q, UNIFORMS, Place(1, n, 8 + n))[0])
        state = proposal.state
    return drafts


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("rung", range(len(SETTINGS)))
def test_a_round_of_any_rung_comes_back_by_its_bytes_alone(rung: int, partial: bool) -> None:
    scheme = rungs(partial=partial)
    drafts, packets = drafted(scheme, rung, DISTRIBUTIONS[:3]), scheme.packets(V)
    written = scheme.packets_on(packets, scheme.on_rung(scheme.entry(None), rung))
    parts = scheme.encode_parts(drafts, written, (1, 2))
    assert all(part[0] == rung for part in parts)
    received = scheme.decode_parts(parts, packets, (1, 2))
    assert received.drafts.tolist() == [draft.token for draft in drafts]
    for distribution, draft in zip(received.qhat, drafts, strict=True):
        assert np.array_equal(distribution[draft.support], draft.counts / draft.counts.sum())
    if not partial:
        assert len(parts[0]) == -(-written.length_bits(drafts, (1, 2)) // 8)


def test_one_rung_is_the_plain_scheme_byte_for_byte() -> None:
    one, plain = rungs(settings=SETTINGS[1:2]), Composed.model_validate(SETTINGS[1] | {"max_drafts": 4})
    drafts = drafted(one, 0, DISTRIBUTIONS[:4])
    packets = one.packets_on(one.packets(V), one.entry(None))
    assert one.encode_parts(drafts, packets, (1,)) == plain.encode_parts(drafts, plain.packets(V), (1,))


@some_are_taken
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=12))
@example(bytes.fromhex("0190ff65aec982"))
def test_any_payload_is_refused_or_encodes_to_itself(payload: bytes) -> None:
    packets = rungs().packets(V)
    assert isinstance(packets, RungPackets)

    def encode(drafts: Sequence[wire.Draft]) -> bytes:
        scheme = rungs()
        written = scheme.packets_on(packets, scheme.on_rung(scheme.entry(None), payload[0]))
        return written.encode(drafts, (1, 2))

    refused_or_itself(payload, lambda content: packets.decode(content, (1, 2)), encode)


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\xff\x00\x00"])
def test_a_rung_that_is_not_there_is_refused(payload: bytes) -> None:
    with pytest.raises(wire.CodecError, match="rung"):
        rungs().packets(V).decode(payload, ())


def test_parts_of_two_rungs_are_no_round() -> None:
    scheme = rungs(partial=True)
    packets = scheme.packets(V)
    parts = [
        scheme.packets_on(packets, scheme.on_rung(scheme.entry(None), rung)).encode(
            drafted(scheme, rung, DISTRIBUTIONS[:1]), ()
        )
        for rung in (0, 1)
    ]
    with pytest.raises(wire.CodecError, match="several rungs"):
        scheme.decode_parts(parts, packets, ())


def test_a_threshold_moves_in_the_rounds_of_its_own_rung_only() -> None:
    """Against a scheme of that operating point alone that sees only those rounds; the windows are of any length."""
    scheme = rungs()
    alone = [Composed.model_validate(each | {"max_drafts": 4}) for each in SETTINGS]
    whole, own = scheme.entry(None), [each.entry(None) for each in alone]
    for round_number, rung in enumerate((1, 2, 0, 2, 1, 2)):
        chain, mine = [scheme.on_rung(whole, rung)], [own[rung]]
        for q in DISTRIBUTIONS[round_number : round_number + 3]:
            proposal, expected = scheme.propose(q, chain[-1]), alone[rung].propose(q, mine[-1])
            assert np.array_equal(proposal.ids, expected.ids) and np.array_equal(proposal.counts, expected.counts)
            chain.append(proposal.state)
            mine.append(expected.state)
        accepted = round_number % len(chain)
        whole, own[rung] = scheme.settle(chain, accepted), alone[rung].settle(mine, accepted)
    assert whole == (0.0, *(x for state in own for x in (float(len(state)), *state)))


def test_rungs_are_shown_as_they_are_typed() -> None:
    scheme = rungs()
    assert Rungs.model_validate({"settings": [yaml.safe_load(str(each)) for each in scheme.settings]}) == Rungs(
        settings=scheme.settings
    )
