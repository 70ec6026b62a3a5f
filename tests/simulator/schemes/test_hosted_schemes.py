"""Schemes without a payload: `colocated` keeps the verifier's distribution, and each round takes what its closed form
says."""

from collections import defaultdict
from functools import cache
from typing import Any, Literal

import numpy as np
import pytest
from cells import PAIR as SYNTHETIC
from cells import cell
from plants import ran
from servers import Bench, Noted

from channels.uniforms import Uniforms
from simulator.checking.exact import PAIR, P, Q, V, distance, verifier_distribution
from simulator.checking.paths import ScriptedNumbers, outcomes
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import CloudNode, Tokens, Tree, Verified
from simulator.decoding.setting import Setting
from simulator.schemes import Colocated
from simulator.schemes.draw import RequestUniforms

pytestmark = pytest.mark.usefixtures("called_once")

PROMPT, TOKENS = (1, 2), 3
VERIFIER = {"kind": "affine", "base_s": 0.01, "per_token_s": 1e-3, "per_cached_token_s": 1e-4}
DRAWING = [*np.cumsum(Q, axis=1).ravel()]
RESIDUALS = np.maximum(P - Q, 0)
VERIFYING = [
    *np.cumsum(P, axis=1).flat,
    *(P / Q).flat,
    *(np.cumsum(RESIDUALS, 1) / RESIDUALS.sum(1, keepdims=True)).flat,
]
"""Where outcomes may change."""
DRAFTER = {"kind": "affine", "base_s": 0.002, "per_token_s": 3e-4, "per_cached_token_s": 2e-5}


@pytest.mark.parametrize(
    ("drafts", "acceptance"),
    [(2, "block"), *(pytest.param(drafts, "rejection", marks=pytest.mark.slow) for drafts in (1, 2))],
)
def test_i12_colocated_follows_the_verifiers_distribution_exactly(
    drafts: int, acceptance: Literal["rejection", "block"]
) -> None:
    """Every path of two rounds or more through the shipped round, each weighted by the length of its intervals."""
    drawing, verifying = ScriptedNumbers(), ScriptedNumbers()
    uniforms = RequestUniforms(drawing, verifying, Uniforms.of(0, "shared"))
    setting = Setting(lambda: PAIR, Colocated(max_drafts=drafts, acceptance=acceptance), V, 1.0)
    session = RequestDecoding(setting, Tree(PROMPT, ()), uniforms, remember=False).hosted()

    @cache
    def ends(last: int) -> list[tuple[Tokens, float]]:
        """What a round may commit, and how probably: q and p depend on the last token alone."""

        def decoded() -> Verified:
            return session.decode(CloudNode(1, (*PROMPT, last)), drafts)[1]

        found = []
        for drawn, share in list(outcomes(lambda: decoded().drafts, drawing, lambda _: DRAWING)):
            drawing.give(drawn)
            for accepted, rest in outcomes(lambda: decoded().committed, verifying, lambda _: VERIFYING):
                verifying.give(accepted)
                found.append((decoded().committed, share * rest))
        return found

    open_texts, distribution, rounds = {(): 1.0}, defaultdict(float), 0
    while open_texts:
        rounds += 1
        following: dict[tuple[int, ...], float] = defaultdict(float)
        for text, weight in open_texts.items():
            for tokens, share in ends((*PROMPT, *text)[-1]):
                after = (*text, *tokens)[:TOKENS]
                (distribution if len(after) == TOKENS else following)[after] += weight * share
        open_texts = following
    assert rounds >= 2 and sum(distribution.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(distribution, verifier_distribution(PROMPT, TOKENS)) < 1e-12


def hosted(scheme: object, **cloud: Any) -> Any:
    """Rounds of one request in the cloud, in order."""
    fields = {"batching": "none", "latency": VERIFIER, "drafter_latency": DRAFTER, **cloud}
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    return ran(cell(scheme, workload=asked, cloud=fields)).result.rounds


def pass_s(latency: dict[str, Any], new: int, cached: int) -> float:
    return latency["base_s"] + latency["per_token_s"] * new + latency["per_cached_token_s"] * cached


def test_a_cloud_only_round_is_one_pass_over_what_the_cache_lacks() -> None:
    rounds = hosted("cloud_only")
    took_s = (rounds["verified_s"] - rounds["received_s"]).to_numpy()
    expected_s = [pass_s(VERIFIER, 8, 0), *(pass_s(VERIFIER, 1, 7 + n) for n in range(1, 24))]
    assert took_s == pytest.approx(np.array(expected_s), rel=1e-9)


def test_a_colocated_round_is_the_drafters_passes_and_then_the_verifiers() -> None:
    """The first round reads the prompt with both models; later ones feed the last committed token and the drafts."""
    rounds = hosted({"kind": "colocated", "max_drafts": 3})
    text, cached, expected_s, numbers = 8, 0, [], []
    for committed in rounds["committed"]:
        drafts = min(3, max(1, 8 + 24 - text - 1))  # no more than can be of use
        numbers.append(drafts)
        drafter_s = pass_s(DRAFTER, text - cached, cached) + sum(
            pass_s(DRAFTER, 1, text + n) for n in range(drafts - 1)
        )
        expected_s.append(drafter_s + pass_s(VERIFIER, text - cached + drafts, cached))
        text += int(committed)
        cached = text - 1
    assert (rounds["verified_s"] - rounds["received_s"]).to_numpy() == pytest.approx(np.array(expected_s), rel=1e-9)
    assert rounds["accepted"].nunique() > 1 and rounds["drafted"].tolist() == numbers and numbers[-1] < 3


def test_passes_of_drafters_side_by_side_are_batched() -> None:
    """Two jobs, three drafts and one: their first passes are one pass, the other two are the longer job's alone."""
    Noted.works.clear()
    fields = {"batching": "waiting", "latency": "noted_in_tests", "drafter_latency": "noted_in_tests"}
    bench = Bench(**fields)
    bench.at(0, (9, 0), 1)
    bench.call(0.5, lambda: bench.submit((0, 0), 10, cloud_drafts=3))
    bench.call(0.5, lambda: bench.submit((1, 0), 5, cloud_drafts=1))
    bench.run()
    assert Noted.works == [((1, 0),), ((10, 0), (5, 0)), ((7, 0), (4, 0)), ((1, 7),), ((1, 8),)]


def test_a_hosted_prompt_is_prefilled_in_pieces_where_batching_is_continuous() -> None:
    Noted.works.clear()
    rounds = hosted("cloud_only", batching="continuous", token_budget=3, latency="noted_in_tests")
    assert Noted.works[:4] == [((3, 0),), ((3, 3),), ((2, 6),), ((1, 8),)]
    assert len(Noted.works) == 3 + len(rounds) - 1


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "edge_only", "colocated"])
def test_a_text_may_fill_the_context_and_no_round_runs_past_it(scheme: str) -> None:
    asked = {"kind": "closed", "requests": 6, "prompt_tokens": 8, "output_tokens": 16}
    made = cell(scheme, workload=asked, models={"pair": {**SYNTHETIC, "prompt_tokens": 8, "context": 24}})
    assert set(ran(made).result.requests["outcome"]) == {"answered"}


def test_edge_only_needs_no_network() -> None:
    run = ran(cell("edge_only"))
    assert run.result.requests["latency_s"].to_numpy() == pytest.approx(24 * 0.005, rel=1e-9)
    assert all(link.sent == 0 for link in run.plant.links) and run.plant.cloud.passes == 0
    assert run.result.summary["cloud_busy"] == 0.0
