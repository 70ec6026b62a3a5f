"""Parts and fields of a scheme that do not go together are refused in one line that names them."""

import pytest

from kinds import ConfigError
from simulator import Cell

SPLIT = {"kind": "composed", "code": "scalars", "acceptance": "split_rejection", "reply": "law"}
RACED = {"code": {"kind": "ids", "token": "raced"}, "sparsifier": {"kind": "top_k", "k": 1}}
CUT = {"acceptance": {"kind": "rejection", "least_confidence": 0.1}}
REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("composed", {"code": "ids"}, r"\.code = 'ids'"),
    ("composed", RACED, r"\.code.token = 'raced'"),
    ("composed", {"draw": "shared_race"}, r"\.acceptance = 'rejection'"),
    ("composed", {"draw": "shared_race", "acceptance": "coupling"}, r"\.code = 'recoded'"),
    ("composed", {"quantizer": "halves"}, r"\.quantizer = 'halves'"),
    ("composed", {"sparsifier": {"kind": "top_k", "k": 5_000}}, r"\.sparsifier.k = 5000"),
    ("composed", {"code": "scalars"}, r"\.acceptance = 'rejection': does not go with code 'scalars'"),
    ("composed", {"acceptance": "split_rejection"}, r"\.acceptance = 'split_rejection': does not go with code 'recod"),
    ("composed", SPLIT | {"reply": "token"}, r"\.reply = 'token': does not go with acceptance 'split_rejection'"),
    ("composed", {"reply": "law"}, r"\.reply = 'law': does not go with acceptance 'rejection'"),
    ("composed", SPLIT | {"policy": "goodput"}, r"\.policy = 'goodput': lets the cloud decode by itself"),
    ("composed", SPLIT | {"partial": True}, r"\.partial = True: must be false where the edge draws"),
    ("composed", SPLIT | {"depth": 2}, r"\.depth = 2: must be 0 where the edge draws"),
    ("composed", SPLIT | {"quantizer": "dual"}, r"\.code = 'scalars': carries counts that sum to the resolution"),
    ("composed", {"code": "ids", "sparsifier": {"kind": "top_k", "k": 1}, "acceptance": "block"},
     r"\.acceptance = 'block': needs all of qhat, as recoded carries it, and code 'ids' does not"),
    ("composed", SPLIT | {"acceptance": "block"}, r"\.acceptance = 'block': needs all of qhat, .* 'scalars' does not"),
    ("composed", CUT | {"depth": 1},
     r"\.acceptance: must verify all drafts \(least_confidence = 0\) where .* ahead"),
    ("composed", CUT | {"prepared": 2},
     r"\.acceptance: must verify all drafts \(least_confidence = 0\) where .* prepared"),
    ("composed", CUT | {"code": "ids", "sparsifier": {"kind": "top_k", "k": 1}},
     r"\.acceptance = 'rejection', which cuts: needs all of qhat, .* code 'ids' does not"),
    ("composed", {"acceptance": {"kind": "split_rejection", "least_confidence": 0.1}},
     r".*least_confidence.*no such fi"),
    ("composed", {"acceptance": {"kind": "block", "least_confidence": 1.5}},
     r"\.acceptance\.least_confidence = 1.5: should be less"),
    ("s_q", {"acceptance": "block"}, r"\.acceptance = 'block': needs drafts from the qhat that is sent"),
    ("tree", {"acceptance": "block"}, r"\.acceptance = 'block': must be 'rejection', the one that is defined for tre"),
    *[(kind, {"acceptance": "block"}, r"\.acceptance = 'block': no such field; a field of .*c_sqs, colocated, ")
      for kind in ("coupled", "coupled_tree", "dssd", "ids_only_greedy", "remote_drafter")],
    *[("dssd", {field: 1}, rf"\.{field} = ") for field in ("depth", "partial")],
    ("tree", {"partial": True}, r"\.partial = True: must be False: a tree is one packet"),
    ("tree", {"widths": []}, r"\.widths = "),
    ("tree", {"widths": [2, 0]}, r"\.widths.1 = 0: should be greater than or equal to 1"),
    ("tree", {"widths": [2], "max_drafts": 10}, r"\.max_drafts = 10, widths = \[2\]: make a tree of more than 1,024"),
    ("tree", {"k": 2000}, r"\.k = 2000: must be at most the vocabulary, 1024"),
    ("coupled_tree", {"partial": True}, r"\.partial = True: must be False: a tree is one packet"),
    ("coupled_tree", {"depth": 1, "policy": "goodput"}, r"\.depth = 1: must be 0 with policy 'goodput'"),
    ("coupled_tree", {"nodes": 0}, r"\.nodes = 0: should be greater than or equal to 1"),
    ("coupled_tree", {"nodes": [4, 0]}, r"\.nodes\.1 = 0: should be greater than or equal to 1"),
    ("coupled_tree", {"hits": [0.7, 0.4]}, r": hits = \[0.7, 0.4\]: must sum to at most 1, one"),
    ("coupled_tree", {"widths": [2], "max_drafts": 10}, r"\.max_drafts = 10, nodes = 12, widths = \[2\]: make a tree"),
    ("coupled_tree", {"policy": "entropy_exit"}, r".*decides draft by draft, and a tree needs one"),
    ("coupled_tree", {"nodes": [2, 3], "widths": [2]}, r".*must be null where `nodes` has several shapes"),
    ("rungs", {"settings": [{}, {"sparsifier": {"kind": "top_k", "k": 5_000}}]}, r"\.settings\.1\.sparsifier\.k = 500"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "complaint"), REFUSED)
def test_what_does_not_go_together_is_refused_in_one_line(kind: str, fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"^scheme{complaint}") as caught:
        Cell.from_fields({"scheme": {**fields, "kind": kind}})
    assert "\n" not in str(caught.value)
