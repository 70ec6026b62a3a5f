"""Cells on measured clocks: the same times as the clock that was measured, known by content, refused before the run."""

from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from cells import cell

from kinds import ConfigError
from models.latency.latency import Affine
from scenarios.command.run.base_line import base_line
from simulator import Cell, simulate

EDGE = Affine(base_s=0.004, per_token_s=1e-4, per_cached_token_s=1e-6)
CLOUD = Affine(base_s=0.02, per_sequence_s=0.002, per_token_s=3e-4, per_cached_token_s=2e-6)
WORKLOAD = {"kind": "closed", "devices": 3, "requests": 1, "prompt_tokens": 8, "output_tokens": 16}


def measured(
    path: Path, clock: Affine, batch: tuple[int, ...] = (1, 2, 3), longest: int = 64, new: tuple[int, ...] = (1, 4, 32)
) -> str:
    """The clock's passes as a table."""
    points = product(batch, new, (0, 10, longest))
    lines = [f"{b},{n},{c},{clock.pass_s([(n, c)] * b)!r}" for b, n, c in points]
    path.write_text("\n".join(["batch,new_tokens,cached_tokens,seconds", *lines]) + "\n")
    return str(path)


def on(edge: object, cloud: object, scheme: object) -> Cell:
    batched = {"batching": "waiting", "latency": cloud, "drafter_latency": edge}
    return cell(scheme, workload=WORKLOAD, edge={"latency": edge}, cloud=batched)


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "edge_only", {"kind": "colocated", "max_drafts": 3}])
def test_a_cell_on_a_table_of_a_clocks_passes_takes_as_long_as_on_the_clock(tmp_path: Path, scheme: object) -> None:
    tables = [
        {"kind": "profile", "file": measured(tmp_path / name, clock)} for name, clock in (("e", EDGE), ("c", CLOUD))
    ]
    ours = simulate(on(tables[0], tables[1], scheme)).requests
    theirs = simulate(on(EDGE.model_dump(), CLOUD.model_dump(), scheme)).requests
    pd.testing.assert_frame_equal(ours.drop(columns="cell"), theirs.drop(columns="cell"), check_exact=False, rtol=1e-9)


def test_a_table_enters_the_id_by_its_content(tmp_path: Path) -> None:
    paths = [measured(tmp_path / name, clock) for name, clock in (("a", EDGE), ("b", EDGE), ("c", CLOUD))]
    ids = [on({"kind": "profile", "file": path}, "constant", "k_sqs").id for path in paths]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"longest": 20},
            "edge.latency = profile .*: there are passes of 32 cached tokens a sequence, measured: 0 to 20",
        ),
        ({"batch": (1, 2)}, "cloud.latency = profile .*: there are passes of 3 sequences, measured: 1 to 2"),
    ],
)
def test_a_cell_whose_passes_may_leave_the_table_is_refused_before_it_runs(
    tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    table = {"kind": "profile", "file": measured(tmp_path / "t", CLOUD, **fields)}  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        on(table, table, "k_sqs")
    for beyond in ("hold", "extend"):
        on(table | {"beyond": beyond}, table | {"beyond": beyond}, "k_sqs")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"edge.concurrency": 2, "workload": {"kind": "poisson", "devices": 3}}, "6 sequences, measured: 1 to 3"),
        ({"cloud.admission": "preempt", "cloud.kv_tokens": 50}, "29 new tokens a sequence, measured: 1 to 28"),
    ],
)
def test_so_is_one_whose_requests_share_a_device_or_may_be_read_again(
    tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    """A sequence has at most 8 + 16 tokens, 4 drafts and one more."""
    table = {"kind": "profile", "file": measured(tmp_path / "t", CLOUD, new=(1, 28))}
    quiet = on("constant", table, {"kind": "k_sqs", "max_drafts": 4})
    with pytest.raises(ConfigError, match=f"^cloud.latency = profile .*: there are passes of {words}"):
        quiet.with_(fields)
    apart = quiet.with_({"edge.concurrency": 2, "cloud.servers": 2})
    assert (simulate(apart).requests["outcome"] == "answered").all()


def test_only_clocks_that_a_scheme_uses_must_reach(tmp_path: Path) -> None:
    short = {"kind": "profile", "file": measured(tmp_path / "t", EDGE, batch=(1,), longest=2)}
    for edge, cloud, scheme, field in (
        (short, "constant", "cloud_only", "edge"),
        ("constant", short, "edge_only", "cloud"),
    ):
        assert on(edge, cloud, scheme).classes[0].scheme.kind == scheme
        with pytest.raises(ConfigError, match=f"^{field}.latency = profile .*: there are passes of"):
            on(edge, cloud, "k_sqs")


@pytest.mark.parametrize(("name", "tokens"), [("a100x4_70b", 495_601), ("h100_32b", 36_482)])
def test_a_named_server_has_its_memory_left_for_caches(name: str, tokens: int) -> None:
    """(.9 x device - 1.4 GB a GPU - weights) / (2 numbers of 2 bytes a layer and key): on four A100 (305.95e9 - 5.6e9 -
    137.95e9) / 327,680."""
    assert abs(cell(cloud={"latency": {"kind": "profile", "name": name}}).kv_tokens - tokens) <= 1


def test_a_table_of_results_says_what_was_measured(tmp_path: Path) -> None:
    named = {"kind": "profile", "name": "h100_32b"}
    told = base_line([on({"kind": "profile", "file": measured(tmp_path / "t", EDGE)}, named, "k_sqs")], "", timed=True)
    assert "Timed as t drafts; Qwen3-32B, BF16, H100, vLLM verifies." in told
