"""Servers that prefill and send their caches to those that decode: by hand, and by what each server runs."""

from __future__ import annotations

from typing import Any

import pytest
from cells import cell, link
from plants import AirWatch, Ran, ran
from servers import Bench, Visit

from simulator.decoding.memory import Memory

pytestmark = pytest.mark.usefixtures("called_once")

TWO = {"prefill_servers": 1, "kv_token_bytes": 1.0, "kv_transfer_bytes_per_s": 2.0}
"""Half a second a token."""


class Decoding(Bench):
    """Sessions of a prompt and three tokens, each wanted when the one before it is there."""

    def on_done(self, visit: Visit) -> None:
        super().on_done(visit)
        text = visit.job.text_tokens
        if len([each for each in self.visits if each.job.session == visit.job.session]) < 4:
            self.submit(visit.job.session, text + 1, read=text)
        else:
            self.cloud.forget(visit.job.session)


def test_the_first_token_comes_from_the_prefill_and_the_next_waits_for_the_cache() -> None:
    """A pass of 10 s, 5 s on the way, then a token a second. The second prompt runs meanwhile, and its cache goes out
    when its pass is over; the third's, of one token, waits for the second's."""
    bench = Decoding(batching="none", **TWO)
    for number, tokens in enumerate((10, 10, 1)):
        bench.submit((number, 0), tokens, prefill=True)
    bench.run()
    done = [[visit.done_s[0] for visit in bench.visits if visit.job.session == (number, 0)] for number in range(3)]
    assert done == [[10.0, 16.0, 17.0, 18.0], [20.0, 26.0, 28.0, 30.0], [21.0, 27.0, 29.0, 31.0]]
    assert bench.cloud.station.area == bench.cloud.station.sojourn_s and not bench.cloud.station.present


def test_a_request_that_is_given_up_on_the_way_leaves_nothing() -> None:
    bench = Decoding(batching="none", **TWO)
    visit = bench.submit((0, 0), 10, prefill=True)
    bench.run(12.0)
    waiting = bench.visits[-1]
    assert visit.done_s == [10.0] and waiting is not visit
    bench.cloud.withdraw(waiting.job)
    bench.cloud.forget((0, 0))
    bench.run()
    assert not waiting.done_s and not bench.cloud.station.present and not bench.cloud._pools[0].kv.cached((0, 0))


def served(
    cloud: dict[str, Any], memory: Memory, scheme: object = "cloud_only", **fields: object
) -> tuple[Ran, AirWatch]:
    asked = {"kind": "poisson", "rate_per_s": 1.0, "devices": 6, "requests": 3, "prompt_tokens": 60,
             "output_tokens": 16, "prompt_at_cloud": True, "distinct": 3}  # fmt: skip
    clock = {"kind": "affine", "base_s": 0.01, "per_token_s": 0.004}
    watch = AirWatch()
    made = cell(scheme, workload=asked | fields, uplink=link(1e5), cloud={"latency": clock, **cloud})
    return ran(made, memory, watch=watch), watch


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs", "colocated", {"kind": "coupled", "cloud_first": True}])
@pytest.mark.parametrize("routing", ["shared", "affinity"])
def test_each_server_does_its_own_and_the_text_is_the_same(scheme: object, routing: str) -> None:
    memory, sends = Memory(), {**TWO, "kv_transfer_bytes_per_s": 1e4, "routing": routing, "servers": 2}
    apart, watch = served(sends, memory, scheme)
    together, _ = served({"servers": 3}, memory, scheme)
    assert apart.texts == together.texts and {each.outcome for each in apart.requests} == {"answered"}
    assert {each.server for each in watch.passes if any(each.reads)} == {2}
    assert all(new <= 16 for each in watch.passes if each.server < 2 for new, _ in each.work)
    assert apart.plant.cloud.station.servers == 3


def test_no_stream_waits_for_another_s_prompt() -> None:
    """Prompts take 0.25 s and tokens 0.014: one server for each has no such gaps as two that do both (DistServe,
    arXiv 2401.09670)."""
    memory = Memory()
    sends = {**TWO, "kv_transfer_bytes_per_s": 1e6}
    apart, together = (served(cloud, memory)[0].result.requests for cloud in (sends, {"servers": 2}))
    assert apart["tpot_s"].max() < 0.6 * together["tpot_s"].max()


def test_bytes_of_a_token_are_those_of_the_model() -> None:
    """OPT-13B: 2 bytes x (keys, values) x 40 layers x 5,120."""
    assert cell("k_sqs", cloud={"prefill_servers": 1}).moved_token_bytes == 819_200
    assert cell("k_sqs", cloud={}).moved_token_bytes is None
