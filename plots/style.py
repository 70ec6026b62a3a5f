"""The look shared by all figures: the style sheet, and the colour, marker and dashes of each curve.

Colours are those of Okabe and Ito (2008); markers and dashes tell curves apart in grey. The first scheme of a kind has
the kind's look in every figure; others take the next free ones. The sheet is laid beneath what a user's matplotlibrc
sets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.backend_bases import get_registered_canvas_class
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import FillStyleType

from kinds import ConfigError
from kinds.files import atomically
from plots.page import Page
from simulator.results.column_names import CHOSEN, CURVE, SETTING
from simulator.results.display_names import curve_of, words_of
from simulator.results.lossy_schemes import marks

_SHEET: dict[str, Any] = {
    "font.size": 10,
    "figure.titlesize": "large",
    "axes.titlesize": "medium",
    "axes.unicode_minus": False,  # as in the printed tables
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": "small",
    "legend.handlelength": 2.6,  # shows dashes
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "errorbar.capsize": 2.5,
    "hatch.linewidth": 0.7,
    "svg.hashsalt": "sqsim",
    "svg.fonttype": "path",  # the same letters everywhere, and nothing for LaTeX to look for
    "pdf.fonttype": 42,  # TrueType, embedded: what publishers and LaTeX take
    "ps.fonttype": 42,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}
_NARROW: dict[str, Any] = {
    "font.size": 8,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.8,
    "errorbar.capsize": 1.8,
    "legend.columnspacing": 1.2,
    "legend.handlelength": 2.2,
    "savefig.dpi": 300,
}
"""Settings of a figure in a column of a paper."""

GREY = "#777777"  # of what is no curve, in legends
ON_WHITE: Final[dict[str, str]] = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}
"""Box of a text with lines behind it."""
SCHEMES: dict[str, tuple[str, str]] = {
    "cloud_only": ("#000000", "s"),
    "dense": ("#0072B2", "o"),
    "k_sqs": ("#D55E00", "^"),
    "c_sqs": ("#009E73", "D"),
    "half_dense": ("#56B4E9", "P"),
    "half_top_k": ("#E69F00", "X"),
    "truncated_fp16": ("#E69F00", "X"),
    "s_q": ("#CC79A7", "v"),
    "colocated": ("#8C6BB1", "p"),
    "edge_only": ("#A6761D", "h"),
    "coupled": ("#B2182B", "*"),
    "coupled_tree": ("#AE017E", "X"),
}
BASELINES: Final = ("cloud_only", "colocated", "edge_only")
"""Kinds that do not draft at the edge for a cloud; their colours are theirs alone."""
SPARE = (("#3F3F91", "<"), ("#7F7F7F", ">"), ("#01665E", "d"), ("#F0A3B0", "8"), ("#8A8A00", "H"))
"""Looks of what is no listed scheme: curves that differ in something else do not take a scheme's."""
SPARSIFIERS: dict[str, tuple[str, str]] = {
    "all": SCHEMES["cloud_only"],
    "top_k": SCHEMES["k_sqs"],
    "threshold": (SCHEMES["half_top_k"][0], "s"),
    "conformal": SCHEMES["c_sqs"],
    "top_p": SCHEMES["dense"],
    "min_p": SCHEMES["s_q"],
    "entropy_k": SCHEMES["half_dense"],
    "running_quantile": SCHEMES["edge_only"],
}
"""Colour and marker of each rule for the kept tokens: that of the scheme that has it, where one has."""
DASHES: tuple[object, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)))
_FILLS: tuple[FillStyleType, ...] = ("full", "left", "bottom", "top", "right")


@dataclass(frozen=True)
class Look:
    """Look of a curve; a lossy scheme's has open markers and dashes."""

    colour: str
    marker: str
    dashes: object = "-"
    mark: str = ""  # what stands behind the name of a lossy scheme's curve
    fill: FillStyleType = "full"
    """Filling of the marker: half for further curves of a scheme, so that they differ in grey."""

    @property
    def lossy(self) -> bool:
        return bool(self.mark)

    @property
    def face(self) -> str:
        """Colour of the marker's face."""
        return "white" if self.lossy else self.colour

    def marked(self) -> dict[str, Any]:
        """Returns the marker as matplotlib takes it."""
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": self.face, "fillstyle": self.fill,
                "markerfacecoloralt": "white"}  # fmt: skip

    def handle(self) -> Line2D:
        """Returns the entry in a legend."""
        return Line2D([], [], linestyle=self.dashes, **self.marked())  # type: ignore[arg-type]


@contextmanager
def styled(page: Page) -> Iterator[None]:
    """Draws and writes under the style sheet for a page, what the user has set apart."""
    own = _of_the_user()
    sheet = _SHEET | (_NARROW if page.narrow else {})
    with matplotlib.rc_context():
        matplotlib.rcParams.update({name: value for name, value in sheet.items() if name not in own})  # type: ignore[misc]
        yield


def looks(summary: pd.DataFrame) -> dict[str, Look]:
    """A look for each curve of the table: colour and marker by scheme, the first of a kind the kind's own, others what
    none has, in order of appearance; dashes among curves of one scheme. Where all are of one kind, each curve has its
    own."""
    lossy, schemes = lossy_curves(summary), schemes_of(summary)
    styles = _styles(list(dict.fromkeys(schemes.values())))
    found: dict[str, Look] = {}
    seen: dict[tuple[str, str], int] = {}
    for curve, scheme in schemes.items():
        rank = seen[styles[scheme]] = seen.get(styles[scheme], -1) + 1
        mark = lossy.get(curve, "")
        dashes, fill = DASHES[(rank + bool(mark)) % len(DASHES)], _FILLS[rank % len(_FILLS)]
        found[curve] = Look(*styles[scheme], dashes=dashes, mark=mark, fill=fill)
    return found


_Scheme = tuple[str, str]
"""The kind of a scheme, and what tells it from others of the kind."""


def schemes_of(summary: pd.DataFrame) -> dict[str, _Scheme]:
    """Returns each curve's scheme: its kind, and the part of its name that is about the scheme; all of its name if all
    curves are of one kind."""
    curves, kinds = summary[CURVE].astype(str), summary["scheme.kind"].astype(str)
    fields = {name.removesuffix(".kind").rsplit(".", 1)[-1] for name in summary.columns if name.startswith("scheme.")}
    if kinds.nunique() == 1:
        return {curve: (kinds.iloc[0], curve) for curve in curves}
    found: dict[str, _Scheme] = {}
    for curve, kind in zip(curves, kinds, strict=True):
        name, words = words_of(curve)
        found[curve] = kind, curve_of(name, {word: value for word, value in words.items() if word in fields})
    return found


def _styles(schemes: Sequence[_Scheme]) -> dict[_Scheme, tuple[str, str]]:
    firsts = {kind: (kind, name) for kind, name in reversed(schemes)}
    known = {first: SCHEMES[kind] for kind, first in firsts.items() if kind in SCHEMES}
    others = [style for kind, style in SCHEMES.items() if kind not in BASELINES]
    unknown = [scheme for scheme in schemes if scheme in firsts.values() and scheme not in known]
    known |= dict(zip(unknown, itertools.cycle(SPARE), strict=False))
    free = [style for style in dict.fromkeys([*SPARE, *others]) if style not in known.values()]
    further = [scheme for scheme in schemes if scheme not in known]
    return known | dict(zip(further, itertools.cycle(free or others), strict=False))


def of_sparsifiers(kinds: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each kind of sparsifier; spare ones for those that SPARSIFIERS lacks."""
    spare = [kind for kind in kinds if kind not in SPARSIFIERS]
    return {kind: SPARSIFIERS.get(kind) or SPARE[spare.index(kind) % len(SPARE)] for kind in kinds}


def lossy_curves(summary: pd.DataFrame) -> dict[str, str]:
    """The curves whose text does not follow the verifier's distribution, or is not known to, each with its mark: by the
    column `lossy`, else by `tv_output`."""
    return marks(summary.assign(lossy=summary["lossy"].fillna(False)) if "lossy" in summary.columns else summary)


def chosen(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of the settings that each scheme chose, where the table has others beside them."""
    return summary[summary[SETTING] == CHOSEN] if SETTING in summary.columns else summary


def curves(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(curve, its rows), in order of appearance."""
    return [(str(curve), rows) for curve, rows in summary.groupby(CURVE, sort=False)]


def curve_key(look: Mapping[str, Look], page: Page) -> list[tuple[str, Artist]]:
    """Returns the legend of these curves, lossy ones marked."""
    return [(page.curve(name) + each.mark, each.handle()) for name, each in look.items()]


def tint(kind: str) -> tuple[float, float, float]:
    """Returns a light shade of a kind's colour, on which black letters are read."""
    red, green, blue = to_rgb(SCHEMES.get(kind, SPARE[0])[0])
    return 0.5 + red / 2, 0.5 + green / 2, 0.5 + blue / 2


def _of_the_user() -> set[str]:
    path = Path(matplotlib.matplotlib_fname())
    packaged = path == Path(matplotlib.get_data_path()) / "matplotlibrc"
    written = set() if packaged else {*matplotlib.rc_params_from_file(path, use_default_template=False)}
    now: dict[Any, Any] = {**matplotlib.rcParams}
    default: dict[Any, Any] = {**matplotlib.rcParamsDefault}
    return written | {name for name in _SHEET | _NARROW if now[name] != default[name]}


_NO_DATE: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


_POINTS_PER_INCH = 72.0
"""The resolution of vector formats."""


def write(figure: Figure, folder: Path, name: str, formats: Sequence[str], page: Page) -> list[Path]:
    """Writes the figure in each format. Raises ConfigError where a link in a file's place leads elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{each}" for each in formats]
    with styled(page):
        for path, each in zip(paths, formats, strict=True):
            if path.is_symlink():
                raise ConfigError(f"{path}: is a link to {path.resolve()}, through which nothing is written; remove it")
            with _laid_out(figure, each):
                atomically(path, partial(figure.savefig, metadata=_NO_DATE[each]))
    return paths


@contextmanager
def _laid_out(figure: Figure, form: str) -> Iterator[None]:
    """Lays the figure out by the letters of a format, and keeps that while it is written: what `savefig` does too, but
    not without drawing the whole figure once more."""
    engine = figure.get_layout_engine()
    if engine is None:
        yield
        return
    get_registered_canvas_class(form)(figure)
    dpi, saved = figure.dpi, matplotlib.rcParams["savefig.dpi"]
    figure.dpi = _POINTS_PER_INCH if form != "png" else dpi if saved == "figure" else saved
    engine.execute(figure)
    figure.dpi = dpi
    with matplotlib.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        yield
    figure.set_layout_engine(engine)
