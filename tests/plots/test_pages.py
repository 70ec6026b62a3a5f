"""A figure is as wide as its page asks, whole, and drawn under the user's settings of matplotlib."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib
import pytest
from figures import AXIS, drawn, legend_of, summary
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox
from PIL import Image

import plots
from plots.page import Page
from plots.style import styled

NAMES = ("latency", "tails", "pairs", "capacity", "breakdown", "bits", "resampling")


@pytest.mark.parametrize(("name", "width"), [*((name, 3.5) for name in NAMES), ("latency", 7.0)])
def test_a_figure_is_exactly_as_wide_as_asked_and_nothing_is_cut_off_or_overlaps(name: str, width: float) -> None:
    table = summary().assign(**{"models.pair.kind": "smollm2"})
    figure = drawn(name, table, page=Page(width_in=width))
    assert figure.get_size_inches()[0] == width
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    around, inside = (
        [artist.get_tightbbox(canvas.get_renderer()) for artist in artists]
        for artists in ((*figure.texts, *figure.legends), figure.axes)
    )
    for box in (*around, *inside):
        assert box.x0 >= -1 and box.y0 >= -1
        assert box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
    for one, other in (*itertools.combinations(around, 2), *itertools.product(around, inside)):
        overlap = Bbox.intersection(one, other)
        assert overlap is None or min(overlap.width, overlap.height) < 2


def test_title_and_caption_can_be_left_to_the_paper() -> None:
    full, bare = (drawn("latency", summary(), page=page) for page in (Page(), Page(titled=False, captioned=False)))
    assert any("Latency per token" in text.get_text() for text in full.texts)
    assert [text.get_text() for text in bare.texts] == ["uplink rate (bit/s)", "latency per output token"]
    assert bare.get_size_inches()[1] < full.get_size_inches()[1]


def test_labels_of_the_user_name_curves_and_axes() -> None:
    labels = {"k_sqs": "Ours", AXIS: "Uplink", "latency_per_token_s": "Latency"}
    figure = drawn("latency", summary(), page=Page(labels=labels, titled=False, captioned=False))
    assert [text.get_text() for text in figure.texts] == ["Uplink (bit/s)", "Latency"]
    assert "Ours" in legend_of(figure)


def test_the_style_sheet_lies_beneath_what_the_user_has_set() -> None:
    assert matplotlib.rcParams["axes.grid"] is False  # and drawing leaves nothing behind
    with matplotlib.rc_context({"font.size": 13.0, "axes.spines.top": True}):
        set_ = drawn("latency", summary(), page=Page())
        assert matplotlib.rcParams["font.size"] == 13.0
    plain = drawn("latency", summary(), page=Page())
    sizes = [figure.legends[0].get_texts()[0].get_fontsize() for figure in (set_, plain)]
    assert sizes[0] == pytest.approx(1.3 * sizes[1])
    assert plain.axes[0].spines["top"].get_visible() is False
    assert matplotlib.rcParams["axes.grid"] is False


def test_a_matplotlibrc_is_respected_even_where_it_says_what_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.grid: False\npdf.fonttype: 3\n")
    monkeypatch.setattr(matplotlib, "matplotlib_fname", lambda: str(tmp_path / "matplotlibrc"))
    with styled(Page(3.5)):
        rc = matplotlib.rcParams
        assert (rc["axes.grid"], rc["pdf.fonttype"], rc["font.size"]) == (False, 3, 8.0)


def test_letters_are_embedded_in_pdf_as_truetype_and_files_are_the_same_again(tmp_path: Path) -> None:
    page = Page(width_in=3.5)
    first, second = (
        plots.save(drawn("latency", summary(), page=page), tmp_path / each, "x", plots.FORMATS, page) for each in "ab"
    )
    assert [path.suffix for path in first] == [".svg", ".png", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    pdf = first[2].read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    with Image.open(first[1]) as image:
        assert image.width == round(3.5 * 300)
