"""Figures of a report: the svg files of a result directory, made fit to stand in one page together. A stranger may have
made them: only the shapes, text and looks listed below are taken, nothing that runs or leads elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import nh3

import plots
from kinds import ConfigError
from kinds.files import read_bytes
from plots.page import Page
from scenarios.command.report import drawing
from scenarios.command.result_folder import ResultFolder, read_curved_cells
from simulator.results.result_directory import checked, listed, own_folder, record

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)
_INHERITED = "stroke-linejoin: round; stroke-linecap: butt"
"""Declarations that matplotlib puts into a style sheet, which would hold for the whole page."""
_ELEMENTS: Final = {"svg", "defs", "g", "path", "use", "clipPath", "rect", "circle", "line", "polyline", "polygon",
                    "text", "tspan", "pattern"}  # fmt: skip
_ATTRIBUTES: Final = {
    "aria-label", "clip-path", "clip-rule", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "fill-rule", "height",
    "href", "id", "opacity", "patternTransform", "patternUnits", "points", "r", "role", "rx", "ry", "stroke",
    "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width",
    "style", "text-anchor", "transform", "version", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip
_PROPERTIES: Final = {
    "fill", "fill-opacity", "fill-rule", "font", "font-family", "font-size", "font-style", "font-weight", "opacity",
    "stroke", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
    "stroke-opacity", "stroke-width", "text-anchor",
}  # fmt: skip
"""Properties that a style attribute may have."""
_MOST_BYTES: Final = 2**24


@dataclass(frozen=True)
class ReportFigure:
    """Figure of the page: its name, its caption, and its svg element."""

    name: str
    caption: str
    svg: str


def figures(folder: ResultFolder, warn: Callable[[str], None]) -> Iterator[ReportFigure]:
    """The directory's figures in the order in which its scenario names them; drawn where they are not there."""
    drawn = folder.path / "figures"
    if not any(drawn.glob("*.svg")):
        summary, axis = folder.curved_summary
        names, cells = drawing.known_figures(folder.note.figures, warn), read_curved_cells(folder.path, summary)
        page = Page(base=drawing.said_of(folder.path)["base"])
        for name, figure in drawing.drawn(summary, axis, names, page, cells):
            record(folder.path, plots.save(figure, own_folder(folder.path, "figures"), name))
    ours = listed(folder.path)
    for name in dict.fromkeys((*folder.note.figures, *sorted(path.stem for path in drawn.glob("*.svg")))):
        path = drawn / f"{name}.svg"
        if path.is_file() and f"figures/{path.name}" not in ours:
            warn(f"{path}: is no figure of this run, and is left out")
        elif path.is_file():
            checked(folder.path, f"figures/{name}.svg")
            caption = plots.FIGURES.get(name, name.replace("_", " "))
            yield ReportFigure(name, caption[:1].upper() + caption[1:], inline(path, name, caption))


def inline(path: Path, name: str, caption: str) -> str:
    """The svg of a file as an element: its ids begin with `name`, it scales, and it says what it shows. Raises
    ConfigError where the file is no svg."""
    try:
        root = ElementTree.fromstring(read_bytes(path, _MOST_BYTES))
    except (ElementTree.ParseError, RecursionError) as error:
        raise ConfigError(f"{path}: not an svg file, {error}; `sqsim plot {path.parents[1]}` draws it again") from None
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _rounded(value) if key == "d" else _renamed(key, value, name))
    root.attrib.pop("height", None)  # it follows from the width and the view box
    root.attrib |= {"role": "img", "aria-label": f"Figure: {caption}", "style": _INHERITED}
    return nh3.clean(
        ElementTree.tostring(root, encoding="unicode"),
        tags=_ELEMENTS, clean_content_tags={"metadata", "style", "script", "title"}, attributes={"*": _ATTRIBUTES},
        attribute_filter=_within, filter_style_properties=_PROPERTIES, link_rel=None,
    )  # fmt: skip


def _within(element: str, attribute: str, value: str) -> str | None:
    """An attribute's value where it leads nowhere but within the page; None leaves it out."""
    if attribute == "href":
        return value if value.startswith("#") else None
    return value if attribute == "aria-label" or not re.search(r"url\((?!#)|\\", value, re.IGNORECASE) else None


def _rounded(path: str) -> str:
    """A path in hundredths of a point, on one line: half of its letters are digits that nobody sees."""
    return " ".join(re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", path).split())


def _renamed(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return re.sub(r"url\(#", f"url(#{name}-", value)
