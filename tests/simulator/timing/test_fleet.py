"""Classes of devices on their own processors and links, or those of the cell: what that decides of time."""

from typing import Any

import pytest
from cells import cell, link
from plants import ran

from simulator import Cell

FAST = {"latency": {"kind": "constant", "per_pass_s": 0.001}}
ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 8}
BURSTS = {"kind": "gilbert_elliott", "to_bad": 0.3, "to_good": 0.3}


def fleet(*classes: dict[str, Any], **fields: Any) -> Cell:
    devices = sum(each.get("count", 1) for each in classes)
    return cell(**{"fleet": classes, "workload": ASKED | {"devices": devices}, **fields})


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
