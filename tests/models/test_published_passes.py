"""The roofline's defaults beside passes that others measured: figures in milliseconds, tolerances stated row by row."""

import pytest

from models.latency.datasheets import SIZES, ModelSize
from models.latency.roofline import Roofline

QWEN3_1_7B = ModelSize(name="qwen3_1.7b", parameters=1_720_574_976, layers=28, width=2048, kv_width=1024)
QWEN3_32B = ModelSize(name="qwen3_32b", parameters=32_762_123_264, layers=64, width=5120, kv_width=1024)
LLAMA_70B = SIZES["llama_3.1_70b"]
A100, H100 = "a100_80gb_sxm", "h100_80gb_sxm"
FOUR_BITS = 101e6 / SIZES["smollm2_135m"].parameters
"""Bytes a parameter of SmolLM2-135M's file of 101 MB."""


@pytest.mark.parametrize(
    ("clock", "cached", "measured_ms", "tolerance"),
    [
        # github.com/tomasruizt/vllm-scripts: vLLM with CUDA graphs; the drafter alone and in a chain of drafts
        (Roofline(size=QWEN3_1_7B, device=H100), 250, 2.27, 0.15),
        (Roofline(size=QWEN3_1_7B, device=H100), 250, 2.56, 0.1),
        (Roofline(size=QWEN3_32B, device=H100), 500, 23.65, 0.25),
        (Roofline(size=LLAMA_70B, device=A100, gpus=2), 500, 43.3, 0.25),
        # NVIDIA NIM benchmarks, Llama-3.1-70B in FP8, prompts of 5,000 tokens
        (Roofline(size=LLAMA_70B, device=H100, gpus=2, bytes_per_parameter=1), 5000, 18.6, 0.1),
        # smolhub.com, llama.cpp, four-bit weights
        (
            Roofline(size="smollm2_135m", device="jetson_orin_nano_super_8gb", bytes_per_parameter=FOUR_BITS),
            500, 6.1, 0.15,
        ),
    ],
)  # fmt: skip
def test_a_decode_pass_takes_about_what_others_measured(clock, cached, measured_ms, tolerance):
    assert 1e3 * clock.pass_s([(1, cached)]) == pytest.approx(measured_ms, rel=tolerance)


def _linear_ms(size, share, device, tokens):
    """Linear layers of a `share` of the model, by a pass of `tokens` sequences with almost no attention."""
    part = size.model_copy(update={"parameters": round(size.parameters * share)})
    return 1e3 * Roofline(size=part, device=device, overhead_s=0).pass_s([(1, 0)] * tokens)


@pytest.mark.parametrize(
    ("size", "share", "device", "by_tokens"),
    [
        (LLAMA_70B, 1 / 4, A100, {1: 25, 64: 27, 256: 52, 512: 90}),  # Vidur's profiles, Agrawal et al. 2024
        (LLAMA_70B, 1 / 4, H100, {1: 14.5, 64: 15, 512: 31}),
        (SIZES["opt_13b"], 1, A100, {1: 18.3, 128: 22, 256: 37, 512: 56}),  # aiconfigurator-core 0.12
    ],
)
def test_linear_layers_take_what_was_measured_to_a_quarter(size, share, device, by_tokens):
    for tokens, measured_ms in by_tokens.items():
        assert _linear_ms(size, share, device, tokens) == pytest.approx(measured_ms, rel=0.25)


@pytest.mark.parametrize(("device", "tokens", "measured_ms"), [(A100, 128, 33), (H100, 256, 20)])
def test_near_the_ridge_real_kernels_reach_neither_roof(device, tokens, measured_ms):
    """Where arithmetic and traffic take as long as each other, Vidur's linear layers take up to half as long again."""
    roof_ms = _linear_ms(LLAMA_70B, 1 / 4, device, tokens)
    assert 0.65 * measured_ms < roof_ms < 0.75 * measured_ms


def test_a_small_drafter_beside_a_server_gpu_is_bound_by_its_launches():
    # 12 layers of 40 us are .48 ms; reading 250 MB at three quarters of 2,039 GB/s is .16 ms
    small_s = Roofline(size="opt_125m", device=A100).pass_s([(1, 100)])
    assert small_s == pytest.approx(0.65e-3, rel=0.02)
