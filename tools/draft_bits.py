"""The bits a draft of docs/schemes.md: each scheme on both bundled pairs, at one setting that is no scheme's best.

    python -m tools.draft_bits        decodes a few minutes, then writes the table between its marks

Bits are whole payloads, without headers, over drafts sent, so that what a round pays once is shared by its drafts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import simulator
from simulator import Cell

PAGE: Final = Path(__file__).parents[1] / "docs" / "schemes.md"
BEGIN, END = "<!-- bits: made by python -m tools.draft_bits -->", "<!-- /bits -->"
PAIRS: Final = {"sotu": 1024, "smollm2": 49152}
"""Size of the vocabulary, by pair."""
SPARSE: Final = {"k": 8, "resolution": 100}
SCHEMES: Final[dict[str, dict[str, object]]] = {
    "k_sqs": SPARSE,
    "c_sqs": {"resolution": 100},
    "dense": {"resolution": 100},
    "half_dense": {},
    "truncated_fp16": {"k": 8, "policy": "fixed_length"},
    "coupled": {},
    "ids_only_greedy": {},
    "mirrored": {},
    "dssd": SPARSE,
    "asym": SPARSE,
    "tree": SPARSE,
    "likely_tree": SPARSE,
    "multi_candidate": SPARSE,
    "skip_when_confident": SPARSE,
    "s_q": SPARSE,
}
"""Fields of each scheme beside four drafts a round and no budget."""


def bits_per_draft(scheme: str, pair: str, requests: int) -> float:
    """Payload bits per draft of a scheme, mean over the drafts of so many requests of 48 tokens at temperature 1."""
    cell = Cell.from_fields(
        {
            "models": {"pair": pair, "temperature": 1.0},
            "workload": {"kind": "closed", "requests": requests, "prompt_tokens": 32, "output_tokens": 48},
            "scheme": {"kind": scheme, "max_drafts": 4, "budget_bits": None, **SCHEMES[scheme]},
        }
    )
    return float(simulator.simulate(cell).summary["payload_bits_per_draft"])


def table(requests: int) -> str:
    """The Markdown table: a row a scheme, a column a pair."""
    head = " | ".join(f"`{pair}`, V = {size:,}" for pair, size in PAIRS.items())
    lines = [f"| bits a draft | {head} |", "|---|" + "---:|" * len(PAIRS)]
    for scheme in SCHEMES:
        row = " | ".join(f"{bits_per_draft(scheme, pair, requests):,.0f}" for pair in PAIRS)
        lines.append(f"| `{scheme}` | {row} |")
    return "\n".join(lines)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    assert ended, f"{PAGE} has lost its marks"
    PAGE.write_text(f"{before}{BEGIN}\n{table(requests=4)}\n{END}{after}", encoding="utf-8")
