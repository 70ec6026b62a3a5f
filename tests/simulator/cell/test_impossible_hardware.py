"""Hardware that could not do what a cell asks of it is refused in one line, on the device as in the cloud."""

from typing import Any

import pytest
from cells import cell

from models.latency.datasheets import DEVICES, SIZES
from simulator import Cell, ConfigError

JETSON = {"kind": "roofline", "size": "llama_3.2_3b", "device": "jetson_orin_nano_8gb"}
PHONE = {"kind": "profile", "name": "oneplus12_llama_1b"}
WEIGHTS, TOKEN = 2 * SIZES["llama_3.2_3b"].parameters, 2 * 2 * 28 * 1024
"""Bytes."""


def on_edge(scheme: object = "k_sqs", fleet: object = (), **edge: Any) -> Cell:
    """A request has 8 + 24 tokens, 8 drafts and one more, 41."""
    return cell(scheme, edge={"latency": JETSON, **edge}, fleet=fleet)


def test_weights_that_do_not_fit_the_device_are_refused_with_both_sizes() -> None:
    message = (
        r"^edge\.latency\.size = llama_3\.1_8b: takes 16\.1 GB for its weights and 0\.0054 GB for keys and values of "
        r"41 tokens, of \d+\.\d GB that edge\.memory_utilization = 0\.9 leaves on jetson_orin_nano_8gb; "
    )
    with pytest.raises(ConfigError, match=message):
        on_edge(latency=JETSON | {"size": "llama_3.1_8b"})
    assert on_edge(latency=JETSON | {"size": "llama_3.1_8b", "bytes_per_parameter": 0.5625})


def test_a_device_holds_the_weights_and_each_request_that_it_serves_to_the_byte() -> None:
    memory = DEVICES["jetson_orin_nano_8gb"].memory_bytes or 0.0
    for requests, kind in ((1, "closed"), (1, "poisson"), (3, "poisson")):
        asked = {"kind": kind, "requests": 2, "prompt_tokens": 8, "output_tokens": 24}
        exact = (WEIGHTS + requests * 41 * TOKEN) / memory
        for share, fits in ((exact * (1 + 1e-12), True), (exact * (1 - 1e-9), False)):
            edge = {"latency": JETSON, "concurrency": requests, "memory_utilization": share}
            if fits:
                cell(edge=edge, workload=asked)
            else:
                with pytest.raises(ConfigError, match=r"^edge\.latency\.size = llama_3\.2_3b: takes 6\.4 GB"):
                    cell(edge=edge, workload=asked)


def test_a_gateway_holds_the_weights_once_and_each_user_to_the_byte() -> None:
    memory = DEVICES["jetson_orin_nano_8gb"].memory_bytes or 0.0
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24, "devices": 3}
    exact = (WEIGHTS + 3 * 41 * TOKEN) / memory
    edge = {"latency": JETSON, "gateway": "waiting"}
    cell(edge=edge | {"memory_utilization": exact * (1 + 1e-12)}, workload=asked)
    with pytest.raises(ConfigError, match="of 41 tokens of 3 requests each"):
        cell(edge=edge | {"memory_utilization": exact * (1 - 1e-9)}, workload=asked)


def test_a_class_of_a_fleet_is_named_and_a_device_that_does_not_draft_holds_nothing() -> None:
    large = {"latency": JETSON | {"size": "opt_13b"}}
    with pytest.raises(ConfigError, match=r"^fleet\.0\.edge\.latency\.size = opt_13b: takes 25\.7 GB"):
        on_edge(fleet=[{"count": 1, "edge": large}])
    assert on_edge("cloud_only", **large)
    with pytest.raises(ConfigError, match=r"^edge\.latency\.size = opt_13b: takes 25\.7 GB"):
        on_edge("edge_only", **large)


@pytest.mark.parametrize(("scheme", "field"), [("k_sqs", "latency"), ("colocated", "drafter_latency")])
def test_a_profile_of_a_phone_is_no_servers(scheme: str, field: str) -> None:
    message = rf"^cloud\.{field}\.name = oneplus12_llama_1b: must be a profile of a server, one of t4_gemma3_1b, "
    for beyond in ("refuse", "extend"):
        with pytest.raises(ConfigError, match=message):
            cell(scheme, cloud={"latency": "constant", field: PHONE | {"beyond": beyond}})
    assert cell(edge={"latency": PHONE})


def test_a_drafter_on_a_device_of_its_own_in_the_cloud_must_fit_there() -> None:
    clock = {"kind": "roofline", "size": "llama_3.1_70b", "device": "l4"}
    message = r"^cloud\.drafter_latency\.size = llama_3\.1_70b: takes 141\.1 GB for its weights, of \d+\.\d GB that "
    for verifier in ("roofline", "constant"):
        with pytest.raises(ConfigError, match=message):
            cell("colocated", cloud={"latency": verifier, "drafter_latency": clock})
        assert cell("cloud_only", cloud={"latency": verifier, "drafter_latency": clock})
