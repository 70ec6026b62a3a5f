"""Classes of devices: each with its own scheme, processor and links, or those of the cell."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from cells import cell, link
from plants import AirWatch, ran

from simulator import Cell

FAST = {"latency": {"kind": "constant", "per_pass_s": 0.001}}
ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 8}
BURSTS = {"kind": "gilbert_elliott", "to_bad": 0.3, "to_good": 0.3}


def fleet(*classes: dict[str, Any], **fields: Any) -> Cell:
    devices = sum(each.get("count", 1) for each in classes)
    return cell(**{"fleet": classes, "workload": ASKED | {"devices": devices}, **fields})


def test_devices_are_numbered_class_by_class_and_use_their_own_scheme() -> None:
    made = fleet({"name": "thin", "count": 2, "scheme": "cloud_only"}, {"name": "smart"}, {"scheme": "edge_only"})
    rounds = ran(made).result.rounds
    sent = rounds.groupby("device")[["drafted", "payload_bits", "uplink_bits"]].sum()
    assert (sent.loc[[0, 1], "drafted"] == 0).all() and (sent.loc[[0, 1, 3], "payload_bits"] == 0).all()
    assert sent.loc[2, "payload_bits"] > 0
    assert (rounds[rounds["device"] == 3]["edge_passes"] == 1).all()


def test_a_class_decodes_as_a_cell_of_its_scheme_would() -> None:
    """Its place in the fleet decides when, not what: device 0 says the same alone."""
    mixed = ran(fleet({"scheme": "k_sqs"}, {"scheme": "cloud_only"})).texts
    for scheme, device in (("k_sqs", 0), ("cloud_only", 1)):
        alone = ran(cell(scheme, workload=ASKED | {"devices": 2})).texts
        for number in (0, 1):
            assert mixed[device, number] == alone[device, number]


def test_links_are_shared_within_a_class_and_by_those_without_their_own() -> None:
    made = fleet(
        {"name": "lora", "count": 2, "uplink": link(1e4)}, {"name": "b", "count": 2}, {"name": "c", "edge": FAST}
    )
    watch, devices = AirWatch(), defaultdict[str, set[int]](set)
    assert len(ran(made, watch=watch).plant.links) == 3
    for airing in watch.airings:
        devices[airing.link].add(airing.address[0])
    assert devices == {"lora uplink": {0, 1}, "uplink": {2, 3, 4}, "downlink": {0, 1, 2, 3, 4}}


def test_an_own_uplink_and_processor_set_the_pace_of_their_class_alone() -> None:
    slow, fast = {"name": "slow", "uplink": link(1e3)}, {"name": "fast", "uplink": link(1e6), "edge": FAST}
    roomy = {"servers": 2, "batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}}
    same = ASKED | {"distinct": 1}
    run = ran(fleet(slow, fast, cloud=roomy, workload=same | {"devices": 2}))
    both = run.result.requests.set_index(["device", "request"])["latency_s"].sort_index()
    assert (both.loc[0] > 3 * both.loc[1]).all()
    alone = ran(cell("k_sqs", 1e3, workload=same, cloud=roomy)).result.requests.set_index("request")["latency_s"]
    assert both.loc[0].sort_index().to_numpy() == pytest.approx(alone.sort_index().to_numpy(), rel=1e-9)


def test_classes_of_one_name_have_rng_of_their_own() -> None:
    """Downlinks alike in everything, under the same texts, lose different packets."""
    lossy = {"scheme": "cloud_only", "downlink": link(1e5, loss=BURSTS)}
    run = ran(fleet(lossy, lossy, lossy, workload=ASKED | {"devices": 3, "distinct": 1}))
    assert len(run.plant.downlinks) == 3 and min(each.lost for each in run.plant.downlinks) > 0
    charged = run.result.rounds.sort_values(["request", "round"]).groupby("device")["downlink_bits"].apply(tuple)
    assert len(set(charged)) == 3


def test_on_a_shared_uplink_acknowledgements_take_each_class_its_own_way_back() -> None:
    near, far = ({"uplink": None, "downlink": link(1e6, delay_s=delay_s)} for delay_s in (0.01, 0.15))
    run = ran(fleet({"name": "near", **near}, {"name": "far", "count": 2, **far}, uplink=link(float("inf"))))
    (uplink,) = run.plant.uplinks
    round_trips_s = [uplink.seen_by(device).round_trip_s for device in range(3)]
    assert round_trips_s == pytest.approx([0.02 + 0.01, 0.02 + 0.15, 0.02 + 0.15], rel=1e-9)
