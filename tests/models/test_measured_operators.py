"""The roofline's operators beside measured kernels: GEMMs, attention and sums over GPUs of aiconfigurator-core 0.12.

Needs the extra `measured` (82 MB), of which only data files are read. The tables hold operators, not passes: a pass is
their sum over the layers, and the roofline's beside it has no overhead. A verify pass has a decode pass's attention:
a few new tokens read the same caches, and both wait for them.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.latency.datasheets import DEVICES, SIZES
from models.latency.roofline import Roofline

FOUND = find_spec("aiconfigurator_core")
pytestmark = pytest.mark.skipif(FOUND is None, reason="needs sqsim[measured]")

FOLDERS = {
    "a100_80gb_sxm": ("a100_sxm", {"vllm": "0.14.0", "trtllm": "1.0.0", "sglang": "0.5.10"}),
    "h100_80gb_sxm": ("h100_sxm", {"vllm": "0.24.0", "trtllm": "1.3.0rc20", "sglang": "0.5.14"}),
}
"""Where a device's tables are, and which frameworks were measured there: a roofline stands for their mean."""
HEAD_WIDTH = 128
TOLERANCE = 0.25
RIDGE_TOKENS, RIDGE_TOLERANCE = range(129, 257), 0.4
"""On an A100 a GEMM takes a third longer from 129 tokens on (a second wave of tiles), where arithmetic and traffic of
the weights take about as long as each other: there the roofline is up to .4 too fast."""

# (inputs, outputs) of a layer's GEMMs on one GPU, then of the head
OPT_13B = (((5120, 15360), (5120, 5120), (5120, 20480), (20480, 5120)), (5120, 50272))
LLAMA_70B_QUARTER = (((8192, 2560), (2048, 8192), (8192, 14336), (7168, 8192)), (8192, 32064))
MODELS = {"opt_13b": (1, OPT_13B, 40, 40), "llama_3.1_70b": (4, LLAMA_70B_QUARTER, 16, 2)}
"""GPUs, GEMMs, query heads and key heads on each."""

BATCHES, CACHED = (1, 8, 32, 64, 128), (512, 1024, 2048, 4096)
PASSES = {
    "decode": [(batch, 1, cached) for batch in BATCHES for cached in CACHED],
    "verify": [(batch, 5, cached) for batch in BATCHES for cached in CACHED],
    "prefill": [(batch, new, 0) for batch in (1, 2, 4, 8) for new in (128, 256, 512, 1024, 2048) if batch * new < 8193],
}
"""Sequences, new tokens and cached tokens of each."""


@cache
def _table(device, operator, framework, name):
    folder, versions = FOLDERS[device]
    data = Path(FOUND.origin).parent / "systems" / "data"
    return pd.read_parquet(data / folder / operator / framework / versions[framework] / f"{name}_perf.parquet")


@cache
def _gemms(device, framework):
    """By (inputs, outputs): milliseconds of the measured products, by tokens."""
    rows = _table(device, "gemm", framework, "gemm")
    rows = rows[rows["gemm_dtype"] == "bfloat16"]
    by_tokens = rows.groupby(["k", "n", "m"])["latency"].mean()
    return {shape: each.droplevel(["k", "n"]) for shape, each in by_tokens.groupby(level=["k", "n"])}


def _gemm_ms(device, tokens, inputs, outputs):
    """Between measured shapes a product takes in proportion: bilinear in inputs and outputs."""
    return np.mean([_between(_gemms(device, each), tokens, inputs, outputs) for each in FOLDERS[device][1]])


def _between(gemms, tokens, inputs, outputs):
    at = {shape: np.interp(tokens, each.index, each.to_numpy()) for shape, each in gemms.items()}
    by_inputs = {}
    for k in sorted({k for k, _ in at}):
        known = sorted(n for other, n in at if other == k)
        by_inputs[k] = np.interp(outputs, known, [at[k, n] for n in known])
    return np.interp(inputs, list(by_inputs), list(by_inputs.values()))


@cache
def _attentions(device, framework, name, heads, kv_heads):
    rows = _table(device, "attention", framework, f"{name}_attention")
    rows = rows[(rows["attn_dtype"] == "bfloat16") & (rows["kv_cache_dtype"] == "bfloat16")]
    rows = rows[(rows["num_heads"] == heads) & (rows["num_key_value_heads"] == kv_heads)]
    return rows[rows["head_dim"] == HEAD_WIDTH]


def _attention_ms(device, batch, new, cached, heads, kv_heads):
    """One layer, or None where no framework was measured on this shape.

    Some decode passes of the tables are faster than the caches can be read at the data sheet's peak: no real ones.
    """
    name, at, length = ("generation", "step", cached - 1) if cached else ("context", "isl", new)
    peak_ms = 1e3 * 2 * 2 * kv_heads * HEAD_WIDTH * batch * (cached + new) / DEVICES[device].bytes_per_s
    found = []
    for framework in FOLDERS[device][1]:
        rows = _attentions(device, framework, name, heads, kv_heads)
        found.append(rows[(rows["batch_size"] == batch) & (rows[at] == length)]["latency"].mean())
    possible = [each for each in found if each > peak_ms]
    return np.mean(possible) if possible else None


def _sums_ms(device, gpus, tokens, width):
    if gpus == 1:
        return 0.0
    rows = _table(device, "comm", "vllm", "custom_allreduce")
    rows = rows[(rows["num_gpus"] == gpus) & (rows["backend"] == "vllm_graph")].sort_values("message_size")
    return 2 * np.interp(2 * width * tokens, rows["message_size"], rows["latency"])


def _measured_ms(model, device, batch, new, cached):
    gpus, (layer, head), heads, kv_heads = MODELS[model]
    attention_ms = _attention_ms(device, batch, new, cached, heads, kv_heads)
    if attention_ms is None:
        return None
    layers, width, tokens = SIZES[model].layers, SIZES[model].width, batch * new
    layer_ms = sum(_gemm_ms(device, tokens, *shape) for shape in layer) + _sums_ms(device, gpus, tokens, width)
    return layers * (layer_ms + attention_ms) + _gemm_ms(device, tokens, *head)


def errors(model, device, kind):
    """Relative error of the roofline for each measured pass, by (sequences, new tokens, cached tokens)."""
    clock = Roofline(size=model, device=device, gpus=MODELS[model][0], overhead_s=0)
    found = {each: _measured_ms(model, device, *each) for each in PASSES[kind]}
    return {
        (batch, new, cached): 1e3 * clock.pass_s([(new, cached)] * batch) / measured_ms - 1
        for (batch, new, cached), measured_ms in found.items()
        if measured_ms is not None
    }


@pytest.mark.parametrize("device", FOLDERS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", PASSES)
def test_operators_by_their_roofs_take_what_was_measured_to_a_quarter(kind, model, device):
    found = errors(model, device, kind)
    assert len(found) > 10
    for (batch, new, cached), error in found.items():
        ridge = device == "a100_80gb_sxm" and batch * new in RIDGE_TOKENS
        tolerance = RIDGE_TOLERANCE if ridge else TOLERANCE
        assert abs(error) < tolerance, f"{batch} sequences of {new} new and {cached} cached tokens: {error:+.2f}"
