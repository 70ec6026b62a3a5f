"""Schemes without a payload: the whole decoding runs at one end. The baselines to beat, and what capacity is measured
against."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from channels.codec import wire
from kinds.tunable import Tunable
from simulator.cell.scheme import ProtocolName, Scheme
from simulator.schemes.acceptance import AcceptanceByQhat


class HostedScheme(Scheme):
    """Decoding in the cloud: the prompt goes up, tokens come down as they are decided."""

    @property
    def protocol(self) -> ProtocolName:
        return "stream"

    def format(self, vocabulary: int) -> wire.Format:
        return wire.Format(vocabulary, resolution=1, max_drafts=1)  # of prompt and tokens


class CloudOnly(HostedScheme):
    """Autoregressive decoding by the verifier, one token a pass."""

    kind: Literal["cloud_only"] = "cloud_only"


class Colocated(HostedScheme):
    """Speculative decoding inside the cloud: drafter and verifier on one server, nothing compressed."""

    kind: Literal["colocated"] = "colocated"
    max_drafts: Annotated[int, Tunable(1, 2, 3, 4, 6, 8)] = Field(4, ge=1, le=1024, description="L, drafts of a round")
    acceptance: AcceptanceByQhat = "rejection"

    @property
    def drafts(self) -> int:
        return self.max_drafts


class EdgeOnly(Scheme):
    """The drafter alone at the edge: no network, no verifier, and not the verifier's distribution. `tv_output` says how
    far off it is; the verifier's passes for that are an observer's and take no time."""

    kind: Literal["edge_only"] = "edge_only"

    @property
    def protocol(self) -> ProtocolName:
        return "local"

    @property
    def lossless(self) -> bool:
        return False

    def format(self, vocabulary: int) -> wire.Format:
        return wire.Format(vocabulary, resolution=1, max_drafts=1)
