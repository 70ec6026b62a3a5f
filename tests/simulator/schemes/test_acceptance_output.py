"""The distribution that an acceptance leaves: stated, enumerated, or not known; never assumed to be the verifier's."""

from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pytest

from kinds import ConfigError
from models.verification import Verdict, inverse_cdf, output_distribution, reject_along, total_variation
from scenarios.findings.rejections import beyond_chance
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.column_names import CURVE, LOSSY
from simulator.results.lossy_schemes import MARK, UNKNOWN, marked, ranked, with_lossy
from simulator.schemes.acceptance import Acceptance, Rejection

V, K, FLOOR = 6, 3, 0.2


class Typical(Acceptance):
    """Accepts what p gives FLOOR or more; corrects from p itself, and the bonus is the likeliest token."""

    kind: Literal["typical_in_tests"] = "typical_in_tests"

    def judge(self, distribution_after, received, uniforms):
        line = tuple(received.drafts.tolist())
        for n, draft in enumerate(line):
            p = distribution_after(line[:n])
            if p[draft] < FLOOR:
                return Verdict(n, inverse_cdf(p, uniforms.verdict(len(line))[-1]))
        return Verdict(len(line), int(distribution_after(line).argmax()))


class OwnRejection(Acceptance):
    """Speculative sampling as a user would write it, who states nothing."""

    kind: Literal["own_rejection_in_tests"] = "own_rejection_in_tests"

    def judge(self, distribution_after, received, uniforms):
        return reject_along(distribution_after, received.drafts, received.qhat, uniforms.verdict(len(received.drafts)))


class Lenient(Rejection):
    """Inherits from a lossless class, and judges otherwise."""

    kind: Literal["lenient_in_tests"] = "lenient_in_tests"  # type: ignore[assignment]

    def judge(self, distribution_after, received, uniforms):
        return super().judge(distribution_after, received, uniforms._replace(round=uniforms.round))


class Lookahead(Acceptance):
    """Judges the first draft by the distribution after the last."""

    lossless: ClassVar[bool | None] = True
    kind: Literal["lookahead_in_tests"] = "lookahead_in_tests"

    def judge(self, distribution_after, received, uniforms):
        last = distribution_after(tuple(received.drafts.tolist()))
        return Verdict(len(received.drafts) if last[0] > 0.1 else 0, int(last.argmax()))


class Stating(Typical):
    """Says what it leaves, over any vocabulary."""

    kind: Literal["stating_in_tests"] = "stating_in_tests"  # type: ignore[assignment]

    def output_distribution(self, p, qhat, drawn, corrected=None):
        kept = np.where(p >= FLOOR, drawn, 0.0)
        bonus = np.zeros_like(p)
        bonus[np.arange(len(p)), p.argmax(axis=1)] = 1.0
        return np.where(drawn.any(axis=1, keepdims=True), kept + (1 - kept.sum(axis=1, keepdims=True)) * p, bonus)


class Misstating(OwnRejection):
    """States what is no distribution."""

    kind: Literal["misstating_in_tests"] = "misstating_in_tests"  # type: ignore[assignment]

    def output_distribution(self, p, qhat, drawn, corrected=None):
        return drawn * p


def cell(acceptance: str, size: int = V, seed: int = 0) -> Cell:
    return Cell.from_fields({
        "models": {"pair": {"kind": "synthetic", "size": size, "entropy_bits": 2.0, "distance": 0.4}},
        "workload": {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 4, "output_tokens": 12},
        "scheme": {
            "kind": "composed", "sparsifier": {"kind": "top_k", "k": K}, "acceptance": acceptance, "max_drafts": 3
        },
        "seed": seed,
    })  # fmt: skip


def rounds(acceptance: str, size: int = V) -> pd.DataFrame:
    return simulate(cell(acceptance, size), memory=Memory()).rounds


def test_an_enumerated_acceptance_is_off_by_as_much_as_it_states() -> None:
    enumerated, stated = rounds("typical_in_tests"), rounds("stating_in_tests")
    assert enumerated["tv_output"].to_numpy() == pytest.approx(stated["tv_output"].to_numpy(), abs=1e-7)
    assert stated["tv_output"].sum() / stated["committed"].sum() > 0.1


def test_rejection_without_a_word_is_enumerated_to_be_lossless() -> None:
    assert (rounds("own_rejection_in_tests")["tv_output"] == 0).all()
    assert rounds("rejection")["tv_output"].sum() == 0


def test_the_stated_distribution_of_rejection_is_p_only_where_drafts_are_drawn_from_qhat() -> None:
    p, qhat = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.2, 0.6]])
    assert output_distribution(p, qhat, qhat) is p
    drawn = np.array([[0.0, 0.0, 1.0]])  # accepted at 1/3, else corrected to ids 0 and 1 at 3 to 1
    assert output_distribution(p, qhat, drawn) == pytest.approx(np.array([[0.5, 1 / 6, 1 / 3]]))
    assert total_variation(output_distribution(p, qhat, drawn), p) == pytest.approx([2 / 15])


@pytest.mark.parametrize("acceptance", ["typical_in_tests", "own_rejection_in_tests"])
def test_over_a_large_vocabulary_what_is_not_stated_is_not_known(acceptance: str) -> None:
    assert rounds(acceptance, 65)["tv_output"].isna().all()


def test_what_is_stated_is_known_over_any_vocabulary() -> None:
    assert rounds("stating_in_tests", 65)["tv_output"].sum() > 0


def test_a_rule_that_looks_ahead_is_not_enumerated_whatever_it_says() -> None:
    assert rounds("lookahead_in_tests")["tv_output"].isna().any()


def test_a_class_that_judges_otherwise_inherits_no_statement() -> None:
    assert Lenient(kind="lenient_in_tests").lossless is None and Rejection().lossless is True
    assert cell("lenient_in_tests").scheme.lossless is None and cell("rejection").scheme.lossless is True
    assert rounds("lenient_in_tests", 65)["tv_output"].isna().all()


def test_what_is_no_distribution_is_refused_on_one_line() -> None:
    with pytest.raises(ConfigError, match=r"output_distribution must return rows of 0 or more that sum to 1"):
        rounds("misstating_in_tests")


def table(kinds: dict[str, int]) -> pd.DataFrame:
    """Summary of cells of these acceptances, over vocabularies of these sizes."""
    cells = {each.id: each for kind, size in kinds.items() for each in [cell(kind, size)]}
    rows = [{"cell": id, CURVE: one.scheme.acceptance.kind, "seed": 0, **simulate(one, memory=Memory()).summary}
            for id, one in cells.items()]  # type: ignore[attr-defined]  # fmt: skip
    return with_lossy(pd.DataFrame(rows), {id: one.scheme.lossless for id, one in cells.items()})


def test_an_acceptance_is_lossy_until_it_is_shown_otherwise() -> None:
    found = table({"rejection": V, "own_rejection_in_tests": V, "typical_in_tests": V, "lenient_in_tests": 65,
                   "lookahead_in_tests": V})  # fmt: skip
    assert list(marked(found)[CURVE]) == [
        "rejection", "own_rejection_in_tests", f"typical_in_tests{MARK}", f"lenient_in_tests{UNKNOWN}",
        f"lookahead_in_tests{UNKNOWN}",
    ]  # fmt: skip
    assert list(ranked(marked(found))[CURVE]) == ["rejection", "own_rejection_in_tests"]
    assert list(marked(marked(found))[CURVE]) == list(marked(found)[CURVE])
    assert found[LOSSY].tolist() == [False, False, True, True, True]


def test_rejections_beyond_chance_are_told_of_the_schemes_that_have_them() -> None:
    sums = pd.DataFrame(
        {"verified": [400, 400, 40], "accepted": [298, 400, 40], "tv_qhat": [100, 100, 30.0]},
        index=["chance", "typical", "unlooked"],
    )
    names = {"chance": "k_sqs", "typical": "mine", "unlooked": "tree"}
    line = beyond_chance(sums, names, {"chance": 1, "typical": 1})
    assert line.endswith("not drawn from qhat): mine 0.00 a verified draft, expected 0.25 (12 sd)")
    assert beyond_chance(sums, names, {"chance": 1, "typical": 9}) == ""  # nine requests of one text: 3.8 sd
