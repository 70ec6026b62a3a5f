"""Passes and rounds of mixtures of experts beside what others measured (docs/trust.md), nothing fitted.

* SGLang on two H100s, Qwen3-30B-A3B with an EAGLE-3 drafter of a layer and a full output table, one user, temperature
  0: issue 339 of sgl-project/SpecForge. Assumed: 0.37e9 weights in the drafter, a pass of it a step.
* MLX on an M5 Max (614 GB/s), Nemotron 30B-A3B in 6 bits, by tokens verified: issue 699 of waybarrios/vllm-mlx.
  Assumed: 31.6e9 weights, 3.6e9 of them a token, as announced of Nemotron 3 Nano; 6.5 bits a weight; 40 us a layer.
* Mirage on an H100, Qwen3-30B-A3B, one token: its pull request 563. Of 692, on a B200, the numbers could not be read.
"""

from __future__ import annotations

import pytest

from models.latency.datasheets import SIZES, Accelerator, Experts, ModelSize
from models.latency.roofline import Roofline

TWO = {"device": "h100_80gb_sxm", "gpus": 2}
TARGET = Roofline(size="qwen3_30b_a3b", **TWO)
DENSE = Roofline(size=SIZES["qwen3_30b_a3b"].model_copy(update={"experts": None}), **TWO)
EAGLE = Roofline(size=ModelSize(name="eagle3", parameters=370_000_000, layers=1, width=2048, kv_width=512), **TWO)
SGLANG = [  # steps, beams, tokens verified, AL, tokens a second; alone 222.47
    (3, 1, 4, 1.86, 159.78), (3, 3, 4, 1.99, 207.62), (3, 3, 8, 2.20, 172.99), (6, 4, 12, 2.42, 171.54),
    (7, 4, 16, 2.52, 191.90), (8, 8, 60, 3.20, 177.50),
]  # fmt: skip


def gain(target: Roofline, steps: int, beams: int, verified: int, accepted_length: float) -> float:
    """Returns the tokens per second of rounds over those of the target alone."""
    round_s = steps * EAGLE.pass_s([(beams, 512)]) + target.pass_s([(verified, 512)])
    return accepted_length * target.pass_s([(1, 512)]) / round_s


def test_speculation_that_a_dense_clock_says_doubles_the_speed_of_a_mixture_gains_next_to_nothing() -> None:
    off = {}
    for steps, beams, verified, length, tokens_per_s in SGLANG:
        measured, found = tokens_per_s / 222.47, gain(TARGET, steps, beams, verified, length)
        assert gain(DENSE, steps, beams, verified, length) > 1.7 > 1.2 > found
        off[verified, beams] = found / measured - 1
    assert 1 / TARGET.pass_s([(1, 512)]) == pytest.approx(276, abs=1)
    assert max(abs(off[each]) for each in ((12, 4), (16, 4), (60, 8))) < 0.11
    assert min(off[each] for each in ((4, 1), (4, 3), (8, 3))) > 0.2 and off[4, 1] == pytest.approx(0.53, abs=0.01)


def test_a_verification_on_a_laptop_costs_more_with_each_token_as_measured_but_a_fifth_less() -> None:
    experts = Experts(count=128, per_token=6, parameters=229_500_000, shared_parameters=1_870_000_000)
    size = ModelSize(name="nemotron", parameters=31_600_000_000, layers=52, width=2688, kv_width=64, experts=experts)
    laptop = Accelerator(name="m5_max", flops_per_s=70e12, bytes_per_s=614e9)
    clock = Roofline(size=size, device=laptop, bytes_per_parameter=6.5 / 8)
    measured = {1: 8.47, 2: 13.49, 3: 15.64, 5: 20.67, 8: 28.13}
    found = {width: 1e3 * clock.pass_s([(width, 256)]) for width in measured}
    assert found == pytest.approx({1: 7.8, 2: 10.1, 3: 12.3, 5: 16.5, 8: 21.9}, abs=0.06)
    assert all(0.74 < found[width] / measured[width] < 0.93 for width in measured)


def test_one_token_of_a_mixture_takes_what_a_megakernel_takes_less_a_ninth() -> None:
    clock = Roofline(size="qwen3_30b_a3b", device="h100_80gb_sxm")
    assert 1e3 * clock.pass_s([(1, 256)]) == pytest.approx(4.9, rel=0.12)
