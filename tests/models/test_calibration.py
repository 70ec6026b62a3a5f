"""Measured tables: what is run, how little a burst of other work stays in them, and known clocks found again."""

from itertools import product

import numpy as np
import pytest
import torch

from models.calibration import Axes, fitted_affine, fitted_roofline, measure, relative_errors
from models.interface import Pair
from models.latency.datasheets import SIZES, Accelerator
from models.latency.latency import LONGEST_S, Affine
from models.latency.pass_table import Grid, TimedPass, monotone
from models.latency.roofline import Roofline
from models.pass_times import VERIFIED_TOKENS, size_of_model, timer_of
from models.transformer import TransformerModel
from models.zoo import HuggingFace as HuggingFace
from tests.models.tiny import CONTEXT, network

AXES = Axes((1, 4, 16), (1, 8, 64), (0, 128, 1024))


def passes_of(clock):
    return [TimedPass(b, n, c, clock.pass_s([(n, c)] * b)) for b, n, c in product(*AXES)]


def test_an_affine_clock_is_found_again_from_its_passes():
    clock = Affine(base_s=0.02, per_sequence_s=0.003, per_token_s=2e-4, per_cached_token_s=1e-6)
    found = fitted_affine(passes_of(clock))
    assert found.model_dump(exclude={"kind"}) == pytest.approx(clock.model_dump(exclude={"kind"}), rel=1e-3)
    assert np.abs(relative_errors(found, passes_of(clock))).max() < 1e-3


def test_passes_longer_than_a_roofline_may_take_are_fitted_by_the_longest_overhead():
    """A search steps beyond it where a busy machine spoils the passes."""
    rows = [TimedPass(b, n, c, 60.0) for b, n, c in product(*AXES)]
    assert fitted_roofline(rows, SIZES["smollm2_135m"]).overhead_s == LONGEST_S


def test_a_roofline_is_found_again_from_its_passes():
    device = Accelerator(name="here", flops_per_s=6e10, bytes_per_s=2e10)
    clock = Roofline(
        size="smollm2_135m", device=device, bytes_per_parameter=4, bytes_per_kv=4, compute_efficiency=1,
        memory_efficiency=1, overhead_s=0.004,
    )  # fmt: skip
    found = fitted_roofline(passes_of(clock), SIZES["smollm2_135m"])
    assert found.device.flops_per_s == pytest.approx(6e10, rel=0.02) and found.overhead_s == pytest.approx(
        0.004, rel=0.1
    )
    assert np.abs(relative_errors(found, passes_of(clock))).max() < 0.02


class Bursts:
    """Passes of known length; other work makes one whole round out of three ten times as long."""

    most_sequences = None

    def __init__(self):
        self.runs = []

    def pass_s(self, batch, new_tokens, cached_tokens):
        self.runs.append((batch, new_tokens, cached_tokens))
        return batch * new_tokens * (10.0 if len(self.runs) <= len(AXES.points) else 1.0)


def test_a_burst_of_other_work_is_in_no_median():
    timer, heard = Bursts(), []
    rows = measure(timer, AXES.points, 3, lambda *done: heard.append(done))
    assert timer.runs == AXES.points * 3 and heard[-1] == (81, 81)
    assert [row[:3] for row in rows] == sorted(AXES.points)
    assert all(row.seconds == row.batch * row.new_tokens for row in rows)


def test_what_is_measured_fits_the_context():
    assert Axes((1,), (1, 8, 64), (0, 50, 90)).within(100) == Axes((1,), (1, 8, 64), (0, 36))
    assert Axes((1,), (64,), (0,)).within(32) == Axes((1,), (32,), (0,))


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_timed_pass_runs_a_batch_of_new_tokens_on_caches_of_the_told_length(architecture):
    model = TransformerModel(network(architecture), "tiny")
    timer, ran = timer_of(model), []

    def note(_, args, named, output):
        ran.append((*named["input_ids"].shape, named["cache"].get_seq_length(), output.logits.shape[1]))

    model.network.register_forward_hook(note, with_kwargs=True)
    for batch, new, cached in [(3, 2, 0), (3, 20, 0), (1, 5, 30), (2, 1, 30), (2, 4, 10), (1, 1, CONTEXT - 1)]:
        assert timer.pass_s(batch, new, cached) > 0
        assert ran[-1] == (batch, new, cached + new, new if new <= VERIFIED_TOKENS else 1)
    assert torch.get_num_threads() == 1


def test_the_batch_that_is_timed_computes_what_its_texts_would_alone():
    """The caches of a batch are those of one text, repeated: the same distributions, to float32."""
    model = TransformerModel(network("llama"), "tiny")
    timer, logits = timer_of(model), {}
    hook = lambda _, args, named, output: logits.update({named["input_ids"].shape[0]: output.logits[0].numpy()})  # noqa: E731
    model.network.register_forward_hook(hook, with_kwargs=True)
    for batch in (1, 3):
        timer.pass_s(batch, 4, 20)
    assert logits[3] == pytest.approx(logits[1], abs=1e-4)


def test_a_pair_without_a_network_is_timed_one_text_at_a_time():
    model = Pair.of("synthetic").load().drafter
    timer = timer_of(model)
    assert timer.most_sequences == 1 and timer.pass_s(1, 4, 16) > 0 and size_of_model(model, "none") is None


def test_dimensions_are_those_of_the_network():
    loaded = network("llama")
    parameters = sum(weight.numel() for weight in loaded.parameters())
    size = size_of_model(TransformerModel(loaded, "tiny"), "tiny_llama")
    assert size is not None and size.parameters == parameters
    assert (size.layers, size.width, size.kv_width) == (2, 32, 16)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["drafter", "verifier"])
def test_a_measured_table_foretells_other_passes_to_a_tenth(role):
    """Passes between the grid's points, measured in the same rounds, so that both see the same load."""
    model = getattr(Pair.of("smollm2").load(), role)
    grid = Axes((1, 4), (1, 2, 4, 8, 16), (0, 64, 256))
    fresh = [(1, 3, 32), (1, 3, 100), (1, 6, 200), (1, 12, 20), (1, 1, 150), (3, 1, 40), (2, 6, 100), (3, 5, 80)]
    rows = measure(timer_of(model), [*grid.points, *fresh], 5, lambda *_: None)
    at = {row[:3]: row.seconds for row in rows}
    seconds = np.array([at[point] for point in product(*grid)]).reshape([len(axis) for axis in grid])
    table = Grid(grid, monotone(seconds))
    errors = [abs(table.at(point) / at[point] - 1) for point in fresh]
    print(role, "median", np.median(errors), "worst", max(errors))
    assert np.median(errors) < 0.1
