"""Who goes next when several devices share a link."""

from __future__ import annotations

from typing import Literal

from kinds import Choice


class Sharing(Choice):
    """How devices share a link, chosen by `kind`."""


class Fifo(Sharing):
    """One queue for all: first come, first served, packet by packet."""

    kind: Literal["fifo"] = "fifo"
