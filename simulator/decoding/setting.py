"""What decides the tokens of a request: its setting, and what the sides of its decoding share."""

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
    """What decoding needs to know of one class of devices."""

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
    """Where the edge drafts."""

    scheme: DraftScheme

    @cached_property
    def packets(self) -> Packets:
        """What writes and reads the payloads."""
        return self.scheme.packets(self.vocabulary)


class RequestParts:
    """What the sides of one request's decoding are made from. Without `remember` no step is attached to the tree. The
    texts of the models may be replaced before a session is made."""

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
        """Its setting where the edge drafts."""
        assert isinstance(self.setting, DraftSetting), f"scheme {self.setting.scheme.kind} drafts nothing at the edge"
        return self.setting
