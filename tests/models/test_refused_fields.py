"""Fields that no model, pair or latency model can have: each is refused on one line, which says what is allowed."""

from pathlib import Path

import pytest
from refusals import refusal

import models.zoo  # noqa: F401  registers the pairs
from models.interface import Pair
from models.latency.latency import Latency
from models.latency.profile import Profile

PARTS = {**Latency.kinds, **Pair.kinds}
HEADER = "batch,new_tokens,cached_tokens,seconds\n"
SPELLS = "batch,new_tokens,cached_tokens,seconds,spell\n"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "roofline", "device": "abacus"}, "one of a10, a100_40gb_sxm"),
        ({"kind": "roofline", "device": "abacus"}, "or write {name: mine, flops_per_s: 10T, bytes_per_s: 68 GB/s}"),
        ({"kind": "roofline", "device": "a100"}, "did you mean a100_40gb_sxm, a100_80gb_sxm or a10?"),
        ({"kind": "roofline", "size": "opt_1.4b"}, "parameters: 125M, layers: 12, width: 768, kv_width: 768}"),
        ({"kind": "affine", "base_s": -1}, "greater than or equal to 0"),
        ({"kind": "constant", "per_pass_s": float("inf")}, "less than or equal to 10"),
        ({"kind": "constant", "per_pass_s": float("nan")}, "less than or equal to 10"),
        ({"kind": "constant", "per_pass_s": 43}, "per_pass_s = 43: should be less than or equal to 10"),
        ({"kind": "affine", "base_s": 20}, "base_s = 20: should be less than or equal to 10"),
        ({"kind": "affine", "per_token_s": 18.6}, "per_token_s = 18.6: should be less than or equal to 10"),
        ({"kind": "roofline", "overhead_s": 40}, "overhead_s = 40: should be less than or equal to 10"),
        ({"kind": "roofline", "gpus": 3}, "gpus = 3: must divide the 40 heads of opt_13b (40 of keys): one of 1, 2"),
        ({"kind": "roofline", "memory_efficiency": 1.5}, "less than or equal to 1"),
        ({"kind": "roofline", "overhead_s": -1}, "greater than or equal to 0"),
        ({"kind": "roofline", "device": "t4", "gpus": 2}, "gpus = 2: must be 1 on t4, which has no link_bytes_per_s"),
        ({"kind": "profile"}, "one of the two must be given"),
        ({"kind": "profile", "name": "a100x4_70b", "file": "a.csv"}, "one of the two must be given"),
        ({"kind": "profile", "name": "a100x4"}, "name = 'a100x4': must be one of pi5_qwen2_5_0_5b, "),
        ({"kind": "profile", "name": "a100x4"}, "; did you mean a100x4_70b "),
        ({"kind": "published", "name": "gpt_5"}, "name"),
        ({"kind": "published", "stretch_tokens": 8}, "stretch_tokens above the drafts of a round, 8, allowed"),
        ({"kind": "published", "prompts": 300, "size": 256}, "prompts at most size = 256"),
        ({"kind": "acceptance", "context": 8}, "prompt_tokens at most context = 8"),
        ({"kind": "acceptance", "survival": [0.5, 0.6]}, "survival of falling numbers within 0 and 1"),
        ({"kind": "acceptance", "survival": [0.9, 0.1, 0.1]}, "survival that some text can have allowed: the nearest"),
        ({"kind": "acceptance", "accepted_length": 9.0}, "accepted_length within 1.02 and 8.84 of 8 drafts"),
        ({"kind": "acceptance", "share": 0.99}, "share within 0.0025 and 0.98 allowed"),
        ({"kind": "acceptance", "share": 0.5, "survival": [0.5]}, "one of survival, accepted_length and share allowed"),
        ({"kind": "synthetic", "size": 4, "entropy_bits": 3.0}, "at most log2 of size = 2"),
        ({"kind": "synthetic", "size": 4, "entropy_bits": 1.0, "distance": 0.8}, "at most 1 - 1/size = 0.75"),
        ({"kind": "synthetic", "context": 8}, "prompt_tokens at most context = 8"),
    ],
)
def test_impossible_figures_are_refused_on_one_line(fields: dict[str, object], words: str) -> None:
    assert words in refusal(PARTS[str(fields["kind"])].model_validate, fields)


@pytest.mark.parametrize("kind", ["profile", "empirical"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the columns must be batch, new_tokens, cached_tokens, seconds"),
        (HEADER, "holds no pass"),
        (HEADER + "1,1,0\n", "line 2: must hold 4 values, got '1,1,0'"),
        (HEADER + "0,1,0,1\n", "line 2: batch = '0': must be a whole number from 1 to"),
        (HEADER + "1,1.5,0,1\n", "line 2: new_tokens = '1.5': must be a whole number from 1"),
        (HEADER + "1,1,-1,1\n", "line 2: cached_tokens = '-1': must be a whole number from 0"),
        (HEADER + "1,1,0,1\n1,2,0,0\n", "line 3: seconds = '0': must be a number above 0"),
        (HEADER + "1,1,0,inf\n", "line 2: seconds = 'inf': must be a number above 0"),
        (HEADER + "1,1,0,1\n2,2,0,2\n", "batch, new_tokens, cached_tokens = 1, 2, 0: is missing; each value of one"),
        (HEADER + "1,1,0,fast\n", "line 2: seconds = 'fast': must be a number above 0"),
        ("seconds,spell\n1,0\n", "line 1: the columns must be batch, new_tokens, cached_tokens, seconds"),
        (SPELLS + "1,1,0,0.1,0\n1,2,0,0.1,-1\n", "line 3: spell = '-1': must be a whole number"),
        (SPELLS + "1,1,0,0.1,\n", "line 2: spell = '': must be a whole number from 0"),
        (
            SPELLS.replace("spell", "slow"),
            "line 1: the columns must be batch, new_tokens, cached_tokens, seconds, got 'slow' too",
        ),
    ],
)
def test_a_bad_table_is_refused_on_one_line(kind: str, text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    line = refusal(PARTS[kind].model_validate, {"kind": kind, "file": path})
    assert words in line and str(path) in line


def test_a_pass_that_is_in_a_profile_twice_is_refused_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(HEADER + "1,1,0,1\n1,1,0,2\n")
    line = refusal(Profile, file=tmp_path / "bad.csv")
    assert "line 3: batch, new_tokens, cached_tokens = 1, 1, 0: is there already" in line
