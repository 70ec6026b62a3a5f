"""I7 and I8: bits charged to a link are those of the bytes really encoded, and what is received is what was sent."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cells import BY_IDS, HEADER_BITS, SPECULATIVE, busy, cell, link
from plants import AirWatch, Ran, ran

from channels.codec import draft_scalars, wire
from simulator.protocols.accounts import token_bytes
from simulator.schemes import Dssd, KSqs
from simulator.timing.messages import Message

Lengths = dict[str, list[int]]


def noted(monkeypatch: pytest.MonkeyPatch, *encoders: tuple[object, str, str]) -> Lengths:
    """By what each (owner, name, what) encodes, the lengths in bytes of what it has returned since."""
    made: Lengths = defaultdict(list)
    token_bytes.cache_clear()  # prompts that other tests have encoded
    for owner, name, what in encoders:
        encode: Callable[..., Any] = getattr(owner, name)

        def counted(*args: object, encode: Callable[..., Any] = encode, what: str = what) -> Any:
            encoded = encode(*args)
            made[what] += [len(encoded)] if isinstance(encoded, bytes) else map(len, encoded)
            return encoded

        monkeypatch.setattr(owner, name, counted)
    return made


def made_and_sent(scheme: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Lengths, dict[str, int], Ran]:
    """The bytes of each message where they are made, the bits on the air, by direction, and the run; on links that lose
    nothing."""
    drafting = type(cell(scheme).scheme), "encode_parts", "uplink"
    made = noted(monkeypatch, drafting, (wire, "encode_tokens", "uplink"), (wire, "encode_feedback", "downlink"))
    on_air = AirWatch()
    run = ran(cell(scheme), watch=on_air)
    return made, on_air.payload_bits, run


@pytest.mark.parametrize("scheme", [*SPECULATIVE, *BY_IDS])
def test_i7_bits_charged_are_those_of_the_bytes(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, sent, run = made_and_sent(scheme, monkeypatch)
    result, rounds = run.result, run.result.rounds
    assert sent == {way: 8 * sum(lengths) for way, lengths in made.items()}
    messages = len(rounds) + len(result.requests)
    assert (len(made["uplink"]), len(made["downlink"])) == (messages, len(rounds))
    charged = result.summary["uplink_bits_per_token"] * result.requests["output_tokens"].sum()
    assert charged == pytest.approx(sent["uplink"] + HEADER_BITS * messages)
    assert rounds["payload_bits"].sum() + 8 * len(result.requests) * prompt_bytes(run) == sent["uplink"]
    assert rounds["reply_bits"].sum() == sent["downlink"]
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + HEADER_BITS).all()
    assert (rounds["downlink_bits"] == rounds["reply_bits"] + HEADER_BITS).all()


def test_i7_packets_that_a_full_buffer_drops_are_not_charged() -> None:
    """The table, the link and an observer count what went on the air, of rounds and in all."""
    on_air = AirWatch()
    window = {"kind": "selective_repeat", "window": 8}
    run = ran(cell("k_sqs", uplink=link(1e4, mtu_bits=360, buffer_packets=1, arq=window)), watch=on_air)
    uplink, result = run.plant.links[0], run.result
    assert uplink.dropped > 100 and uplink.lost == 0
    charged = result.summary["uplink_bits_per_token"] * result.requests["output_tokens"].sum()
    packets = uplink.sent - uplink.dropped
    assert uplink.bits_sent == on_air.payload_bits["uplink"] + HEADER_BITS * packets == pytest.approx(charged)
    rounds = result.rounds
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + HEADER_BITS * rounds["uplink_attempts"]).all()


@pytest.mark.parametrize("scheme", ["dssd", {"kind": "dssd", "precision": "half"}])
def test_i7_corrections_and_distributions_are_charged_as_encoded(scheme, monkeypatch):
    """Up: the prompt, and of each round a packet behind the correction of the round before, if it had one. Down: a
    count, and the bonus token or a distribution."""
    packets, tokens = (draft_scalars, "encode", "packets"), (draft_scalars, "encode_token", "tokens")
    made = noted(monkeypatch, (wire, "encode_tokens", "prompts"), packets, tokens)
    on_air = AirWatch()
    rounds = ran(cell(scheme), watch=on_air).result.rounds
    rejected = rounds["accepted"] < rounds["drafted"]
    last = ~rounds.duplicated(["device", "request"], keep="last")
    told, owed = rejected & ~last, (rejected & ~last).sum()
    assert rejected.any() and not rejected.all() and owed
    width = 1  # ids of 6 bits, in a byte
    assert set(made["tokens"]) == {width} and len(made["tokens"]) == owed + (~rejected).sum()
    assert on_air.payload_bits["uplink"] == 8 * sum((*made["packets"], *made["prompts"])) + 8 * width * owed
    behind = told.shift(fill_value=False)
    packet_bits = 8 * np.ceil((rounds["drafted"] * (6 + 7) + 1) / 8)
    assert (rounds["payload_bits"] == packet_bits + 8 * width * behind).all()
    assert on_air.payload_bits["downlink"] == rounds["reply_bits"].sum()
    assert (rounds["reply_bits"][~rejected] == 8 + 8 * width).all()
    assert (rounds["reply_bits"][rejected] == 8 + (32 if scheme == "dssd" else 16) * 64).all()


def prompt_bytes(run: Ran) -> int:
    """8 tokens of 6 bits, and the bit that ends them."""
    assert {len(request.prompt.tokens) for request in run.requests} == {8}
    return -(-(8 * 6 + 1) // 8)


def test_i7_sees_a_byte_that_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    made_as = Message.__init__

    def short(self: Message, *given: object, **named: object) -> None:
        made_as(self, *given, **named)
        self.bits -= 8

    monkeypatch.setattr(Message, "__init__", short)
    made, sent, _ = made_and_sent("k_sqs", monkeypatch)
    assert sent == {way: 8 * sum(lengths) - 8 * len(lengths) for way, lengths in made.items()}


def test_i8_a_corrupted_encoder_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud sees only decode(payload): flip any one bit of what is encoded, and the run fails."""
    encode = KSqs.encode_parts
    for bit in (0, 1, 9, 30, 31):

        def flipped(self: KSqs, *args: object, bit: int = bit) -> tuple[bytes, ...]:
            (payload,) = encode(self, *args)  # type: ignore[arg-type]
            corrupted = bytearray(payload)
            corrupted[-1 - bit // 8] ^= 1 << bit % 8
            return (bytes(corrupted),)

        monkeypatch.setattr(KSqs, "encode_parts", flipped)
        with pytest.raises((wire.CodecError, AssertionError)) as caught:
            ran(busy())
        assert isinstance(caught.value, wire.CodecError) or "I8" in str(caught.value)


def another_token(draft: wire.Draft) -> wire.Draft:
    others = draft.support[draft.support != draft.token]
    return wire.Draft(int(others[0]), draft.support, draft.counts) if others.size else draft


@pytest.mark.parametrize(
    ("scheme", "other", "message"),
    [
        (KSqs(), another_token, "I8: the drafts"),
        (KSqs(), lambda draft: wire.Draft(draft.token, draft.support, draft.counts[::-1]), "I8: the qhat"),
        (
            Dssd(resolution=101),
            lambda draft: wire.Draft(draft.token, draft.support, draft.counts + (draft.support == draft.token)),
            "I8: the qhat",
        ),
    ],
    ids=["another token", "another distribution", "another scalar"],
)
def test_i8_sees_a_sound_payload_of_other_drafts(scheme, other, message, monkeypatch):
    encode = type(scheme).encode_parts
    monkeypatch.setattr(
        type(scheme), "encode_parts", lambda self, drafts, *given: encode(self, [*map(other, drafts)], *given)
    )
    with pytest.raises(AssertionError, match=message):
        ran(busy(scheme.model_dump()))
