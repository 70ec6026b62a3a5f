"""What a figure is drawn for: how wide, with or without title and caption, and under whose labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from plots.display_names import DIRECTORY, FIELDS, NAMES, words_of
from simulator.results.units import quantity, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NARROW_IN: Final = 5.0
"""Below this width panels stand below each other, legends below the axes, and letters are smaller."""


@dataclass(frozen=True)
class Page:
    """The default is a screen: each figure as wide as it likes. `labels` are a user's own names of curves, words,
    fields and axes, which come first.

    A curve is named by the tables as `k_sqs k=16 loss=bernoulli`; a figure says `K-SQS, K = 16, loss independent`.
    """

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
        if name in self.labels:
            return self.labels[name]
        scheme, fields = words_of(name)
        return ", ".join([self.word(scheme), *(self.setting(field, value) for field, value in fields.items())])

    def word(self, name: object) -> str:
        """A kind, a model, a machine."""
        word = str(name)
        return self.labels.get(word) or NAMES.get(word) or word.replace("_", " ")

    def setting(self, name: str, value: str) -> str:
        """`k`, `16` -> `K = 16`; `coherence_s`, `0.02` -> `coherence 20 ms`; `loss`, `bernoulli` -> `loss
        independent`."""
        if name == DIRECTORY:
            return self.labels.get(value, value)
        symbol = self.labels.get(name, FIELDS.get(name, ""))
        if value in ("True", "False"):
            return ("" if value == "True" else "no ") + (symbol or title(name))
        try:
            text = quantity(float(value), name)
        except ValueError:
            text = self.word(value)
        if symbol:
            return f"{symbol} = {text}"
        return text if name in ("pair", "drafter", "verifier") else f"{title(name)} {text}"

    def axis(self, name: str) -> str:
        return self.labels.get(name) or title(name)

    def metric(self, name: str, otherwise: str) -> str:
        return self.labels.get(name, otherwise)
