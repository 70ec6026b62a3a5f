"""An axis that no field holds: the mean that a loss gives, ours or a user's."""

import pytest

from scenarios.command.registry import scenario
from scenarios.command.result_folder import along, axes_of
from simulator import Cell

LOSS = """
from typing import Literal
from channels.link.losses import Loss

class Every(Loss):
    kind: Literal["every_here"] = "every_here"
    nth: int = 4

    @property
    def mean_loss(self):
        return 1 / self.nth

    def process(self, uniforms):
        return self

    def lost(self, now_s, bits, rate_bps, index):
        return index[4] == 0 and index[2] % self.nth == 0
"""


@pytest.mark.usefixtures("one_drawn")
def test_a_loss_of_the_users_own_stands_at_the_mean_it_gives_and_is_drawn_again_without_its_file(
    typed, done, untuned, tmp_path
):
    (tmp_path / "mine.py").write_text(LOSS)
    losses = "none,{kind: bernoulli, probability: 0.25},{kind: every_here, nth: 4},{kind: every_here, nth: 2}"
    options = (
        *untuned,
        "--import=mine.py",
        f"--grid=uplink.loss={losses}",
        "--set=scheme=k_sqs",
        "--seeds=1",
        "--quiet",
        "--details",
    )
    out = done("run", "lossy_uplink", "--quick", *options, "--out=here")
    table = next(part for part in out.split("\n\n") if part.startswith("ms per token, by uplink mean loss"))
    assert table.splitlines()[0].split()[-3:] == ["0", "0.25", "0.5"], table
    assert "K-SQS, loss every here" in out and "nth " not in out
    figure = tmp_path / "here" / "figures" / "latency.svg"
    drawn = figure.read_bytes()
    (tmp_path / "mine.py").unlink()
    figure.unlink()
    assert typed("plot", "here", "--figure=latency", "--format=svg")[0] == 0 and figure.read_bytes() == drawn


def test_a_question_runs_along_a_property_of_parts_that_hold_it_in_no_field():
    """A frame's rate follows from its spreading factor: such links would fall out of an answer along `rate.bps`."""
    cells = [Cell().with_({"uplink.rate": rate}) for rate in ({"kind": "lora"}, {"kind": "constant", "bps": 50.0})]
    questions = [scenario("low_bandwidth").answer, *scenario("low_bandwidth").findings]
    assert list(dict.fromkeys(axes_of(questions))) == ["uplink.rate.fastest_bps"]
    assert along(cells, axes_of(questions)) == {"uplink.rate.fastest_bps": [5468.75, 50.0]}
    assert along(cells, [None, "uplink.rate.bps"]) == {}
