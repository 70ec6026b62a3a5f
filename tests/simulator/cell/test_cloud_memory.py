"""What a server's memory holds: from the named device and models, or as a user says."""

from __future__ import annotations

import re
from math import inf

import pytest
from cells import cell

from models.latency.datasheets import DEVICES, SIZES
from simulator import Cell, ConfigError

OPT_13B, OPT_125M = 12_853_473_280, 125_239_296
GIB = 2**30
A100 = 79.15 * GIB
ROOM = 0.9 * A100 - 1.4e9
"""The room on one A100, bytes: 90% of what a process finds there, less what passes take."""


def cloud(**fields: object) -> Cell:
    """A cell with the clocks of the defaults, or those given."""
    return cell(fields.pop("scheme", "k_sqs"), cloud=fields)


def test_opt_13b_leaves_some_60_000_tokens_of_an_a100() -> None:
    """By hand: 90% of 79.15 GiB, less 1.4 GB for passes and 2 bytes a weight, over 2 bytes x (keys, values) x 40 layers
    x 5,120 a token."""
    assert cloud().kv_tokens == int((ROOM - 2 * OPT_13B) // (2 * 2 * 40 * 5120)) == 60_279


def test_a_70b_on_two_gpus_of_80_gb_leaves_27_700_tokens_and_36_200_without_what_passes_take() -> None:
    """As 80e9 bytes each they would leave 8,800."""
    two = {"latency": {"kind": "roofline", "size": "llama_3.1_70b", "device": "h100_80gb_sxm", "gpus": 2}}
    by_hand = [int((1.8 * A100 - 2 * spent - 2 * 70_553_706_496) // (2 * 2 * 80 * 1024)) for spent in (1.4e9, 0)]
    assert [cloud(**two).kv_tokens, cloud(**two, activation_bytes=0).kv_tokens] == by_hand == [27_675, 36_220]


def test_an_8b_model_leaves_what_vllm_reports_of_a_gpu_of_80_gb() -> None:
    """Its log for Llama-3.1-8B at 0.90 of 79.14 GiB: weights 14.99 GiB, 0.12 and 1.19 beside, 54.93 for the cache."""
    tokens = cloud(latency={"kind": "roofline", "size": "llama_3.1_8b"}).kv_tokens
    assert tokens is not None
    assert tokens * 2 * 2 * 32 * 1024 / GIB == pytest.approx(54.93, rel=0.002)


def test_a_drafter_in_the_cloud_takes_its_weights_and_its_share_of_each_token() -> None:
    by_hand = (ROOM - 2 * OPT_13B - 2 * OPT_125M) // (2 * 2 * (40 * 5120 + 12 * 768))
    assert cloud(scheme="colocated").kv_tokens == int(by_hand) == 57_391
    assert cloud(scheme="cloud_only").kv_tokens == 60_279
    fleet = [{"name": "one", "count": 1}, {"name": "two", "count": 1, "scheme": "colocated"}]
    mixed = {"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    assert cell(cloud={}, fleet=fleet, workload=mixed).kv_tokens == 57_391


@pytest.mark.parametrize(
    "drafter", [{"kind": "constant", "per_pass_s": 0.002}, {"kind": "roofline", "size": "opt_125m", "device": "l4"}]
)
def test_a_drafter_on_another_device_takes_nothing(drafter: dict[str, object]) -> None:
    assert cloud(scheme="colocated", drafter_latency=drafter).kv_tokens == 60_279


@pytest.mark.parametrize(
    ("clock", "tokens"),
    [
        ({"device": "a100_40gb_sxm"}, int((0.9 * 39.49 * GIB - 1.4e9 - 2 * OPT_13B) // 819_200)),
        ({"bytes_per_parameter": 1}, int((ROOM - OPT_13B) // 819_200)),
        ({"bytes_per_kv": 1}, int((ROOM - 2 * OPT_13B) // 409_600)),
        ({"size": "llama_3.1_8b"}, int((ROOM - 2 * 8_030_261_248) // (4 * 32 * 1024))),
        ({"device": {"name": "mine", "flops_per_s": "300T", "bytes_per_s": "2 TB/s"}}, None),
        ({"device": {"name": "mine", "flops_per_s": "300T", "bytes_per_s": "2 TB/s", "memory_bytes": "80G"}}, 54_801),
    ],
)
def test_the_room_follows_the_clock(clock: dict[str, object], tokens: int | None) -> None:
    assert cloud(latency={"kind": "roofline", **clock}).kv_tokens == tokens


@pytest.mark.parametrize("kind", ["constant", "affine"])
def test_a_clock_that_names_no_hardware_sets_no_limit(kind: str) -> None:
    assert cloud(latency=kind).kv_tokens is None


def test_the_reserve_is_a_field() -> None:
    assert cloud(memory_utilization=1.0).kv_tokens == int((A100 - 1.4e9 - 2 * OPT_13B) // 819_200)


@pytest.mark.parametrize(
    ("written", "tokens"), [(100, 100), ("100k", 100_000), ("2 k", 2000), (inf, None), ("inf", None), (None, None)]
)
def test_a_number_stands_and_no_limit_is_null_or_inf(written: object, tokens: int | None) -> None:
    made = cloud(kv_tokens=written)
    assert made.kv_tokens == made.cloud.kv_tokens == tokens
    assert Cell.from_fields(made.model_dump()) == made


def test_a_model_that_does_not_fit_is_refused_with_both_sizes() -> None:
    said = (
        r"^cloud\.latency\.size = llama_3\.1_70b: takes 141\.1 GB for its weights, of 75\.1 GB that "
        r"cloud\.memory_utilization = 0\.9 and cloud\.activation_bytes = "
        r"1\.4e\+09 leave on 1 a100_80gb_sxm; another device, or null for cloud\.kv_tokens$"
    )
    with pytest.raises(ConfigError, match=said):
        cloud(latency={"kind": "roofline", "size": "llama_3.1_70b"})
    assert cloud(latency={"kind": "roofline", "size": "llama_3.1_70b"}, kv_tokens=None).kv_tokens is None


def test_what_fits_without_the_drafter_is_refused_with_it() -> None:
    tight = {"latency": {"kind": "roofline"}, "memory_utilization": (2 * OPT_13B + OPT_125M + 1.4e9) / A100}
    assert cloud(**tight).kv_tokens > 0  # type: ignore[operator]
    with pytest.raises(ConfigError, match=r"size = opt_13b with opt_125m: takes 26\.0 GB"):
        cloud(scheme="colocated", **tight)


def test_a_request_that_the_device_cannot_hold_is_refused() -> None:
    """8 + 24 tokens, 8 drafts and one: 41. Room for 30 is left."""
    said = r"^cloud\.kv_tokens = memory: must hold one whole request, 41 tokens, has room for 30$"
    with pytest.raises(ConfigError, match=said):
        cloud(memory_utilization=(2 * OPT_13B + 30.5 * 819_200 + 1.4e9) / A100)


def test_every_device_has_the_memory_of_its_name_in_2_to_the_30_less_what_is_kept_of_it() -> None:
    for name, device in DEVICES.items():
        named = re.search(r"(\d+) ?gb\b", f"{name.replace('_', ' ')} {device.source.lower()}")
        assert named is not None and device.memory_bytes is not None
        assert 0.9 * int(named[1]) <= device.memory_bytes / GIB <= int(named[1]), name
    assert SIZES["opt_13b"].parameters == OPT_13B and SIZES["opt_125m"].parameters == OPT_125M
