"""`sqsim codec`: what a distribution costs, and its bytes, out and in."""

import numpy as np
import pytest

from channels.codec import wire
from channels.codec.lattice import quantize
from channels.codec.paper_counts import paper_bits
from channels.codec.sparsify import TopK

V = 300


@pytest.fixture
def q(tmp_path):
    """A distribution over V tokens, in `law.npy` of the test's folder."""
    distribution = np.random.default_rng(5).dirichlet(np.full(V, 0.05))
    np.save(tmp_path / "law.npy", distribution)
    return distribution


def rows_of(text: str) -> dict[str, list[str]]:
    """The body of a printed table by its first words, blocks joined."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in {"k_sqs", "c_sqs", "dense", "half_dense", "truncated_fp16"}:
            rows.setdefault(words[0], []).extend(word for word in words[1:] if "=" not in word)
    return rows


def test_cost_shows_the_papers_count_and_the_real_lengths_of_every_scheme(done, q):
    out = done("codec", "cost", "law.npy")
    rows = rows_of(out)
    assert set(rows) == {"k_sqs", "c_sqs", "dense", "half_dense", "truncated_fp16"}
    ids = TopK(8).support(q)
    counts = quantize(q[ids], 100)
    kept, coded, dropped, _, paper, enumerative, recoded, packet = rows["k_sqs"]
    assert (kept, int(coded)) == ("8", np.count_nonzero(counts))
    assert float(dropped) == pytest.approx(1 - q[ids].sum(), abs=1e-4)
    assert float(paper) == pytest.approx(paper_bits(V, 8, 100), abs=0.05)
    bare = wire.Format(V, 100, 1, code="enumerative", support="fixed", support_size=8, token="unsent")
    assert int(enumerative) == wire.length_bits([wire.Draft(wire.UNSENT, ids, counts)], bare)
    assert 0 < int(recoded) <= int(enumerative) + 2 + 7, "without a prior: the mode, and K_n, which k_sqs need not say"
    assert int(packet) % 8 == 0
    assert int(rows["half_dense"][-1].replace(",", "")) == 8 * (2 + 2 * V)


@pytest.mark.parametrize("scheme", ["{kind: k_sqs, k: 5}", "c_sqs", "dense", "{kind: truncated_fp16, k: 4}"])
@pytest.mark.parametrize("code", [[], ["--code=enumerative"], ["--code=recoded", "--context=7,8"]])
def test_bytes_out_are_bytes_in(typed, done, q, tmp_path, scheme, code):
    how = [f"--scheme={scheme}", *code]
    digits = done("codec", "encode", "law.npy", "--out=packet.bin", *how)
    assert (tmp_path / "packet.bin").read_bytes() == bytes.fromhex(digits)
    table = done("codec", "decode", digits.strip(), f"--vocabulary={V}", *how)
    assert typed("codec", "decode", "packet.bin", f"--vocabulary={V}", *how)[1] == table
    first = table.splitlines()[3].split()
    assert first[1].endswith("*") and q[int(first[1][:-1])] > 0.9 * q.max()


def test_the_decoded_table_is_what_was_quantized(typed, q):
    ids = TopK(5).support(q)
    counts = dict(zip(ids.tolist(), quantize(q[ids], 100).tolist(), strict=True))
    token = next(i for i in ids.tolist() if counts[i] and i != q.argmax())
    scheme = "--scheme={kind: k_sqs, k: 5}"
    _, digits, _ = typed("codec", "encode", "law.npy", scheme, f"--token={token}")
    _, table, _ = typed("codec", "decode", digits.strip(), f"--vocabulary={V}", scheme)
    body = [line.split() for line in table.splitlines()[3:]]
    assert {int(row[1].rstrip("*")): float(row[2]) for row in body} == {i: c / 100 for i, c in counts.items() if c}
    assert [row[1] for row in body if row[1].endswith("*")] == [f"{token}*"]


@pytest.mark.parametrize(
    ("scheme", "resolution"),
    [
        ("dssd", 100),
        ("{kind: dssd, resolution: 64}", 64),
        ("ids_only_greedy", None),
        ("{kind: coupled, token: flat}", None),
    ],
)
def test_of_a_distribution_that_does_not_travel_only_what_travels_is_reported(typed, done, q, scheme, resolution):
    digits = done("codec", "encode", "law.npy", f"--scheme={scheme}")
    expected = 1.0 if resolution is None else quantize(q[TopK(8).support(q)], resolution).max() / resolution
    table = typed("codec", "decode", digits.strip(), f"--vocabulary={V}", f"--scheme={scheme}")[1]
    (row,) = table.splitlines()[3:]
    number, token, probability = row.split()
    assert number == "1" and q[int(token.removesuffix("*"))] > 0.9 * q.max()
    assert float(probability) == pytest.approx(expected, rel=1e-5)


def test_a_race_is_on_the_distribution_itself(typed, q):
    _, out, _ = typed("codec", "cost", "law.npy", "--scheme={kind: coupled, token: flat}")
    assert out.splitlines()[3].split() == ["coupled", str(V), str(V), "0.0000", "0.0000", "-", "-", "-", "16"]


def test_a_distribution_may_be_text(done, tmp_path):
    (tmp_path / "law.txt").write_text("0.5\n0.25\n0.25\n")
    out = done("codec", "cost", "law.txt", "--scheme=dense")
    assert "V = 3, entropy 1.50 bit" in out and out.splitlines()[3].split()[1:4] == ["3", "3", "0.0000"]
