"""Families of parts of which a scheme is made, and the combinations that fit."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.schemes.acceptance import Acceptance, Rejection
from simulator.schemes.code import Code
from simulator.schemes.draw import Draw, FromCounts
from simulator.schemes.policy import FixedLength, Policy
from simulator.schemes.quantizer import Quantizer
from simulator.schemes.reply import Reply, TokenReply
from simulator.schemes.sparsifier import Sparsifier


@dataclass(frozen=True)
class Families:
    """Parts of a scheme."""

    sparsifier: Sparsifier
    quantizer: Quantizer
    code: Code
    draw: Draw = field(default_factory=FromCounts)
    policy: Policy = field(default_factory=FixedLength)
    acceptance: Acceptance = field(default_factory=Rejection)
    reply: Reply = field(default_factory=TokenReply)

    def check(self) -> None:
        """Raises ValueError where they do not go together."""
        if self.acceptance.races != self.draw.races:
            raise ValueError(f"acceptance = {self.acceptance.kind!r}: does not go with draw {self.draw.kind!r}")
        if self.draw.races and self.code.carries_law:
            raise ValueError(f"code = {self.code.kind!r}: does not go with draw {self.draw.kind!r}")
        if not (self.draw.races or self.code.carries_law or self.sparsifier.fixed_size == 1):
            message = "sends no distribution, so both ends must race, or the sparsifier keep one id, top_k with k = 1"
            raise ValueError(f"code = {self.code.kind!r}: {message}")
        if getattr(self.code, "token", None) == "raced" and not self.draw.races:
            raise ValueError(f"code.token = 'raced': does not go with draw {self.draw.kind!r}")
        if self.acceptance.in_blocks or self.acceptance.cuts:
            self._check_qhat()
        if self.code.only_scalars != self.acceptance.edge_corrects:
            raise ValueError(f"acceptance = {self.acceptance.kind!r}: does not go with code {self.code.kind!r}")
        if self.acceptance.edge_corrects != self.reply.edge_corrects:
            raise ValueError(f"reply = {self.reply.kind!r}: does not go with acceptance {self.acceptance.kind!r}")
        if self.reply.edge_corrects and self.policy.hears_cloud:
            message = "lets the cloud decode by itself, which lacks the corrections that the edge draws"
            raise ValueError(f"policy = {self.policy.kind!r}: {message} (reply {self.reply.kind!r})")

    def _check_qhat(self) -> None:
        """Raises ValueError if drafts lack the distributions by which the acceptance asks for them."""
        named = f"acceptance = {self.acceptance.kind!r}" + (", which cuts" if self.acceptance.cuts else "")
        if not self.code.carries_law or self.code.only_scalars:
            raise ValueError(f"{named}: needs all of qhat, as recoded carries it, and code {self.code.kind!r} does not")
        if not self.draw.lossless:
            raise ValueError(f"{named}: needs drafts from the qhat that is sent, draw counts, not {self.draw.kind!r}")
