"""The bits a draft of docs/schemes.md: each scheme on both bundled pairs, at one setting that is no scheme's best.

    python -m tools.draft_bits        decodes some minutes, then writes the last column of the schemes' table

Bits are whole payloads, without headers, over drafts sent, so that what a round pays once is shared by its drafts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import simulator
from simulator import Cell

PAGE: Final = Path(__file__).parents[1] / "docs" / "schemes.md"
PAIRS: Final = {"sotu": 4, "smollm2": 1}
"""Requests of 48 tokens that are decoded, by pair."""
SPARSE: Final[dict[str, object]] = {"k": 8, "resolution": 100}
SCHEMES: Final[dict[str, dict[str, object]]] = {
    "k_sqs": SPARSE,
    "c_sqs": {"resolution": 100},
    "dense": {"resolution": 100},
    "half_dense": {},
    "truncated_fp16": {"k": 8, "policy": "fixed_length"},
    "coupled": {},
    "coupled_tree": {},
    "ids_only_greedy": {},
    "remote_drafter": {},
    "prompt_lookup": {},
    "dssd": SPARSE,
    "tree": SPARSE,
    "multi_candidate": SPARSE,
    "s_q": SPARSE,
}
"""Fields of each scheme beside four drafts a round and no budget."""


def bits_per_draft(scheme: str, pair: str) -> float:
    """Payload bits per draft of a scheme, mean over the drafts sent in the pair's requests at temperature 1."""
    cell = Cell.from_fields(
        {
            "models": {"pair": pair, "temperature": 1.0},
            "workload": {"kind": "closed", "requests": PAIRS[pair], "prompt_tokens": 32, "output_tokens": 48},
            "scheme": {"kind": scheme, "max_drafts": 4, "budget_bits": None, **SCHEMES[scheme]},
        }
    )
    return float(simulator.simulate(cell).summary["payload_bits_per_draft"])


def filled(text: str, bits: Mapping[str, Sequence[float]]) -> str:
    """The `text` of the page with these bits, a number a pair, in the last column of each scheme's row."""
    for scheme, each in bits.items():
        numbers = " / ".join(f"{one:,.0f}" if one >= 10 else f"{one:.1f}" for one in each)
        text, found = re.subn(rf"^(\| `{scheme}` \|.*\|)[^|]*\|$", rf"\1 {numbers} |", text, flags=re.MULTILINE)
        assert found == 1, f"{scheme} has {found} rows"
    return text


if __name__ == "__main__":
    measured = {scheme: [bits_per_draft(scheme, pair) for pair in PAIRS] for scheme in SCHEMES}
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")
