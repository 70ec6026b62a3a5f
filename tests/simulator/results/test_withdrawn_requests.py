"""A request that ends before its answer puts nothing more on the air."""

import pytest
from cells import cell, link
from plants import ran

DEAF = link(1e4, loss={"kind": "bernoulli", "probability": 0.999}, arq={"kind": "stop_and_wait", "timeout_s": 0.5})


@pytest.mark.parametrize(
    ("scheme", "way", "packets"),
    [("k_sqs", "uplink", (2, 1, 0, 1)), ("cloud_only", "downlink", (1, 1, 0, 0))],
    ids=["a payload behind a lost prompt", "a reply behind a lost one"],
)
def test_what_waits_behind_a_lost_packet_is_not_sent_when_its_request_ends(
    scheme: str, way: str, packets: tuple[int, int, int, int]
) -> None:
    """By stop and wait a second message is held until the first is acknowledged, which it never is. The device's word
    that the request has ended is under way."""
    work = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24, "deadline_s": 0.4}
    run = ran(cell(scheme, workload=work, **{way: DEAF}))
    assert [request.outcome for request in run.requests] == ["timed_out"]
    (deaf,) = getattr(run.plant, f"{way}s")
    assert (deaf.sent, deaf.lost, deaf.dropped, deaf.in_flight) == packets
