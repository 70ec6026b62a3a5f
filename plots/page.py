"""Page of a figure: its width, with or without title and caption, and the labels of schemes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.results.display_names import FIELDS, DisplayNames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCREEN_IN: Final = 7.6
"""Width of a figure on a page of text: its letters are read there as they are."""
NARROW_IN: Final = 5.0
"""Below this width panels stand below each other, legends below the axes, and letters are smaller."""


@dataclass(frozen=True)
class Page(DisplayNames):
    """The default is a screen: each figure up to SCREEN_IN wide. Its names are a person's, a user's
    labels first."""

    width_in: float | None = None
    titled: bool = True
    captioned: bool = True
    finding: str = ""
    """Answer in a sentence, the title above the words for what is drawn; "" where it is not known."""
    base: str = ""
    """Conditions of the numbers: the line that a run prints below its table; for the caption."""

    @property
    def narrow(self) -> bool:
        """True if it is a column of a paper."""
        return self.width_in is not None and self.width_in < NARROW_IN

    def figure(self, width_in: float, height_in: float) -> Figure:
        """An empty figure of this size, or of the page's width; the height is that of the axes alone."""
        from matplotlib.figure import Figure  # here: a mistake is reported before it is loaded
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        return Figure(figsize=(self.width_in or min(width_in, SCREEN_IN), height_in), layout=ConstrainedLayoutEngine())

    def across(self, most: int, panels: int) -> int:
        """Returns the number of panels side by side."""
        return max(1, min(most if not self.narrow else (1 if most <= 4 else 2), panels))

    def symbol(self, name: str) -> str:
        """A field as the papers write it, in the markup of figures; "" where they do not."""
        return self.labels.get(name, FIELDS.get(name, ""))
