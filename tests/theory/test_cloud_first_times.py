"""Closed forms of an answer that the cloud begins: when its first token comes, how many tokens the cloud decodes before
the edge joins, and when the edge drafts.

Over a link that takes D each way and nothing else, to a cloud that takes T a pass, token k is at the edge at 2 D + k T.
An edge that has read at R, and takes no more than a round trip for what came by then, joins: the word is in the cloud
at R + D, in pass floor(R / T) + 1, whose token is the last, whatever D is. Meanwhile the edge reads the tokens that had
come by R; it drafts once it has read these and the last one is there. So cloud first is cloud-only decoding for so many
tokens, and drafting from then on: no time is lost between. Where it takes longer for what came, and less than T / 2 a
token, it reads that first.
"""

from math import floor, sqrt
from typing import Any

import pytest
from cells import cell, link

from models.published import Published
from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.results.phase_prediction import Deployment, Rounds, cloud_first

ARQ = {"kind": "selective_repeat", "timeout_s": 1.0}
PASS_S, READ_S, BASE_S, TOKENS = 0.02, 0.0063, 0.005, 60
"""T, the edge's time for a token that it reads and for a pass."""


def served(scheme: object, prompt_tokens: int, delay_s: float) -> CellResult:
    ideal = link("inf", delay_s, header_bits=0, arq=ARQ)  # type: ignore[arg-type]
    edge = {"latency": {"kind": "affine", "base_s": BASE_S, "per_token_s": READ_S}, "encode_s_per_draft": 0}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": prompt_tokens, "output_tokens": TOKENS}
    return simulate(cell(scheme, uplink=ideal, downlink=ideal, edge=edge, workload=asked), memory=Memory())


def read_s(tokens: int) -> float:
    return BASE_S + READ_S * tokens


@pytest.mark.parametrize("delay_s", [0.0025, 0.0251, 0.1502])
@pytest.mark.parametrize("prompt_tokens", [8, 25, 64])
def test_the_cloud_decodes_as_many_tokens_as_passes_begin_before_the_edge_has_read(
    prompt_tokens: int, delay_s: float
) -> None:
    first, alone = (served(scheme, prompt_tokens, delay_s) for scheme in (K_SQS, "cloud_only"))
    (request,), rounds = first.requests.to_dict("records"), first.rounds
    began = int((rounds["drafted"] == 0).sum())
    assert request["ttft_s"] == alone.requests["ttft_s"][0] == pytest.approx(2 * delay_s + PASS_S)
    at_s, come, left = read_s(prompt_tokens), 0, prompt_tokens
    took_s = at_s
    while True:
        unread = max(0, floor((at_s - 2 * delay_s) / PASS_S)) - come
        if 2 * took_s / left >= PASS_S or unread * took_s / left <= 2 * delay_s:
            break
        come, left, took_s = come + unread, unread, read_s(unread)
        at_s += took_s
    assert began == floor(at_s / PASS_S) + 1
    come += unread
    read_at_s = at_s + (read_s(unread) if unread else 0.0)
    last_at_s = 2 * delay_s + began * PASS_S
    assert rounds["answered_s"][began - 1] == pytest.approx(last_at_s)
    drafts = rounds[rounds["drafted"] > 0]
    new = [began - come, *(1 + (drafts["accepted"] == drafts["drafted"]))[:-1]]
    took_s = [read_s(n) + (d - 1) * read_s(1) for n, d in zip(new, drafts["drafted"], strict=True)]
    later_s = sum(took_s) + len(drafts) * (2 * delay_s + PASS_S)
    assert request["latency_s"] == pytest.approx(max(read_at_s, last_at_s) + later_s, rel=1e-9)
    assert request["hidden_draft_s"] == pytest.approx(min(read_at_s, last_at_s), rel=1e-9)
    assert request["prefill_s"] == pytest.approx(PASS_S), "the cloud's; the edge's is hidden"


K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 8, "max_drafts": 3, "cloud_first": True}


@pytest.mark.parametrize(
    ("prompt_tokens", "round_trip_s"),
    [(256, 0.05), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((32, 0.005), (64, 0.3)))],
)
def test_the_closed_form_of_an_answer_is_the_mean_of_those_that_are_simulated(
    prompt_tokens: int, round_trip_s: float
) -> None:
    """With a published pair, whose acceptance is known, on measured machines: within 5 standard errors and 1%. What is
    left is that a text's passes grow, where the form has their mean."""
    way = {"delay": {"kind": "constant", "delay_s": round_trip_s / 2}, "arq": ARQ}
    pair = {
        "kind": "published",
        "name": "llama_1b_70b",
        "size": 256,
        "prompt_tokens": prompt_tokens,
        "stretch_tokens": 16,
    }
    made = Cell.from_fields({
        "models": {"pair": pair, "temperature": 0}, "scheme": {"kind": "coupled", "max_drafts": 4, "cloud_first": True},
        "workload": {"kind": "closed", "requests": 16, "prompt_tokens": prompt_tokens, "output_tokens": 96},
        "edge": {"latency": {"kind": "profile", "name": "oneplus12_llama_1b"}},
        "uplink": {**way, "rate": {"kind": "constant", "bps": 1e6}},
        "downlink": {**way, "rate": {"kind": "constant", "bps": 1e7}},
        "cloud": {"latency": {"kind": "profile", "name": "gpu80gbx2_70b"}},
    })  # fmt: skip
    result = simulate(made, memory=Memory())
    place = Deployment(made.edge.latency, made.cloud.latency, made.cloud.drafter_latency, prompt_tokens, 96,
                       round_trip_s / 2, round_trip_s / 2, 1e6, id_bits=8)  # fmt: skip
    rounds = Rounds(tuple(Published.model_validate(pair).along.survival(4).tolist()))
    expected, latency_s = (
        cloud_first(place, rounds, result.summary["payload_bits_per_draft"]),
        result.requests["latency_s"],
    )
    assert result.requests["ttft_s"].mean() == pytest.approx(expected.ttft_s, rel=0.005)
    error_s = 5 * latency_s.std() / sqrt(len(latency_s)) + 0.01 * latency_s.mean()
    assert abs(latency_s.mean() - expected.latency_s) < error_s
    assert error_s < 0.25 * latency_s.mean()
