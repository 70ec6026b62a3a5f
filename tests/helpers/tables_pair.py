"""A pair of exact distributions over eight tokens, written down as tables: what a test needs to know of every q and
p."""

import hashlib
from functools import cached_property
from typing import ClassVar, Final, Literal

import numpy as np

from kinds.arrays import Floats
from models.interface import LoadedPair, Pair, Prompt
from models.synthetic import MarkovModel

V: Final = 8
END: Final = 4
"""The token that ends a text."""
P: Final[Floats] = np.random.Generator(np.random.Philox(31)).dirichlet(np.full(V, 0.9), V)
"""The verifier's distribution of the next token, [V, V], by the last token."""
Q: Final[Floats] = 0.45 * P + 0.55 * np.random.Generator(np.random.Philox(37)).dirichlet(np.full(V, 0.7), V)
"""The drafter's."""
PROMPTS: Final = tuple(
    Prompt(f"tables-{number}", "tables", tuple((3 * number + step * step) % V for step in range(24)))
    for number in range(5)
)


class Tables(Pair):
    """P and Q of this file."""

    summary: ClassVar[str] = "two tables of eight distributions each"
    kind: Literal["tables_in_tests"] = "tables_in_tests"

    @cached_property
    def vocabulary(self) -> int:
        return V

    @cached_property
    def context_tokens(self) -> int:
        return 512

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(P.tobytes() + Q.tobytes()).hexdigest()

    def load(self) -> LoadedPair:
        return LoadedPair(MarkovModel.from_table(Q), MarkovModel.from_table(P), PROMPTS, (END,))


def distribution_after(table: Floats, token: int, temperature: float) -> list[float]:
    """Row `token` of a table at a temperature: probabilities to the power 1/T, over their sum."""
    powers = [float(mass) ** (1 / temperature) for mass in table[token]]
    return [power / sum(powers) for power in powers]
