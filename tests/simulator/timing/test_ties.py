"""What falls at one instant happens by kind, then by device, request and round: never in the order of construction."""

from __future__ import annotations

from typing import Any

import pytest
from cells import cell, link

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.timing.arrivals import RequestArrivals
from simulator.timing.device import Device

AT_ONCE: dict[str, Any] = {"header_bits": 40, "arq": {"kind": "selective_repeat", "timeout_s": 0.5}}
GATEWAY = {
    "latency": {"kind": "affine", "base_s": 0.005, "per_sequence_s": 0.001},
    "gateway": {"kind": "waiting", "cap": 3},
}
SERVED: dict[str, tuple[object, dict[str, Any]]] = {
    "walked": ("k_sqs", {}),
    "walked, lanes of their own": ("k_sqs", {"uplink": link(2e4, sharing="own", **AT_ONCE)}),
    "driven by a deadline": ("k_sqs", {"deadline_s": 5.0}),
    "a stream": ("cloud_only", {}),
    "drafted ahead": ({"kind": "k_sqs", "depth": 2}, {}),
    "in parts": ({"kind": "k_sqs", "partial": True}, {}),
    "prepared": ({"kind": "coupled", "prepared": 2}, {}),
    "the cloud starts": ({"kind": "coupled", "cloud_first": True}, {}),
    "a policy that looks": ({"kind": "rungs", "policy": "goodput"}, {}),
    "a queue on events": ("k_sqs", {"uplink": link(2e4, sharing="round_robin", **AT_ONCE)}),
    "a gateway": ("k_sqs", {"edge": GATEWAY}),
    "a gateway whose users draft ahead": ({"kind": "k_sqs", "depth": 1}, {"edge": GATEWAY}),
    "losses": ("k_sqs", {"uplink": link(2e4, loss={"kind": "bernoulli", "probability": 0.3}, **AT_ONCE)}),
}
"""Schemes, and fields of their cells."""


def simultaneous(name: str, batching: str) -> Cell:
    """Five devices alike, which ask the same at the same time."""
    scheme, fields = SERVED[name]
    asked = {"kind": "closed", "devices": 5, "requests": 2, "prompt_tokens": 8, "output_tokens": 12, "distinct": 1}
    deadline = {key: value for key, value in fields.items() if key == "deadline_s"}
    links = {"uplink": link(2e4, **AT_ONCE), "downlink": link(1e5, **AT_ONCE)}
    cloud = {"batching": batching, "servers": 2, "latency": {"kind": "constant", "per_pass_s": 0.02}}
    rest = {key: value for key, value in fields.items() if key != "deadline_s"}
    return cell(scheme, workload=asked | deadline, cloud=cloud, **links | rest)


@pytest.mark.parametrize("batching", ["none", "continuous"])
@pytest.mark.parametrize("name", SERVED)
def test_the_order_in_which_simultaneous_devices_are_started_changes_no_table(
    name: str, batching: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, memory, start = simultaneous(name, batching), Memory(), RequestArrivals.start
    expected = simulate(made, memory=memory)
    for order in ((4, 3, 2, 1, 0), (2, 0, 4, 1, 3)):

        def permuted(self: RequestArrivals, devices: list[Device], order: tuple[int, ...] = order) -> None:
            start(self, [devices[place] for place in order])

        monkeypatch.setattr(RequestArrivals, "start", permuted)
        found = simulate(made, memory=memory)
        assert found.requests.equals(expected.requests) and found.rounds.equals(expected.rounds)
