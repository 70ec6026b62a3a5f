"""What a figure is drawn for: how wide, with or without title and caption, and under whose labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from plots.display_names import shown_curve, shown_field, shown_word
from simulator.results.units import title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NARROW_IN: Final = 5.0
"""Below this width panels stand below each other, legends below the axes, and letters are smaller."""


@dataclass(frozen=True)
class Page:
    """The default is a screen: each figure as wide as it likes. `labels` are a user's own names of curves, words,
    fields and axes."""

    width_in: float | None = None
    titled: bool = True
    captioned: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        """Whether it is a column of a paper."""
        return self.width_in is not None and self.width_in < NARROW_IN

    def figure(self, width_in: float, height_in: float) -> Figure:
        """An empty figure of this size, or of the page's width; the height is that of the axes alone."""
        from matplotlib.figure import Figure  # here: a mistake is reported before it is loaded
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        return Figure(figsize=(self.width_in or width_in, height_in), layout=ConstrainedLayoutEngine())

    def across(self, most: int, panels: int) -> int:
        """How many panels stand side by side."""
        return max(1, min(most if not self.narrow else (1 if most <= 4 else 2), panels))

    def curve(self, name: str) -> str:
        return shown_curve(name, self.labels)

    def word(self, name: object) -> str:
        """A kind, a model, a machine."""
        return shown_word(str(name), self.labels)

    def setting(self, name: str, value: object) -> str:
        return shown_field(name, str(value), self.labels)

    def axis(self, name: str) -> str:
        return self.labels.get(name) or title(name)

    def metric(self, name: str, otherwise: str) -> str:
        return self.labels.get(name, otherwise)
