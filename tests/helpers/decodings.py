"""Requests over the pair of four tokens whose distributions are known, decoded step by step."""

from __future__ import annotations

from channels.uniforms import Uniforms
from simulator.checking.exact import PAIR, V
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.nodes import Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes import DraftScheme
from simulator.schemes.draw import RequestUniforms

PROMPT = (1, 2)


def numbers(seed: int = 0) -> RequestUniforms:
    """The random numbers of one request."""
    return RequestUniforms(*(Uniforms.of(seed, purpose) for purpose in ("draft", "verdict", "shared")))


def decoding(
    scheme: DraftScheme, uniforms: RequestUniforms | None = None, lookahead: Lookahead = SYNCHRONOUS
) -> RequestDecoding:
    """One request of a scheme, after PROMPT."""
    setting = DraftSetting(lambda: PAIR, scheme, V, 1.0)
    return RequestDecoding(setting, Tree(PROMPT, scheme.entry(None)), uniforms or numbers(), lookahead=lookahead)
