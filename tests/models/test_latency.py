"""Durations of passes: closed forms written out by hand, and what others measured and published."""

import re
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal

from models.latency.cited_passes import QWEN3_1_7B, QWEN3_32B
from models.latency.datasheets import DEVICES, SIZES, Accelerator, Experts, ModelSize
from models.latency.latency import Affine, ConstantLatency, Latency
from models.latency.roofline import Roofline

work = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 2000)), min_size=1, max_size=8)
UNIT = Accelerator(name="unit", flops_per_s=1e3, bytes_per_s=1e2)
TINY = ModelSize(name="tiny", parameters=10, layers=2, width=3, kv_width=1)


def test_constant_ignores_the_work():
    assert ConstantLatency(per_pass_s=0.5).pass_s([(1, 0), (7, 9)]) == 0.5


def test_affine_sums_its_terms_over_the_batch():
    latency = Affine(base_s=1, per_sequence_s=0.1, per_token_s=0.01, per_cached_token_s=0.001)
    assert latency.pass_s([(3, 10), (2, 20)]) == pytest.approx(1 + 2 * 0.1 + 5 * 0.01 + 30 * 0.001, rel=1e-15)


def test_linear_layers_and_attention_are_each_the_slower_of_arithmetic_and_traffic_and_add_up():
    # TINY, 3 new tokens beside 5 cached: linear 60 FLOPs at 100/s against 20 bytes at 50/s: arithmetic, .6 s;
    # attention 24 (6 + 7 + 8) = 504 FLOPs, 5.04 s, against 8 (5 + 3) = 64 bytes, 1.28 s: arithmetic. With 100 sequences
    # of one new token beside 900 cached: linear 2,000 / 100 = 20 s; attention 24 x 901 x 100 / 100 = 21,624 s of
    # arithmetic against 8 x 901 x 100 / 50 = 14,416 s.
    device = Accelerator(name="unit", flops_per_s=100, bytes_per_s=50, launch_per_layer_s=0.25)
    latency = Roofline(size=TINY, device=device, compute_efficiency=1, memory_efficiency=1)
    assert latency.pass_s([(3, 5)]) == pytest.approx(2 * 0.25 + 0.6 + 5.04, rel=1e-12)
    assert latency.pass_s([(1, 900)] * 100) == pytest.approx(2 * 0.25 + 20 + 21_624, rel=1e-12)


def test_a_verify_pass_of_128_long_sequences_does_not_hide_its_caches_behind_its_arithmetic():
    # OPT-13B on an A100 at half its FLOP/s and .7 of its bandwidth, 128 sequences of 5 new tokens beside 1,000 cached.
    # Linear: 2 x 12.853e9 x 640 = 16.452e12 FLOPs at 156e12/s are 105.46 ms, 25.7e9 bytes at 1.4273e12/s 18.01 ms.
    # Attention: 4 x 40 x 5,120 x 128 x 5,015 = .5258e12 FLOPs are 3.37 ms; 128 x 1,005 tokens of 2 x 2 x 40 x 5,120
    # bytes are 105.4e9 bytes, 73.83 ms. The larger of the sums would be 108.8 ms.
    latency = Roofline(compute_efficiency=0.5, memory_efficiency=0.7, overhead_s=0)
    linear_s = 2 * 12_853_473_280 * 640 / 156e12
    caches_s = 128 * 1005 * 2 * 2 * 40 * 5120 / (2.039e12 * 0.7)
    assert latency.pass_s([(5, 1000)] * 128) == pytest.approx(linear_s + caches_s, rel=1e-12)
    assert latency.pass_s([(5, 1000)] * 128) == pytest.approx(0.1793, abs=5e-5)


@pytest.mark.parametrize(
    ("device", "launch_s"), [("jetson_orin_nano_8gb", 140e-6), ("a100_80gb_sxm", 40e-6), ("raspberry_pi_5", 0)]
)
def test_a_pass_launches_each_layer_unless_its_overhead_is_given(device, launch_s):
    default, none, given = (
        Roofline(size="opt_125m", device=device, overhead_s=each).pass_s([(1, 64)]) for each in (None, 0.0, 0.25)
    )
    assert given == pytest.approx(none + 0.25, rel=1e-12)
    assert default - none == pytest.approx(12 * launch_s, abs=1e-12)


def test_tensor_parallel_gpus_divide_the_work_and_sum_their_parts_twice_a_layer():
    # 2 layers: four sums of at least 5 us; of 4 GPUs each sends 2 x 3/4 of 2 bytes x 3 wide x 7 tokens at a third of
    # 300 bytes/s, four times.
    device = UNIT.model_copy(update={"link_bytes_per_s": 300.0})
    one, four = (Roofline(size=TINY, device=device, gpus=gpus, overhead_s=0) for gpus in (1, 4))
    work = [(3, 5), (4, 0)]
    sums_s = 4 * (5e-6 + 2 * 3 / 4 * 2 * 3 * 7 / 100)
    assert four.pass_s(work) == pytest.approx(one.pass_s(work) / 4 + sums_s, rel=1e-12)


SHARED_BY = {
    "opt_13b": {1: 1, 2: 1, 3: 0, 4: 1, 5: 1, 6: 0, 8: 1, 16: 0, 40: 1, 64: 0},
    "llama_3.1_70b": {1: 1, 2: 1, 3: 0, 4: 1, 5: 0, 8: 1, 16: 2, 32: 4, 64: 8},
    "llama_3.2_3b": {1: 1, 2: 1, 3: 0, 4: 1, 6: 0, 8: 1, 12: 0, 24: 3},
    "qwen2.5_0.5b": {1: 1, 2: 1, 7: 0, 14: 7},
}
"""By hand, by GPUs: how many hold each head of keys; 0 where heads of queries or of keys do not come out even."""


@pytest.mark.parametrize("name", SHARED_BY)
def test_gpus_share_whole_heads_or_are_refused_with_what_is_allowed(name):
    allowed = [gpus for gpus, copies in SHARED_BY[name].items() if copies]
    for gpus, copies in SHARED_BY[name].items():
        if copies:
            assert Roofline(size=name, gpus=gpus).kv_copies == copies
            continue
        line = refusal(Roofline, size=name, gpus=gpus)
        assert re.search(
            rf"gpus = {gpus}: must divide the {SIZES[name].heads} heads of {name} .*: one of [\d, ]*$", line
        )
        assert set(map(int, line.rpartition("one of ")[2].split(", "))) >= set(allowed) - {gpus}
    assert Roofline(size=TINY, device="h100_80gb_sxm", gpus=3).kv_copies == 1


def test_gpus_that_hold_the_same_heads_of_keys_read_them_as_often():
    device = UNIT.model_copy(update={"link_bytes_per_s": 1e30})
    size = TINY.model_copy(update={"heads": 8, "kv_heads": 2})
    fewer, more = (Roofline(size=size, device=device, gpus=gpus, overhead_s=0)._costs for gpus in (2, 8))
    assert more.weights_s == fewer.weights_s / 4 and more.held_s == fewer.held_s


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("lengths", [(1,), (3,), (2, 1)])
def test_the_share_of_experts_read_is_the_mean_over_all_that_tokens_may_take(lengths, correlation):
    # Each token takes 2 of 4 experts: any of six pairs, or with some probability the pair of the token before it.
    pairs = list(combinations(range(4), 2))
    expected = 0.0
    for taken in product(pairs, repeat=sum(lengths)):
        probability, place = 1.0, 0
        for length in lengths:
            probability /= len(pairs)
            for at in range(place + 1, place + length):
                repeats = correlation if taken[at] == taken[at - 1] else 0.0
                probability *= repeats + (1 - correlation) / len(pairs)
            place += length
        expected += probability * len({each for pair in taken for each in pair}) / 4
    experts = Experts(count=4, per_token=2, parameters=1, shared_parameters=1)
    assert experts.share_read(len(lengths), sum(lengths), correlation) == pytest.approx(expected, rel=1e-12)


def test_a_mixture_reads_what_its_tokens_take_and_multiplies_with_what_each_takes():
    # 4 experts of 2 weights, 2 a token, beside 3 shared ones and an input table of 1.
    size = ModelSize(
        name="mixture", parameters=12, layers=1, width=1, kv_width=1,
        experts=Experts(count=4, per_token=2, parameters=2, shared_parameters=3),
    )  # fmt: skip
    device = Accelerator(name="unit", flops_per_s=1e9, bytes_per_s=1, launch_per_layer_s=0, memory_bytes=100)
    exact = {"compute_efficiency": 1, "memory_efficiency": 1, "bytes_per_kv": 1e-9}
    reading = Roofline(size=size, device=device, bytes_per_expert_parameter=0.5, **exact)
    three = Roofline(size=size, device=device, expert_correlation=0.5, **exact)
    assert reading.pass_s([(1, 0)]) == pytest.approx(2 * 3 + 0.5 * 4)
    assert reading.pass_s([(2, 0)]) == pytest.approx(2 * 3 + 0.5 * 8 * (1 - 0.5**2))
    assert three.pass_s([(2, 0), (1, 0)]) == pytest.approx(2 * 3 + 2 * 8 * (1 - 0.5**2 * 0.75))
    counting = Roofline(size=size, device=device.model_copy(update={"flops_per_s": 1.0, "bytes_per_s": 1e9}), **exact)
    assert counting.pass_s([(3, 0)]) == pytest.approx(3 * 2 * (3 + 2 * 2) + 4 * 6)
    assert reading.footprint.weights_bytes == 2 * 4 + 0.5 * 8 and reading.weight_bytes == 1.0
    for wrong, allowed in (({"per_token": 5}, "at most experts.count = 4"), ({"parameters": 3}, "hold all experts")):
        experts = size.experts.model_dump() | wrong
        assert allowed in refusal(Roofline, size=size.model_dump() | {"experts": experts})


MIXTURE = Roofline(size="qwen3_30b_a3b", device="h100_80gb_sxm", expert_correlation=0.5)


@given(work, st.integers(1, 50), st.integers(0, 50))
def test_more_work_never_takes_less_time(batch, new, cached):
    for latency in (Affine(per_cached_token_s=1e-6), Roofline(), Roofline(gpus=2), MIXTURE):
        before = latency.pass_s(batch)
        assert latency.pass_s([*batch, (new, cached)]) >= before
        assert latency.pass_s([(batch[0][0] + new, batch[0][1] + cached), *batch[1:]]) >= before


@given(work)
def test_a_batch_is_never_slower_than_its_sequences_one_by_one(batch):
    for latency in (Affine(per_cached_token_s=1e-6), Roofline(), Roofline(gpus=8, overhead_s=1e-3), MIXTURE):
        assert latency.pass_s(batch) <= sum(latency.pass_s([one]) for one in batch) * (1 + 1e-12)


def test_every_listed_figure_names_its_source():
    assert all(entry.source != "user" for entry in (*DEVICES.values(), *SIZES.values()))


def test_an_empty_pass_is_refused():
    for latency in (ConstantLatency(), Affine(), Roofline()):
        with pytest.raises(ValueError, match="empty"):
            latency.pass_s([])


def test_a_device_is_named_or_written_out():
    by_name = Roofline(device="jetson_orin_nano_8gb", size="opt_125m")
    written = Roofline(
        device=DEVICES["jetson_orin_nano_8gb"].model_dump(), size={**SIZES["opt_125m"].model_dump(), "name": "mine"}
    )
    assert by_name.pass_s([(1, 10)]) == written.pass_s([(1, 10)])
    assert Latency.of(by_name.model_dump()) == by_name


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
