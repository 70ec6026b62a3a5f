"""Accounts that every protocol keeps alike, whoever drives it: the answer as it grows, the prompt's bytes, and the
notes on a payload."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from channels.codec import wire
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import CloudNode, EdgeNode, Payload, Tokens
from simulator.results.requests import holds_any, within
from simulator.results.rounds import OpenRound

HELD_BYTES: Final = 4
"""The size of the number of tokens that stay of a conversation."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Terms of a request's machines: its decoding, the length of the answer, and the tokens that end it."""

    decoding: RequestDecoding
    output_tokens: int
    end_tokens: Tokens = ()
    policy: tuple[float, ...] | None = None
    """The state that the policy ended the device's last request in."""
    held: int = 0
    """Leading tokens of the prompt that the cloud holds as the conversation so far: the rest alone goes up."""
    edge_held: int = 0
    """Leading tokens of the prompt that the drafter's cache holds."""


class RemainingAnswer:
    """The answer as its edge knows it. `remaining`: output tokens still to come, at most."""

    def __init__(self, terms: Terms) -> None:
        self.remaining = terms.output_tokens
        self._end_tokens = terms.end_tokens

    def take(self, tokens: Tokens) -> Tokens:
        """A round has committed these tokens. Answers those that are not past the end of the answer."""
        kept = within(tokens, self.remaining, self._end_tokens)
        ended = self._end_tokens and kept and kept[-1] in self._end_tokens
        self.remaining = 0 if ended else self.remaining - len(kept)
        return kept


def is_made(node: CloudNode, prompt_tokens: int, terms: Terms) -> bool:
    """True if all of the answer is made, as far as the cloud can know. A correction that the edge draws may be an end
    token that the cloud does not know of."""
    made = len(node.committed) - prompt_tokens + node.owed
    ends = terms.end_tokens
    return made >= terms.output_tokens or (bool(ends) and holds_any(node.committed[prompt_tokens:], ends))


@lru_cache(maxsize=1 << 12)
def token_bytes(tokens: Tokens, format: wire.Format) -> bytes:
    """Tokens as they cross the air: a prompt, which many requests may share."""
    return wire.encode_tokens(tokens, format)


@lru_cache(maxsize=1 << 12)
def bytes_tokens(content: bytes, format: wire.Format) -> Tokens:
    """The tokens in a prompt or in a streamed reply. Raises CodecError."""
    return wire.decode_tokens(content, format)


def prompt_bytes(prompt: Tokens, terms: Terms) -> bytes:
    """Returns the message that opens a request at the cloud: its prompt. Of a conversation that the cloud holds, how
    many of its tokens stay, and those that follow: the cloud's text may go on past the end of the answer."""
    new = token_bytes(prompt[terms.held :], terms.decoding.format)
    return terms.held.to_bytes(HELD_BYTES, "big") + new if terms.held else new


def bytes_prompt(content: bytes, terms: Terms) -> Tokens:
    """The prompt, of which the cloud holds what the device says. Raises CodecError."""
    if not terms.held:
        return bytes_tokens(content, terms.decoding.format)
    held = int.from_bytes(content[:HELD_BYTES], "big")
    if held != terms.held:
        raise wire.CodecError(f"{held} tokens of the conversation are said to stay, the cloud holds {terms.held}")
    return (*terms.decoding.tree.cloud.committed[:held], *bytes_tokens(content[HELD_BYTES:], terms.decoding.format))


def note_payload(round_: OpenRound, payload: Payload, node: EdgeNode) -> None:
    """Notes what a round has sent: its drafts, and the round as it was then."""
    round_.drafted, round_.sums, round_.sent = payload.drafted, payload.sums, node
