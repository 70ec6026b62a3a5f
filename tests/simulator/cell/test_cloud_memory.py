"""What a server's memory holds: from the named device and models, or as a user says."""

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


def clock(**fields: object) -> dict[str, object]:
    return {"latency": {"kind": "roofline", **fields}}


TWO = clock(size="llama_3.1_70b", device="h100_80gb_sxm", gpus=2)
MINE = {"name": "mine", "flops_per_s": "300T", "bytes_per_s": "2 TB/s"}
ROOMS: dict[str, tuple[dict[str, object], float | None]] = {
    "OPT-13B on an A100: 2 bytes x (keys, values) x 40 layers x 5,120 a token": ({}, (ROOM - 2 * OPT_13B) // 819_200),
    "so some 60,000 tokens": ({}, 60_279),
    "a 70B on two GPUs of 80 GB, which as 80e9 bytes each would leave 8,800": (TWO, 27_675),
    "the same": (TWO, (1.8 * A100 - 2.8e9 - 2 * 70_553_706_496) // (2 * 2 * 80 * 1024)),
    "without what passes take": (TWO | {"activation_bytes": 0}, 36_220),
    "with a drafter in the cloud, its weights and its share of each token": (
        {"scheme": "colocated"}, (ROOM - 2 * OPT_13B - 2 * OPT_125M) // (2 * 2 * (40 * 5120 + 12 * 768)),
    ),
    "a scheme that drafts nowhere": ({"scheme": "cloud_only"}, 60_279),
    "a drafter of no hardware": (
        {"scheme": "colocated", "drafter_latency": {"kind": "constant", "per_pass_s": 0.002}}, 60_279,
    ),
    "a drafter on another device": (
        {"scheme": "colocated", "drafter_latency": {"kind": "roofline", "size": "opt_125m", "device": "l4"}}, 60_279,
    ),
    "a smaller device": (clock(device="a100_40gb_sxm"), (0.9 * 39.49 * GIB - 1.4e9 - 2 * OPT_13B) // 819_200),
    "weights of a byte": (clock(bytes_per_parameter=1), (ROOM - OPT_13B) // 819_200),
    "keys and values of a byte": (clock(bytes_per_kv=1), (ROOM - 2 * OPT_13B) // 409_600),
    "another model": (clock(size="llama_3.1_8b"), (ROOM - 2 * 8_030_261_248) // (4 * 32 * 1024)),
    "a device of which no memory is known": (clock(device=MINE), None),
    "a device of the user's": (clock(device=MINE | {"memory_bytes": "80G"}), 54_801),
    "a clock that names no hardware": ({"latency": "constant"}, None),
    "an affine one": ({"latency": "affine"}, None),
    "all of what a process finds": ({"memory_utilization": 1.0}, (A100 - 1.4e9 - 2 * OPT_13B) // 819_200),
    **{
        f"a number stands, and no limit is null or inf: {written}": ({"kv_tokens": written}, tokens)
        for written, tokens in ((100, 100), ("100k", 100_000), ("2 k", 2000), (inf, None), ("inf", None), (None, None))
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ROOMS)
def test_a_server_holds_so_many_tokens(name: str) -> None:
    """90% of what a process finds there, less 1.4 GB for passes and the weights, over the bytes of a token."""
    fields, tokens = ROOMS[name]
    made = cloud(**fields)
    assert made.kv_tokens == tokens and Cell.from_fields(made.model_dump()) == made
    assert "kv_tokens" not in fields or made.cloud.kv_tokens == tokens


def test_an_8b_model_leaves_what_vllm_reports_of_a_gpu_of_80_gb() -> None:
    """Its log for Llama-3.1-8B at 0.90 of 79.14 GiB: weights 14.99 GiB, 0.12 and 1.19 beside, 54.93 for the cache."""
    tokens = cloud(**clock(size="llama_3.1_8b")).kv_tokens
    assert tokens is not None
    assert tokens * 2 * 2 * 32 * 1024 / GIB == pytest.approx(54.93, rel=0.002)


def test_a_class_that_drafts_in_the_cloud_takes_room_from_all() -> None:
    fleet = [{"name": "one", "count": 1}, {"name": "two", "count": 1, "scheme": "colocated"}]
    mixed = {"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
    assert cell(cloud={}, fleet=fleet, workload=mixed).kv_tokens == 57_391


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
