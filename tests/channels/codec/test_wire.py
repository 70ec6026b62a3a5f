"""Drafts and formats: golden bytes, what is refused by name, and the bound on a packet; its round trip is in
`test_byte_formats`."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from channels.codec.quantizers import quantizer
from channels.codec.wire import UNSENT, CodecError, Draft, Format, bound_bits, decode, encode, length_bits


def ids(*values):
    return np.array(values, dtype=np.int64)


GOLDEN = {
    Format(50257, 100, 8, code="enumerative", token="flat"): "20f5c28f5c29c3862e316029323a2388ff20",
    Format(50257, 100, 8, support="fixed", support_size=8, code="enumerative", token="flat"): (
        "2000000000000000000098583ba9a6c8689517d599daa8315b00000000000000000000000000000120"
    ),
    Format(64, 8, 8, support="dense", code="enumerative", token="flat"): "3d2dd9f11f6c6691655000",
    Format(1024, 100, 8, token="unsent", code="enumerative"): "20f5c2d7e428e8de089c",
}


@pytest.mark.parametrize(("format", "golden"), GOLDEN.items())
def test_bytes_on_the_wire_do_not_change(format, golden):
    ell, token = format.resolution, format.token == "unsent"
    drafts = (
        Draft(UNSENT if token else 10, ids(3, 10, 50, 63), ids(1, ell // 2, ell // 4, ell - 1 - ell // 2 - ell // 4)),
        Draft(UNSENT if token else 7, ids(7), ids(ell)),
    )
    assert encode(drafts, format).hex() == golden
    assert decode(bytes.fromhex(golden), format) == drafts


FORMAT = {"vocabulary": 10, "resolution": 6, "max_drafts": 2, "code": "enumerative", "token": "flat"}
GOOD = Draft(1, ids(1, 2), ids(3, 3))
REFUSED = [
    *(
        (message, Draft, (1, support, counts))
        for message, support, counts in (
            ("must be two vectors", ids(1, 2), ids(3)),
            ("must be ascending", ids(2, 1), ids(3, 3)),
            ("must be ascending", ids(1, 1), ids(3, 3)),
            ("must be ascending", ids(-1, 1), ids(3, 3)),
            ("is negative", ids(1, 2), ids(3, -3)),
            ("none is positive", ids(1, 2), ids(0, 0)),
            ("has no positive count", ids(1, 2), ids(0, 3)),
            ("none is positive", ids(), ids()),
            ("must be integers", np.array([1.0, 2.0]), ids(3, 3)),
            *(
                ("must be at most 4294967296", np.arange(len(counts)), ids(*counts))
                for counts in ([2**62] * 4 + [10], [2**63 - 1, 2**63 - 1, 12], [2**32 - 1, 2])
            ),
        )
    ),
    *(
        (message, call, (drafts, Format(**FORMAT | fields)))
        for call in (encode, length_bits)
        for message, drafts, fields in (
            ("0 drafts", [], {}),
            ("3 drafts", [GOOD] * 3, {}),
            ("11 is not below the vocabulary", [Draft(11, ids(1, 11), ids(3, 3))], {}),
            ("must be the resolution", [Draft(1, ids(1, 2), ids(3, 4))], {}),
            ("token -1", [Draft(UNSENT, ids(1), ids(6))], {}),
            ("token 1", [GOOD], {"token": "unsent"}),
            ("a fixed support holds 1", [GOOD], {"support": "fixed", "support_size": 1}),
        )
    ),
    *(
        (message, lambda fields=fields: Format(**FORMAT | fields), ())
        for message, fields in (
            ("vocabulary = 1", {"vocabulary": 1}),
            ("resolution = 0", {"resolution": 0}),
            ("max_drafts = 0", {"max_drafts": 0}),
            ("code = 'huffman'", {"code": "huffman"}),
            ("support_size = None", {"support": "fixed"}),
            ("support_size = 3", {"support_size": 3}),
            ("support_size = 11", {"support": "fixed", "support_size": 11}),
            ("token = 'loud'", {"token": "loud"}),
            ("version = 0", {"version": 0}),
        )
    ),
]


@pytest.mark.parametrize(("message", "call", "values"), REFUSED)
def test_drafts_and_formats_that_make_no_sense_are_refused_by_name(message, call, values):
    with pytest.raises(CodecError, match=message):
        call(*values)


def test_a_format_of_another_process_finds_its_equal_here():
    code = (
        "import pickle, sys; from channels.codec.wire import Format;"
        "sys.stdout.buffer.write(pickle.dumps(Format(50, 10, 6, token='flat')))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    pickled = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, check=True)
    assert pickle.loads(pickled.stdout) in {Format(50, 10, 6, token="flat")}


def test_draft_compares_by_value_drops_zeros_and_stays_as_it_is():
    counts = ids(3, 0, 3)
    draft = Draft(5, ids(1, 3, 5), counts)
    assert draft == Draft(5, ids(1, 5), ids(3, 3)) != Draft(1, ids(1, 5), ids(3, 3))
    assert hash(draft) == hash(Draft(5, ids(1, 5), ids(3, 3)))
    assert pickle.loads(pickle.dumps(draft)) == draft
    counts[0] = 9
    assert draft.counts.tolist() == [3, 3]
    with pytest.raises(ValueError, match="read-only"):
        draft.counts[0] = 1
    with pytest.raises(AttributeError):
        draft.token = 1


@pytest.mark.parametrize("name", ["lattice", "dual", "cubic", "logarithmic"])
def test_bound_holds_for_the_dearest_codewords_and_tokens_of_each_quantizer_and_is_near_them(name):
    format = Format(50_257, 1000, 8, code="enumerative", quantizer=name)
    rng = np.random.default_rng(1)
    for size in (1, 2, 3, 30):
        sent = []
        for share in (0.0, 1e-5, 0.4, 1.0):  # all the mass on one token, and all alike
            distribution = np.full(size, 1 / size) * share
            distribution[0] += 1 - share + 1e-3
            counts = quantizer(name, 1000).quantize(distribution)
            support = np.sort(rng.choice(50_257, size, replace=False))
            sent.append(Draft(int(support[np.where(counts, counts, 1 << 40).argmin()]), support, counts))
        sizes = [draft.support.size for draft in sent]
        length = length_bits(sent, format)
        assert length <= bound_bits(sizes, format) <= 1.05 * length + 20 * (len(sent) + 1)
