"""Prepared rounds beside Saguaro, both models in one place: what its authors measured of their engine.

"SSD Reference Test Outputs" of 2026-02-10, of the engine of Kumar, Dao, May (arXiv 2603.03251), read in a public copy,
since the engine's newest commit does not hold them: one request at a time, temperature 0, H100s, the drafter of
prepared rounds on a GPU of its own. They have tokens a second alone, in rounds that wait and in prepared ones, and how
long the drafter takes for a prepared round. The acceptance is made from the rounds that wait; a pass of the drafter
over one token is that of `h100_1_7b`. Both are assumed, and so is c, the share of corrections that are the drafter's
next choice.
"""

import math
from dataclasses import dataclass

import pytest

from models.published import KnownAcceptance
from models.published_figures import NEXT_CHOICE, NEXT_CHOICE_LEAST, NEXT_CHOICE_MOST
from simulator import Cell, simulate
from simulator.results.phase_prediction import Deployment, Outcomes, Rounds, drafting

ONE_S = 2.27e-3


@dataclass(frozen=True)
class Measured:
    """Figures of a pair: tokens a second, seconds of the drafter for a prepared round, L, and guesses an outcome."""

    alone: float
    waits: float
    prepared: float
    drafting_s: float
    drafts: int
    guesses: int

    @property
    def accepted_length(self) -> float:
        """AL, from the rounds that wait."""
        return self.waits * (1 / self.alone + self.drafts * ONE_S)

    @property
    def pair(self) -> KnownAcceptance:
        """A pair with this acceptance."""
        length = self.accepted_length
        return KnownAcceptance(accepted_length=length, drafts=self.drafts, size=256, prompt_tokens=8)

    @property
    def branches(self) -> int:
        """Branches behind a round."""
        return self.guesses * (self.drafts + 1)


LLAMA = Measured(54, 172, 238, 0.0233, 6, 3)
"""Llama-3.1-70B on four GPUs with Llama-3.2-1B."""
QWEN = Measured(89, 156, 195, 0.01793, 4, 2)
"""Qwen3-32B on four GPUs with Qwen3-0.6B."""


def cell(of: Measured, share: float, **scheme: object) -> Cell:
    """Returns a cell whose link takes no time. The passes of a prepared round are L, and one in which the last draft is
    read."""
    each_s = (of.drafting_s / (of.drafts + 1) - ONE_S) / (of.branches - 1)
    link = {"rate": {"kind": "constant", "bps": math.inf}, "delay": {"kind": "constant", "delay_s": 0.0}}
    return Cell.from_fields({
        "models": {"pair": of.pair.model_dump() | {"next_choice": share}, "temperature": 0},
        "scheme": {"kind": "coupled", "max_drafts": of.drafts, **scheme},
        "workload": {"kind": "closed", "requests": 6, "prompt_tokens": 8, "output_tokens": 512},
        "edge": {
            "latency": {"kind": "affine", "base_s": ONE_S - each_s, "per_token_s": each_s}, "encode_s_per_draft": 0.0,
        },
        "uplink": link,
        "downlink": link,
        "cloud": {"latency": {"kind": "constant", "per_pass_s": 1 / of.alone}},
    })  # fmt: skip


@pytest.mark.parametrize("of", [LLAMA, QWEN], ids=["llama", "qwen"])
def test_prepared_rounds_gain_what_saguaro_measured_by_the_closed_form(of: Measured) -> None:
    """Within 10%, whatever c of its band: 230 to 243 tokens a second for 238, and 176 to 188 for 195."""
    made, (*survival, beyond) = cell(of, 0.3), of.pair.along.survival(of.drafts + 1).tolist()
    place = Deployment(made.edge.latency, made.cloud.latency, made.cloud.drafter_latency, 8, 512, 0.0, 0.0, math.inf,
                       math.inf, up_header_bits=0, down_header_bits=0, encode_s=0.0)  # fmt: skip
    rounds = Rounds(tuple(survival))
    assert 1 / drafting(False, 0)(place, rounds, 8).tpot_s == pytest.approx(of.waits, rel=0.02)
    for share in (NEXT_CHOICE_LEAST, NEXT_CHOICE, NEXT_CHOICE_MOST):
        outcomes = Outcomes((of.guesses,) * (of.drafts + 1), share, beyond)
        assert 1 / drafting(False, 0, outcomes)(place, rounds, 8).tpot_s == pytest.approx(of.prepared, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("of", [LLAMA, QWEN], ids=["llama", "qwen"])
def test_prepared_rounds_gain_what_saguaro_measured_as_simulated(of: Measured) -> None:
    evenly = {"prepared": of.branches, "fan_out": {"kind": "geometric", "power": 100}}
    for scheme, measured in (({}, of.waits), (evenly, of.prepared)):
        assert 1 / simulate(cell(of, NEXT_CHOICE, **scheme)).summary["tpot_s"] == pytest.approx(measured, rel=0.06)
