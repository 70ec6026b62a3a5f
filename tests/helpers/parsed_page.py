"""A page of HTML as a list of elements, strict about what a browser forgives."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = ("meta", "link", "br", "img", "input", "hr")


@dataclass
class Element:
    """One element with its text, that of what is in it included."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    """The tags that it lies in."""
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """The elements of that tag in it, in order."""
        found = [self] if self.tag == tag else []
        return found + [each for child in self.children for each in child.all(tag)]

    def every(self) -> list[Element]:
        """It and all in it."""
        return [self, *(each for child in self.children for each in child.every())]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {}, ())]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, tuple(each.tag for each in self.open))
        self.open[-1].children.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.text += data


def parsed(text: str) -> Element:
    """The document. Raises AssertionError where an element is closed by another's end, or not at all."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert len(parser.open) == 1, f"never closed: {[each.tag for each in parser.open[1:]]}"
    return parser.open[0]
