"""Points off the grid of `phase_map`, drawn by name and index, and who is faster there: predicted and simulated.

python tests/helpers/phase_points.py 200
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.published import KnownAcceptance, OfAcceptance, Published
from models.published_figures import PRESETS, PresetName
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.intervals import wilson
from simulator.results.phase_prediction import Place, Rounds, Times, at_the_edge, cloud_only, colocated

IDS, ID_BITS, LENGTHS, MARGIN = 1024, 10, range(1, 9), 0.03
TOKENS, STRETCH = 2048, 16
"""Of the answers of a point, all together, at least; and for how many of them an acceptance stays: with 64, as by
default, the luck of so few stretches is 10% of a mean, and a margin of 3% could not be told."""
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
        place = Place(cell.edge.latency, cell.cloud.latency, cell.cloud.drafter_latency, self.prompt_tokens,
                      self.output_tokens, half, half, self.bps, id_bits=ID_BITS)  # fmt: skip
        rounds = [Rounds(tuple(along.survival(drafts).tolist())) for drafts in LENGTHS]
        told = {"cloud_only": [cloud_only(place)], "colocated": [colocated(place, each) for each in rounds]}
        told |= {kind: [at_the_edge(place, each, bits) for each in rounds]
                 for kind, bits in BITS[self.temperature].items()}  # fmt: skip
        best = {kind: min(range(len(each)), key=lambda i: each[i].latency_s) for kind, each in told.items()}
        return {kind: (LENGTHS[place], told[kind][place]) for kind, place in best.items()}

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
        told = point.predicted()
        sent = {kind: drafts for kind, (drafts, _) in told.items() if point.temperature or kind != "k_sqs"}
        found = point.simulated(sent)  # one-hot distributions: the same rejections, and more bits, as ids alone
        said = {kind: (times.latency_s, times.tpot_s) for kind, (_, times) in told.items()}
        return cls(point, _ratios(said), _ratios(found))


def _ratios(times: dict[str, tuple[float, float]]) -> dict[str, float]:
    ratios = {}
    for place, name in enumerate(("latency", "tpot")):
        edge = min(times[kind][place] for kind in ("coupled", "k_sqs") if kind in times)
        alone = times["cloud_only"][place]
        ratios[f"{name}, alone"] = math.log(edge / alone)
        ratios[f"{name}, any"] = math.log(edge / min(alone, times["colocated"][place]))
    return ratios


def agreeing(comparisons: list[Comparison], name: str) -> tuple[int, int, int]:
    """Of the points whose predicted margin is above MARGIN: how many agree in sign, how many there are, and at how many
    the edge is faster as simulated."""
    clear = [(each.predicted[name], each.simulated[name]) for each in comparisons if abs(each.predicted[name]) > MARGIN]
    return sum(said * was > 0 for said, was in clear), len(clear), sum(was < 0 for _, was in clear)


def main(points: int) -> None:
    """Prints the shares over the first so many points, and where the two differ."""
    comparisons = [Comparison.at(index) for index in range(points)]
    for name in comparisons[0].predicted:
        hits, clear, faster = agreeing(comparisons, name)
        low, high = wilson(hits, clear)
        print(f"{name}: {hits} of {clear} ({low:.3f} to {high:.3f}), the edge is faster at {faster}")
        for each in comparisons:
            said, was = each.predicted[name], each.simulated[name]
            if abs(said) > MARGIN and said * was <= 0:
                print(f"    {said:+.3f} {was:+.3f} {each.point}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
