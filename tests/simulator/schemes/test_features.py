"""Features of the verifier as payload of replies: their exact bits, which tokens' come down, what is refused."""

from typing import Any

import pytest
from cells import busy, cell
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal

from channels.codec.wire import CodecError
from models.published_figures import PRESETS
from scenarios.command.run.printed_tables import assumed_features
from simulator import Cell, simulate
from simulator.schemes.features import COUNT_BYTES, MOST_BYTES, Features

FED: dict[str, Any] = {"cloud_first": True, "max_drafts": 3, "features": {"width": 64, "layers": 3}}
COUNT_BITS = 8 * COUNT_BYTES
PROMPT = 8


def test_bits_are_tokens_times_layers_times_numbers_and_the_scales_of_integers() -> None:
    assert Features().bits(1) == 3 * 8192 * 16 == 8 * 49_152, "three layers of a 70B: 49 kB a token"
    assert Features(numbers="int8").bits(2) == 2 * 3 * (8192 * 8 + 64 * 16)
    assert Features(layers=1, width=130, numbers="int4").bits(5) == 5 * (130 * 4 + 2 * 16)


@given(st.binary(max_size=20), st.integers(0, 9), st.sampled_from(["fp16", "int8", "int4"]), st.integers(1, 9))
def test_the_message_before_them_is_read_back_and_other_bytes_are_refused(
    message: bytes, tokens: int, numbers: Any, width: int
) -> None:
    features = Features(width=width, layers=1, numbers=numbers)
    content = features.after(message, tokens)
    assert 8 * len(content) == 8 * len(message) + 8 * -(-features.bits(tokens) // 8) + COUNT_BITS
    assert features.before(content) == message
    for damaged in (content[:-1][-3:], content[-COUNT_BYTES:-1] + b"\xff"):
        with pytest.raises(CodecError):
            features.before(damaged)
    if tokens:
        with pytest.raises(CodecError):
            features.before(message + b"\x01" + content[len(message) + 1 :])


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ({"features": {"width": 0}}, "features.width = 0"),
        ({"features": {"layers": 129}}, "features.layers = 129"),
        ({"features": {"numbers": "fp8"}}, "features.numbers = 'fp8'"),
        ({"features": {"prompt_tokens": -1}}, "features.prompt_tokens = -1"),
        ({"features": {"tokens": "all"}}, "features.tokens = 'all'"),
        ({"cloud_first": False}, "cloud_first = False: must be true with features"),
        ({"kind": "prompt_lookup"}, "features: must be null where drafts are copied"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(scheme: dict[str, Any], words: str) -> None:
    assert words in refusal(
        Cell.from_fields, {"models": {"pair": "sotu"}, "scheme": {"kind": "coupled", **FED, **scheme}}
    )


def test_a_prompt_too_long_for_one_reply_is_refused_in_one_line() -> None:
    line = refusal(Features(width=65_536, layers=128).after, b"", 17)
    assert f"must be at most {MOST_BYTES >> 20}; features.prompt_tokens" in line


def down(scheme: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Returns the bits of each reply, and the number of tokens whose features it brings where nothing is drafted ahead:
    the prompt's in round 1, else one for each token committed, or verified."""
    rounds = simulate(cell(scheme)).rounds
    read = rounds["drafted"] if scheme["features"].get("tokens") == "verified" else rounds["accepted"]
    return rounds["reply_bits"].tolist(), [
        PROMPT if number == 1 else drafts + 1 for number, drafts in zip(rounds["round"], read, strict=True)
    ]


@pytest.mark.parametrize("more", [{}, {"tokens": "verified"}, {"numbers": "int4"}])
@pytest.mark.parametrize("kind", ["coupled", "k_sqs"])
def test_a_reply_has_the_bits_of_its_message_and_of_the_features_of_what_was_read(kind: str, more: Any) -> None:
    scheme = {"kind": kind, **FED, "features": FED["features"] | more}
    bits, tokens = down(scheme)
    features = Features(**scheme["features"])
    message = simulate(cell({"kind": kind, **FED, "features": None})).rounds["reply_bits"]
    assert message.nunique() == 1 and max(tokens[1:]) > 1
    assert bits == [message[0] + 8 * -(-features.bits(n) // 8) + COUNT_BITS for n in tokens]


def test_of_the_prompt_no_more_come_down_than_the_drafter_needs() -> None:
    few, all_ = (down({"kind": "coupled", **FED, "features": FED["features"] | more})[0] for more in (
        {"prompt_tokens": 3}, {}))  # fmt: skip
    assert all_[0] - few[0] == Features(**FED["features"]).bits(PROMPT - 3) and all_[1] == few[1]


MODES: dict[str, dict[str, Any]] = {
    "ahead": {"kind": "coupled", "depth": 2},
    "prepared": {"kind": "coupled", "prepared": 4},
    "sent ahead": {"kind": "coupled", "prepared": 4, "prepared_at": "cloud"},
    "parts": {"kind": "k_sqs", "partial": True},
    "the edge corrects": {"kind": "dssd"},
    "tree": {"kind": "coupled_tree", "nodes": 6, "max_drafts": 8},
}


@pytest.mark.parametrize("mode", MODES)
def test_in_every_serving_mode_each_token_that_the_verifier_has_read_comes_down_once(mode: str) -> None:
    """The prompt's, and the answer's but for the last one, which the verifier has not read."""
    fed = simulate(cell({**FED, **MODES[mode]}))
    bits = Features(**FED["features"]).bits(1)
    for _, rounds in fed.rounds.groupby(["device", "request"]):
        assert (rounds["reply_bits"] // bits).sum() == PROMPT + rounds["committed"].sum() - 1
    assert fed.summary["answered"] == 1


def test_they_are_lost_and_sent_again_like_any_message() -> None:
    """The invariants are checked while it runs: three devices, three in ten packets lost."""
    result = simulate(busy({"kind": "coupled", **FED}))
    assert result.summary["answered"] == 1
    assert (result.rounds["downlink_bits"] >= 2 * result.rounds["reply_bits"]).any()


def test_who_reads_features_that_nothing_sends_is_reported_and_what_is_assumed_where_they_are_sent() -> None:
    def lines(scheme: Any, name: str = "eagle3_llama_8b") -> list[str]:
        pair = {"kind": "published", "name": name}
        cell = Cell.from_fields({"models": {"pair": pair, "temperature": 0}, "scheme": scheme})
        return assumed_features([cell])

    silent = (
        "Assumed: the drafter of eagle3_llama_8b at the edge reads hidden states of the verifier that nothing sends"
    )
    for scheme in ("k_sqs", "coupled", "edge_only"):
        (line,) = lines(scheme)
        assert line.startswith(silent)
    (line,) = lines({"kind": "coupled", **FED})
    assert line.startswith("Assumed: the drafter of eagle3_llama_8b accepts as published, whatever the numbers")
    assert lines("colocated") == lines("cloud_only") == lines("k_sqs", "llama_1b_70b") == []


def test_the_drafters_of_eagle_and_dflash_are_those_that_read_features() -> None:
    reading = {name for name, figures in PRESETS.items() if figures.reads_features}
    assert reading == {name for name in PRESETS if name.startswith(("eagle3", "dflash"))}
