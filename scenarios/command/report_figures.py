"""Figures of a report: the svg files of a result directory, made fit to stand in one page together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import plots
from kinds import ConfigError
from scenarios.command import drawing
from scenarios.command.result_folder import ResultFolder
from simulator.results.result_directory import checked, own_folder, record

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LEFT_OUT = ("metadata", "style", "script", "title")
_INHERITED = "stroke-linejoin: round; stroke-linecap: butt"
"""What matplotlib says in a style sheet, which would hold for the whole page."""


@dataclass(frozen=True)
class ReportFigure:
    """One figure: its name, what it shows, and its svg element."""

    name: str
    caption: str
    svg: str


def figures(folder: ResultFolder, warn: Callable[[str], None]) -> Iterator[ReportFigure]:
    """The directory's figures in the order in which its scenario names them; drawn where they are not there."""
    drawn = folder.path / "figures"
    if not any(drawn.glob("*.svg")):
        summary, axis = folder.curved_summary
        for name, figure in drawing.drawn(summary, axis, drawing.known_figures(folder.note.figures, warn)):
            record(folder.path, plots.save(figure, own_folder(folder.path, "figures"), name))
    for name in dict.fromkeys((*folder.note.figures, *sorted(path.stem for path in drawn.glob("*.svg")))):
        path = drawn / f"{name}.svg"
        if path.is_file():
            checked(folder.path, f"figures/{name}.svg")
            caption = plots.FIGURES.get(name, name.replace("_", " "))
            yield ReportFigure(name, caption[:1].upper() + caption[1:], inline(path, name, caption))


def inline(path: Path, name: str, caption: str) -> str:
    """The svg of a file as an element: its ids begin with `name`, it scales, and it says what it shows.

    Raises ConfigError where the file is no svg.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise ConfigError(f"{path}: not an svg file, {error}; `sqsim plot {path.parents[1]}` draws it again") from None
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(f"{{{SVG}}}") in _LEFT_OUT:
                parent.remove(child)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _renamed(key, value, name))
    root.attrib.pop("height", None)  # it follows from the width and the view box
    root.attrib |= {"role": "img", "aria-label": f"Figure: {caption}", "style": _INHERITED}
    return ElementTree.tostring(root, encoding="unicode")


def _renamed(key: str, value: str, name: str) -> str:
    """An attribute's value with the ids in it renamed."""
    if key == "id":
        return f"{name}-{value}"
    if key in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return re.sub(r"url\(#", f"url(#{name}-", value)
