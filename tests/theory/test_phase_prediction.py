"""Closed forms of who answers fastest: what others published follows from them, and simulated answers take as long."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from cells import cell, link

from models.latency.latency import Affine, ConstantLatency
from models.published import KnownAcceptance, OfAcceptance, Published
from models.published_figures import PRESETS, PresetName
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.intervals import wilson
from simulator.results.phase_prediction import (
    Deployment,
    Rounds,
    Times,
    at_the_edge,
    cloud_first,
    cloud_only,
    colocated,
    draft_pass_for_s,
    longest_round_trip_s,
    one_draft_up_to_s,
)

LYU_MS = {
    0.100: (47, 144, 265, 319), 0.050: (None, 47, 108, 134), 0.030: (None, 8, 45, 61), 0.020: (None, None, 13, 24),
}  # fmt: skip
"""arXiv 2606.25091: the longest round trip in ms, by a target's pass, at acceptance .5, .7, .85 and .9; None: nowhere.
Five drafts of 10 ms, verification as long as a pass."""
POINTS = 200
"""Off the grid of `phase_map`, drawn by name and index: who is faster there, as predicted and as simulated."""
IDS, ID_BITS, LENGTHS, MARGIN = 1024, 10, range(1, 9), 0.03
TOKENS, STRETCH = 2048, 16
"""The least number of tokens in the answers of a point, all together; and the number for which an acceptance stays:
with 64, as by default, the chance of so few stretches is 10% of a mean, and a margin of 3% could not be
distinguished."""
PHONE, PI, NANO = (
    {"kind": "profile", "name": name} for name in ("oneplus12_llama_1b", "pi5_qwen2_5_0_5b", "orin_nano_smollm2_135m")
)
SLOWER = {"kind": "affine", "base_s": 0.0205, "per_token_s": 0.0065}
PAIRS: dict[PresetName, dict[str, Any]] = {
    "llama_1b_70b": PHONE, "qwen3_1_7b_32b": SLOWER, "qwen2_5_0_5b_72b": PI, "vicuna_68m_13b": NANO,
}  # fmt: skip
BITS = {0.0: {"coupled": ID_BITS + 6.5, "k_sqs": ID_BITS + 9.5}, 1.0: {"coupled": 13.0, "k_sqs": 94.0}}
"""A draft's, by temperature: of one-hot distributions the id and what the code adds, of others as measured."""


@dataclass(frozen=True)
class Point:
    """Where it is; `kept` of AL - 1 at temperature 1."""

    pair: PresetName
    temperature: float
    kept: float
    prompt_tokens: int
    output_tokens: int
    round_trip_s: float
    bps: float

    @classmethod
    def drawn(cls, index: int) -> Point:
        """The point of this index: its numbers hang on the name and the index alone."""
        seed = int.from_bytes(hashlib.blake2b(f"phase_map/{index}".encode(), digest_size=8).digest(), "big")
        draw = np.random.Generator(np.random.Philox(key=seed))

        def between(low: float, high: float) -> float:
            return float(np.exp(draw.uniform(math.log(low), math.log(high))))

        pair = list(PAIRS)[int(draw.integers(len(PAIRS)))]
        warm, kept = draw.random() < 0.25, float(draw.uniform(0.57, 0.86))
        lengths = round(between(8, 700)), round(between(20, 300))
        return cls(pair, float(warm), kept if warm else 1.0, *lengths, between(0.003, 0.3), between(3e4, 1e7))

    @property
    def models(self) -> OfAcceptance:
        """The pair; at temperature 1 by its accepted length."""
        made = {"size": IDS, "prompt_tokens": self.prompt_tokens, "stretch_tokens": STRETCH}
        cold = Published(name=self.pair, **made)
        if not self.temperature:
            return cold
        drafts = PRESETS[self.pair].drafts
        length = 1 + self.kept * float(cold.along.survival(drafts).sum())
        return KnownAcceptance(accepted_length=length, drafts=drafts, **made)

    def cell(self, scheme: dict[str, Any], requests: int = 0) -> Cell:
        """What is simulated of a scheme there; without a number, as many requests as make TOKENS."""
        way = {"delay": {"kind": "constant", "delay_s": self.round_trip_s / 2},
               "arq": {"kind": "selective_repeat", "timeout_s": 2.0}}  # fmt: skip
        asked = {"prompt_tokens": self.prompt_tokens, "output_tokens": self.output_tokens}
        return Cell.from_fields({
            "models": {"pair": self.models.model_dump(), "temperature": self.temperature}, "scheme": scheme,
            "workload": {"kind": "closed", "requests": requests or -(-TOKENS // self.output_tokens),
                         **asked},
            "edge": {"latency": PAIRS[self.pair]},
            "uplink": {**way, "rate": {"kind": "constant", "bps": self.bps}},
            "downlink": {**way, "rate": {"kind": "constant", "bps": 1e7}},
            "cloud": {"latency": {"kind": "profile", "name": "gpu80gbx2_70b"},
                      "drafter_latency": {"kind": "profile", "name": "h100_1_7b"}},
        })  # fmt: skip

    def predicted(self) -> dict[str, tuple[int, Times]]:
        """By kind, its draft length, the best by the closed form end to end, and its times."""
        cell, along, half = self.cell({"kind": "cloud_only"}), self.models.along, self.round_trip_s / 2
        place = Deployment(cell.edge.latency, cell.cloud.latency, cell.cloud.drafter_latency, self.prompt_tokens,
                      self.output_tokens, half, half, self.bps, id_bits=ID_BITS)  # fmt: skip
        rounds = [Rounds(tuple(along.survival(drafts).tolist())) for drafts in LENGTHS]
        message = {"cloud_only": [cloud_only(place)], "colocated": [colocated(place, each) for each in rounds]}
        message |= {kind: [at_the_edge(place, each, bits) for each in rounds]
                 for kind, bits in BITS[self.temperature].items()}  # fmt: skip
        best = {kind: min(range(len(each)), key=lambda i: each[i].latency_s) for kind, each in message.items()}
        return {kind: (LENGTHS[place], message[kind][place]) for kind, place in best.items()}

    def simulated(self, lengths: dict[str, int], requests: int = 0) -> dict[str, tuple[float, float]]:
        """By kind, the mean latency and the mean time per token."""
        found, memory = {}, Memory()
        for kind, drafts in lengths.items():
            fields = {} if kind == "cloud_only" else {"max_drafts": drafts}
            summary = simulate(self.cell({"kind": kind, **fields}, requests), memory=memory).summary
            found[kind] = summary["latency_s"], summary["tpot_s"]
        return found


@dataclass(frozen=True)
class Comparison:
    """At a point, ln of the edge's best over the cloud's best, predicted and simulated, end to end and per token; the
    cloud's best is cloud-only decoding's (`alone`), or the better of that and co-located speculation's."""

    point: Point
    predicted: dict[str, float]
    simulated: dict[str, float]

    @classmethod
    def at(cls, index: int) -> Comparison:
        point = Point.drawn(index)
        message = point.predicted()
        sent = {kind: drafts for kind, (drafts, _) in message.items() if point.temperature or kind != "k_sqs"}
        found = point.simulated(sent)  # one-hot distributions: the same rejections, and more bits, as ids alone
        said = {kind: (times.latency_s, times.tpot_s) for kind, (_, times) in message.items()}
        return cls(point, _ratios(said), _ratios(found))


def _ratios(times: dict[str, tuple[float, float]]) -> dict[str, float]:
    ratios = {}
    for place, name in enumerate(("latency", "tpot")):
        edge = min(times[kind][place] for kind in ("coupled", "k_sqs") if kind in times)
        alone = times["cloud_only"][place]
        ratios[f"{name}, alone"] = math.log(edge / alone)
        ratios[f"{name}, any"] = math.log(edge / min(alone, times["colocated"][place]))
    return ratios


def agreeing(comparisons: list[Comparison], name: str) -> tuple[int, int]:
    """The points whose predicted margin is above MARGIN: how many agree in sign, and how many there are."""
    clear = [(each.predicted[name], each.simulated[name]) for each in comparisons if abs(each.predicted[name]) > MARGIN]
    return sum(said * was > 0 for said, was in clear), len(clear)


def geometric(acceptance: float, drafts: int) -> Rounds:
    return Rounds(tuple(acceptance ** np.arange(1, drafts + 1)))


@pytest.mark.parametrize("target_s", LYU_MS)
def test_the_published_limits_against_cloud_only_decoding_follow_to_the_millisecond(target_s: float) -> None:
    for acceptance, ms in zip((0.5, 0.7, 0.85, 0.9), LYU_MS[target_s], strict=True):
        found = longest_round_trip_s(geometric(acceptance, 5).survival, target_s, target_s, 0.010)
        assert found < 0 if ms is None else round(1e3 * found) == ms


@pytest.mark.parametrize(
    ("acceptance", "drafts", "tokens", "block"), [(0.3, 1, 16, 1), (0.6, 4, 32, 1), (0.9, 8, 100, 1), (0.7, 7, 100, 3)]
)
def test_rounds_and_spared_passes_of_an_answer_are_those_of_a_count_by_hand(acceptance, drafts, tokens, block):
    """Backwards over tokens still to come, each round by each number of accepted drafts, of which a pass makes `block`;
    the closed forms are those of long answers, to which the exact ones come within .02 rounds and .1 passes at these
    lengths."""
    rounds, made = [0.0], [0.0]
    for left in range(1, tokens + 1):
        most = min(drafts, max(1, left - 1))
        odds = [acceptance**n * (1 - acceptance) for n in range(most)] + [acceptance**most]
        after = [max(0, left - 1 - n) for n in range(most + 1)]
        rounds.append(1 + sum(odd * rounds[n] for odd, n in zip(odds, after, strict=True)))
        made.append(math.ceil(most / block) + sum(odd * made[n] for odd, n in zip(odds, after, strict=True)))
    found = geometric(acceptance, drafts)
    assert found.tokens == pytest.approx((1 - acceptance ** (drafts + 1)) / (1 - acceptance))
    assert found.of_answer(tokens) == pytest.approx(rounds[-1], abs=0.02)
    spared = math.ceil(drafts / block) * rounds[-1] - made[-1]
    assert found.spared_passes(tokens, block) == pytest.approx(spared, abs=0.1)


def test_rounds_of_one_draft_and_of_two_take_as_long_a_token_at_the_critical_delay() -> None:
    """By UCB-SpecStop's definition of it; and the drafter's pass that puts it somewhere is the inverse."""
    survival, draft_s, verify_s = (0.6, 0.36), 0.035, 0.020
    trip_s = one_draft_up_to_s(survival, draft_s, verify_s)
    one = (draft_s + verify_s + trip_s) / 1.6
    assert one == pytest.approx((2 * draft_s + verify_s + trip_s) / 1.96)
    assert trip_s > 0.08 and draft_pass_for_s(trip_s, survival, verify_s) == pytest.approx(draft_s)


def test_cloud_only_decoding_takes_what_its_closed_form_says() -> None:
    simulated = simulate(cell("cloud_only", bps=1e4)).summary
    place = replace(_place(1e4), prompt_tokens=8, output_tokens=24)
    found = cloud_only(place)
    assert simulated["latency_s"] == pytest.approx(found.latency_s, rel=1e-9)
    assert simulated["ttft_s"] == pytest.approx(found.ttft_s, rel=1e-9)
    assert simulated["cloud_s_per_token"] == pytest.approx(0.02, rel=1e-9)


_MEMORY = Memory()


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("scheme", ["half_dense", "colocated"])
def test_speculation_takes_what_its_closed_form_says_within_the_chance_of_its_rejections(
    scheme: str, block: int
) -> None:
    """Over distributions that are as far apart everywhere, with the measured share of accepted drafts for theirs:
    within 3%. `block`: drafts a pass of either drafter."""
    pair = {"kind": "synthetic", "size": 16, "distance": 0.25, "entropy_bits": 3, "context": 2048}
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 1, "output_tokens": 400}
    fields = {"models": {"pair": pair}, "workload": asked}
    made = cell({"kind": scheme, "max_drafts": 3}, bps=1e5, **fields)
    made = made.with_({"edge.drafts_per_pass": block, "cloud.drafts_per_pass": block})
    simulated = simulate(made, memory=_MEMORY)
    rounds = geometric(simulated.summary["acceptance_rate"], 3)
    place = replace(_place(1e5), prompt_tokens=1, output_tokens=400, id_bits=4, edge_drafts_per_pass=block,
                    cloud_drafts_per_pass=block)  # fmt: skip
    if scheme == "colocated":
        found = colocated(place, rounds)
        cloud_s = found.latency_s - place.prompt_up_s() - place.up_delay_s - place.reply_s()
    else:
        found = at_the_edge(place, rounds, simulated.summary["payload_bits_per_draft"])
        cloud_s = rounds.of_answer(400) * 0.02
    for name in ("latency_s", "tpot_s"):
        assert simulated.summary[name] == pytest.approx(getattr(found, name), rel=0.03), name
    assert simulated.summary["cloud_s_per_token"] == pytest.approx(cloud_s / 400, rel=0.03)


@pytest.mark.parametrize(
    ("form", "depth", "drafts", "delay_s"),
    [
        (at_the_edge, 1, 2, 0.002), (at_the_edge, 1, 4, 0.1), (at_the_edge, 2, 4, 0.02),
        (cloud_first, 1, 2, 0.002), (cloud_first, 1, 4, 0.1), (cloud_first, 2, 4, 0.02),
    ],
)  # fmt: skip
def test_drafting_ahead_takes_what_its_closed_form_says_within_the_chance_of_its_rejections(
    form: Callable[..., Times], depth: int, drafts: int, delay_s: float
) -> None:
    """As above, within 3%: the edge is busy all the time, waits for most replies, and for some; from a prompt of one
    token on, or of 64, which it reads for 131 ms while the cloud decodes."""
    pair = {"kind": "synthetic", "size": 16, "distance": 0.15, "entropy_bits": 3, "context": 2048}
    begins, edge = form is cloud_first, Affine(base_s=0.003, per_token_s=0.002)
    prompt_tokens = 64 if begins else 1
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": prompt_tokens, "output_tokens": 400}
    both = {way: link(bps, delay_s, arq="selective_repeat") for way, bps in (("uplink", 1e5), ("downlink", 1e7))}
    scheme = {"kind": "half_dense", "max_drafts": drafts, "depth": depth, "cloud_first": begins}
    made = cell(scheme, models={"pair": pair}, workload=asked, edge={"latency": edge.model_dump()}, **both)
    simulated = simulate(made, memory=_MEMORY).summary
    rounds = geometric(simulated["acceptance_rate"], drafts)
    place = replace(
        _place(1e5), edge=edge, prompt_tokens=prompt_tokens, output_tokens=400, id_bits=4, up_delay_s=delay_s,
        down_delay_s=delay_s,
    )  # fmt: skip
    found = form(place, rounds, simulated["payload_bits_per_draft"], depth)
    for name in ("latency_s", "tpot_s"):
        assert simulated[name] == pytest.approx(getattr(found, name), rel=0.03), name
    tokens = 1 + math.fsum(rounds.survival[:-1])  # of a round, whose successor takes the place of a bonus token
    assert begins or simulated["cloud_s_per_token"] == pytest.approx(0.02 / tokens, rel=0.04)
    waits = form(place, rounds, simulated["payload_bits_per_draft"])
    assert found.latency_s < 0.97 * waits.latency_s


def test_a_longer_prompt_read_at_the_edge_costs_an_answer_its_gain_and_a_token_nothing() -> None:
    """The edge wins per token at any prompt, and end to end only at short ones."""
    phone = Affine(base_s=0.016, per_token_s=0.004)
    rounds, near = geometric(0.85, 4), replace(_place(1e6), edge=phone, target=ConstantLatency(per_pass_s=0.043))
    short, long = (replace(near, prompt_tokens=n, output_tokens=64, up_delay_s=0.01) for n in (8, 512))
    gains = [at_the_edge(place, rounds, 20).latency_s - cloud_only(place).latency_s for place in (short, long)]
    assert gains[0] < 0 < gains[1]
    assert at_the_edge(long, rounds, 20).tpot_s < cloud_only(long).tpot_s


def test_far_from_the_border_the_closed_form_names_the_faster_at_points_off_the_grid() -> None:
    """The first four of short answers where ids from the edge and cloud-only decoding are 30% apart, five answers each;
    the slow sibling asks 200 points with all schemes."""
    asked, index = 0, 0
    while asked < 4:
        point, index = Point.drawn(index), index + 1
        message = point.predicted() if point.output_tokens < 40 and not point.temperature else {}
        margin = np.log(message["coupled"][1].latency_s / message["cloud_only"][1].latency_s) if message else 0.0
        if abs(margin) > 0.3:
            found = point.simulated({kind: message[kind][0] for kind in ("cloud_only", "coupled")}, requests=5)
            assert (margin < 0) == (found["coupled"][0] < found["cloud_only"][0]), point
            asked += 1


@pytest.mark.slow
def test_the_closed_form_names_the_faster_at_95_of_100_points_off_the_grid() -> None:
    """Counts, of 200, those with a predicted margin above 3%: end to end and per token, against cloud-only decoding and
    against the better of that and co-located speculation."""
    comparisons = [Comparison.at(index) for index in range(POINTS)]
    for name in comparisons[0].predicted:
        hits, clear = agreeing(comparisons, name)
        assert clear > 0.8 * POINTS, f"margins above {MARGIN:g} are too few"
        assert hits >= 0.95 * clear, f"{name}: {hits} of {clear}, {wilson(hits, clear)}"


def _place(bps: float) -> Deployment:
    """As in `cells`: passes of 5 and 20 ms, 20 ms each way, replies at 10 Mbit/s, ids of 6 bits."""
    target = ConstantLatency(per_pass_s=0.02)
    drafter = cell("cloud_only").cloud.drafter_latency
    return Deployment(ConstantLatency(per_pass_s=0.005), target, drafter, 8, 24, 0.02, 0.02, bps, id_bits=6)
