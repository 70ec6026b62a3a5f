"""What figures, tables and sentences call things: the one table of display names, and a curve's name in its words.

A curve is named by the tables as `k_sqs k=16 loss=bernoulli`; a figure says `K-SQS, K = 16, loss independent`, and so
does a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from simulator.results.units import quantity, title

NAMES: Final[dict[str, str]] = {
    # schemes, by the papers that brought them
    "k_sqs": "K-SQS",
    "c_sqs": "C-SQS",
    "dense": "dense lattice (Q-S)",
    "s_q": "S-Q",
    "dssd": "DSSD",
    "asym": "asymmetric",
    "half_dense": "dense fp16",
    "half_top_k": "top-K fp16 (TK-SLT)",
    "truncated_fp16": "top-K fp16 (TK-SLT)",
    "coupled": "coupled, ids only",
    "mirrored": "mirrored drafter",
    "ids_only_greedy": "greedy, ids only",
    "skip_when_confident": "unverified where sure (U-HLM)",
    "cloud_only": "cloud only",
    "edge_only": "edge only",
    "colocated": "co-located speculation",
    "composed": "composed",
    "rungs": "rungs",
    "oracle": "oracle (knows what no edge can)",
    # sparsifiers, quantizers, codes
    "all": "all of V",
    "top_k": "top-K",
    "top_p": "top-p",
    "min_p": "min-p",
    "threshold": "fixed threshold",
    "conformal": "conformal threshold",
    "entropy_k": "K by entropy",
    "running_quantile": "running quantile",
    "halves": "fp16",
    "dual": "dual lattice",
    "cubic": "cubic lattice",
    "logarithmic": "logarithms",
    # links and clouds
    "bernoulli": "independent",
    "gilbert_elliott": "in bursts",
    "bit_errors": "by bit errors, of a full packet",
    "block_errors": "by block errors",
    "trace": "as recorded",
    "none": "none",
    # models and machines of the clock
    "sotu": "sotu",
    "smollm2": "SmolLM2",
    "opt_125m": "OPT-125M",
    "opt_13b": "OPT-13B",
    "jetson_orin_nano_8gb": "Jetson Orin Nano",
    "a100_80gb_sxm": "A100",
}
"""Kinds and names as figures write them; any other loses its underscores."""
FIELDS: Final[dict[str, str]] = {
    "k": "K",
    "K": "K",
    "max_drafts": "L",
    "L": "L",
    "resolution": r"$\ell$",
    "ell": r"$\ell$",
    "initial": r"$\beta_1$",
    "beta_1": r"$\beta_1$",
    "beta": r"$\beta$",
    "step": r"$\eta$",
    "eta": r"$\eta$",
    "target": r"$\alpha$",
    "alpha": r"$\alpha$",
    "budget_bits": "B",
}
"""Fields that the papers write as a symbol, in the markup of figures."""
_IN_TEXT: Final = {r"$\ell$": "ℓ", r"$\beta_1$": "β₁", r"$\beta$": "β", r"$\eta$": "η", r"$\alpha$": "α"}
DIRECTORY: Final = "from"  # the word that tells the curves of several result directories apart
_WORDS = re.compile(r" (?=[A-Za-z_][A-Za-z_0-9]*=)")


def words_of(curve: str) -> tuple[str, dict[str, str]]:
    """Scheme and {field: value} of a curve's name; a value may hold blanks."""
    scheme, *fields = _WORDS.split(curve)
    return scheme, {name: value for name, _, value in (word.partition("=") for word in fields)}


def curve_of(scheme: str, fields: Mapping[str, str]) -> str:
    return " ".join([scheme, *(f"{name}={value}" for name, value in fields.items())])


@dataclass(frozen=True)
class DisplayNames:
    """The names that a person reads; `labels`, a user's own of curves, words, fields and axes, come first."""

    labels: Mapping[str, str] = field(default_factory=dict)

    def curve(self, name: str) -> str:
        if name in self.labels:
            return self.labels[name]
        scheme, fields = words_of(name)
        return ", ".join([self.word(scheme), *(self.setting(each, value) for each, value in fields.items())])

    def word(self, name: object) -> str:
        """A kind, a model, a machine."""
        word = str(name)
        return self.labels.get(word) or NAMES.get(word) or word.replace("_", " ")

    def symbol(self, name: str) -> str:
        """A field as the papers write it, "" where they do not."""
        symbol = self.labels.get(name, FIELDS.get(name, ""))
        return _IN_TEXT.get(symbol, symbol)

    def setting(self, name: str, value: str) -> str:
        """`k`, `16` -> `K = 16`; `coherence_s`, `0.02` -> `coherence 20 ms`; `loss`, `bernoulli` -> `loss
        independent`."""
        if name == DIRECTORY:
            return self.labels.get(value, value)
        symbol = self.symbol(name)
        if value in ("True", "False"):
            return ("" if value == "True" else "no ") + (symbol or title(name))
        try:
            text = quantity(float(value), name, _digits(value))
        except ValueError:
            text = self.word(value)
        if symbol:
            return f"{symbol} = {text}"
        return text if name in ("pair", "drafter", "verifier") else f"{title(name)} {text}"

    def axis(self, name: str) -> str:
        return self.labels.get(name) or title(name)

    def metric(self, name: str, otherwise: str) -> str:
        return self.labels.get(name, otherwise)


def _digits(value: str) -> int:
    """How many digits a number with a point is shown with: all that a curve's name has, so that no two look alike."""
    return max(3, len(value.partition("e")[0].strip("-0.").replace(".", ""))) if "." in value else 3
