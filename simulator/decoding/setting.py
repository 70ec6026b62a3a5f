"""Setting that decides the tokens of a request, and the parts that the sides of its decoding share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from channels.codec import wire
from models.interface import CachedText, LoadedPair
from simulator.cell.scheme import Scheme
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import Tree
from simulator.schemes.code import Packets
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms


@dataclass(frozen=True)
class Setting:
    """Setting of one class of devices for decoding."""

    pair: Callable[[], LoadedPair]
    scheme: Scheme
    vocabulary: int
    temperature: float
    room_bits: int | None = None
    """The most bits that a part may take in a scheme that sends partial rounds; None: any."""

    @cached_property
    def format(self) -> wire.Format:
        """The format of prompts and replies."""
        return self.scheme.format(self.vocabulary)

    def open_drafter(self) -> CachedText:
        """A new text of what drafts."""
        return self.scheme.drafter(self.pair()).open(self.temperature)


@dataclass(frozen=True)
class DraftSetting(Setting):
    """Setting of devices that draft."""

    scheme: DraftScheme

    @cached_property
    def packets(self) -> Packets:
        """Writer and reader of the payloads."""
        return self.scheme.packets(self.vocabulary)


class RequestParts:
    """Parts from which the sides of a request's decoding are made. Without `remember` no step is attached to the tree.
    The texts of the models may be replaced before a session is made."""

    def __init__(
        self,
        setting: Setting,
        tree: Tree,
        uniforms: RequestUniforms,
        *,
        lookahead: Lookahead = SYNCHRONOUS,
        remember: bool = True,
    ) -> None:
        self.setting = setting
        self.tree = tree
        self.uniforms = uniforms
        self.lookahead = lookahead
        self.remember = remember
        self.drafter = ReplayedText(setting.open_drafter)
        self.verifier = ReplayedText(lambda: setting.pair().verifier.open(setting.temperature))
        self.guesser = ReplayedText(lambda: setting.pair().guesser(setting.temperature))
        """The drafter once more, for the tokens that it holds likeliest beside its drafts."""

    @property
    def draft_setting(self) -> DraftSetting:
        """Setting of a device that drafts."""
        assert isinstance(self.setting, DraftSetting), f"scheme {self.setting.scheme.kind} drafts nothing at the edge"
        return self.setting
