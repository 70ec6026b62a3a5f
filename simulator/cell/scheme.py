"""Interface of a scheme to a cell: the rules by which a request's tokens come about. The kinds are in
`simulator.schemes`."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from channels.codec import wire
from kinds import Choice
from models.interface import LanguageModel, LoadedPair
from models.latency.latency import Latency

ProtocolName = str
"""Name of a protocol, which serves requests; each is a file in simulator/protocols."""


LONGEST_LABEL: Final = 40
_FIELD_WORD: Final = re.compile(r" [A-Za-z_]\w*=")


class Scheme(Choice, family=True):
    """Rules by which a request's tokens come about."""

    label: str | None = Field(None, exclude=True, description="what tables, sentences and figures call it")
    """A name of the user's. It is in no id and no key, and in tables apart from the settings: it changes no number."""

    @field_validator("label", mode="before")
    @classmethod
    def _a_label_can_be_read(cls, label: object) -> object:
        if label is None:
            return None
        if not isinstance(label, str) or not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
            raise ValueError(f"must be a name of 1 to {LONGEST_LABEL} printable characters")
        if word := _FIELD_WORD.search(label):
            raise ValueError(f"must not hold{word.group()}, which reads as a field; put blanks around the sign")
        return label.strip()

    def to_fields(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        return {**super().to_fields(mode), **({"label": self.label} if self.label else {})}

    @property
    @abstractmethod
    def protocol(self) -> ProtocolName:
        """Name of the protocol that serves its requests."""

    @property
    def lossless(self) -> bool | None:
        """True if the scheme claims that the committed text follows the verifier's distribution; None if a part of it,
        such as a user's acceptance, does not say. `tv_output` is measured either way, and decides where it can."""
        return True

    @property
    def drafts(self) -> int:
        """The most drafts of a round."""
        return 0

    @property
    def drafts_a_pass(self) -> int:
        """The most drafts that one pass of the drafter is over."""
        return 1

    @property
    def drafts_in_cloud(self) -> bool:
        """True if a drafter in the cloud makes the drafts."""
        return self.protocol == "stream" and self.drafts > 0

    @property
    def drafts_at_edge(self) -> bool:
        """True if the pair's drafter makes drafts, or the answer, at the edge."""
        return self.protocol != "stream" and not self.copies_text

    @property
    def copies_text(self) -> bool:
        """True if its drafts are copied from the text, so that they need a text that repeats as real ones do."""
        return False

    def drafter(self, pair: LoadedPair) -> LanguageModel:
        """The model that drafts; a distribution of zeros says that it has no draft."""
        return pair.drafter

    def draft_latency(self, model: Latency) -> Latency:
        """The latency model of the edge's drafts, from that of a device that runs the pair's drafter."""
        return model

    def foreseen_drafts(self, text: Sequence[int], most: int) -> int:
        """Returns the number of drafts, 0 to `most`, of a round after `text` that the cloud drafts itself."""
        return most

    @property
    def sends_distributions(self) -> bool:
        """True if some of the drafter's distributions cross the air."""
        return False

    @property
    def sends_parts(self) -> bool:
        """True if a round crosses the air in parts, of which the later ones may never be sent."""
        return False

    @property
    def counts_joules(self) -> bool:
        """True if it needs the power of its device."""
        return False

    @property
    def overruled(self) -> tuple[str, ...]:
        """Fields whose value another field makes of no effect, a line each that says by what."""
        return ()

    @abstractmethod
    def format(self, vocabulary: int) -> wire.Format:
        """The wire format that both ends hold. Raises ValueError (CodecError is one) where it cannot be."""
