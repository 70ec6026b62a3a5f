"""Every quantizer, resolution and K over three vocabularies: bits against resampling, and dense against sparse.

    sqsim run lattices            or            python -m scenarios.lattices

Packets of the code `enumerative`, which states what it costs; of the support only ids with a count are sent.
"""

from __future__ import annotations

from scenarios import Answer, AtEqual, DenseOvertakes, KeepsItsWord, LeastWithin, Quick, Scenario, script
from scenarios.command.tradeoff_questions import DenseShorterFrom, LeastAt

MADE = {"kind": "synthetic", "size": 150_000, "contexts": 32, "entropy_bits": 4.9, "distance": 0.2}
RESOLUTIONS = [10, 30, 100, 300, 1000]
SIZES = [2, 4, 8, 16, 32, 64, 128, 256]
SENT = {"kind": "enumerative", "size": "sent"}
HALVES = {"quantizer": "halves", "code": "halves"}


def schemes(resolutions: list[int], sizes: list[int]) -> list[dict[str, object]]:
    """Each quantizer at each resolution, and half-precision floats, of each K; and the lattice over all of V."""
    kinds = ("lattice", "dual", "cubic", "logarithmic")
    rules = [{"kind": kind, "resolution": ell} for kind in kinds for ell in resolutions]
    parts = [{"quantizer": rule, "code": SENT} for rule in rules] + [HALVES]
    kept = [{"sparsifier": {"kind": "top_k", "k": k}, **part} for part in parts for k in sizes]
    kept += [{"sparsifier": "all", **part} for part in parts[: len(resolutions)]]
    return [{"kind": "composed", "max_drafts": 1, "budget_bits": None, **each} for each in kept]


BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
FAMILY = ("scheme.quantizer.kind", "scheme.sparsifier.kind")

SCENARIO = Scenario(
    name="lattices",
    summary="Which quantizer, resolution and K reject least for their bits, and from where is the dense code shorter?",
    minutes=3,
    base={"workload.requests": 6, "workload.output_tokens": 24},
    grid={"models.pair": ["sotu", "smollm2", MADE], "scheme": schemes(RESOLUTIONS, SIZES)},
    seeds=8,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 8},
        grid={"models.pair": ["sotu"], "scheme": schemes(RESOLUTIONS[::2], SIZES[:6:2])},
    ),
    study="laws",
    assumed="the laws of V = 150,000 are made: 4.9 bits each, SmolLM2's mean entropy at temperature 1, and a TV(q, p) "
    "of 0.2; such a drafter errs on tokens of their own, which at SmolLM2's 0.5 would outrank the verifier's",
    headlines=(),
    tables=(LeastWithin(REJECTED, BITS, [50, 100, 200, 400, 800, 1600], by="vocabulary"),),
    figures=("pareto",),
    findings=(
        AtEqual(REJECTED, BITS, FAMILY, by="vocabulary"),
        AtEqual(BITS, REJECTED, FAMILY, by="vocabulary"),
        DenseOvertakes(),
        KeepsItsWord(),
        Answer([LeastAt(LeastWithin(REJECTED, BITS, [200], by="vocabulary")), DenseShorterFrom()]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
