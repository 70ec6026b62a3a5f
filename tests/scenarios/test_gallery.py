"""The gallery holds every figure of a run, small, under what the run found."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.command import gallery
from scenarios.command.scenario import Scenario

TINY = Scenario(
    name="codes",
    summary="Which is cheaper?",
    minutes=1,
    base={
        "models.pair": {"kind": "synthetic", "size": 32, "contexts": 8},
        "workload.requests": 1,
        "workload.output_tokens": 6,
        "workload.prompt_tokens": 4,
    },
    grid={"scheme": ["dense", {"kind": "k_sqs", "k": 4}], "uplink.rate.bps": [1e3, 1e6]},
    axis="uplink.rate.bps",
    seeds=2,
    figures=("latency", "bits"),
)


def test_the_page_has_each_figure_as_text_and_each_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "scenario", lambda name: TINY)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "codes-old.svg").write_text("from a run before")
    gallery.make(["codes"], tmp_path / "results", tmp_path / "home")
    page = (tmp_path / "home" / "README.md").read_text()
    assert "## codes" in page and "Which is cheaper?" in page and "* latency per token over uplink rate:" in page
    figures = sorted(path.name for path in (tmp_path / "home").glob("*.svg"))
    assert figures == ["codes-bits.svg", "codes-latency.svg"] and all(f"]({name})" in page for name in figures)
    for name in figures:
        text = (tmp_path / "home" / name).read_text()
        assert len(text) < 40_000 and "<text" in text and "K-SQS" in text and "<dc:date>" not in text
