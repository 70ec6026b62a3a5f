"""A prior's file: what it holds comes back, and whatever else is refused before compiled code indexes by it."""

import io
import lzma
from functools import cache

import codec_prior
import numpy as np
import pytest
from hostile import refused_or_holds
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec import prior_files
from channels.codec.coder.arithmetic import MEASURE, machine
from channels.codec.context_coded import prior_tables
from channels.codec.context_coded.context_model import HIDDEN, LARGEST_LEVEL, LARGEST_WEIGHT, READ, WIDTH
from channels.codec.context_coded.network import HEADS, INPUTS, LARGEST_WEIGHTS, UNITS
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.draft import CodecError, Format

V = 12


def small():
    """A prior of twelve tokens, two of them with rows."""
    rng = np.random.default_rng(5)
    shapes = (READ, HIDDEN), (HIDDEN,), (HIDDEN, WIDTH), (WIDTH,), (INPUTS, UNITS), (UNITS,), (HEADS, UNITS), (HEADS,)
    return prior_tables.StoredPrior(
        rng.integers(0, prior_tables.LARGEST_OCTAVES + 1, V).astype(np.uint8),
        np.array([0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0], np.uint16),
        np.array([0, 5, 11, 1, 2, 3, 10], np.int32),
        np.array([8, 16, 40, 9, 20, 30, 239], np.uint8),
        rng.integers(-LARGEST_LEVEL, LARGEST_LEVEL + 1, (V, WIDTH)).astype(np.int8),
        *(rng.integers(-99, 100, shape).astype(np.int32) for shape in shapes),
    )


@cache
def packed():
    """The file of the small prior: to pack it takes longer than all that is asked of it."""
    return prior_tables.pack(small())


def raw(**changed):
    """The npz of the small prior, parts changed or, where None, left out."""
    with np.load(io.BytesIO(lzma.decompress(packed()))) as file:
        parts = {**dict(file), **changed}
    content = io.BytesIO()
    np.savez(content, **{name: part for name, part in parts.items() if part is not None})
    return content.getvalue()


def planes(ids_gaps):
    return np.array(ids_gaps, "<u4").view(np.uint8).reshape(-1, 4).T[:3].copy()


def assert_valid(stored):
    """All that the compiled code takes for granted, and a draft coded after every token."""
    tables = prior_tables.tables(stored)
    V = stored.unigram.size
    assert tables.starts[0] == 0
    assert tables.starts[-1] == tables.row_ids.size == tables.row_weights.size
    assert (np.diff(tables.starts) >= 0).all()
    assert tables.unigram.min() >= 1
    for begin, end in zip(tables.starts[:-1], tables.starts[1:], strict=True):
        row = tables.row_ids[begin:end]
        assert np.unique(row).size == row.size
        assert (np.diff(tables.row_weights[begin:end]) <= 0).all()
        assert ((row >= 0) & (row < V)).all()
    for part, shape, most in zip(
        tables.network, ((INPUTS, UNITS), (UNITS,), (HEADS, UNITS), (HEADS,)), LARGEST_WEIGHTS, strict=True
    ):
        assert part.shape == shape
        assert part.dtype == np.int32
        assert abs(part.astype(np.int64)).max() <= most
    assert tables.model.vectors.shape == (V, WIDTH)
    assert abs(tables.model.vectors).max() <= LARGEST_LEVEL
    assert all(part.dtype == np.int32 for part in tables.model[1:])
    setting = WalkSetting(tables, 9, V)
    for token in range(V):
        arrays = np.array([0, V - 1]), np.array([4, 5])
        code_draft(
            machine(MEASURE), np.empty(0, np.uint8), setting, np.array([token]), *[np.empty(0, int)] * 2, *arrays
        )


def test_round_trip():
    stored = small()
    again = prior_tables.unpack(prior_tables.pack(stored))
    assert all((one == other).all() for one, other in zip(stored, again, strict=True))
    assert_valid(again)


def test_the_shipped_and_the_built_priors_are_valid():
    content = prior_files.read_prior(codec_prior.fingerprint(), codec_prior.VOCABULARY)
    assert prior_tables.unpack(content).row_ids.size > 100
    assert_valid(prior_tables.unpack(prior_files.read_prior(prior_files.bundled_prior(1024), 1024)))


def test_the_table_of_bundled_priors_is_what_the_folder_holds():
    names = {f"{vocabulary}-{fingerprint}.prior" for vocabulary, fingerprint in prior_files.DEFAULTS.items()}
    assert names == {path.name for path in prior_files.BUNDLED.iterdir()}
    for vocabulary, fingerprint in prior_files.DEFAULTS.items():
        assert prior_files.read_prior(fingerprint, vocabulary)
        assert Format(vocabulary, 8, 2).prior == fingerprint


def test_what_a_format_means_does_not_depend_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "50-0123456789abcdef.prior").write_bytes(b"")
    monkeypatch.setattr(prior_files, "BUNDLED", tmp_path)
    assert Format(50, 8, 2).prior == ""
    assert Format(1024, 8, 2).prior == prior_files.DEFAULTS[1024]


BROKEN = {
    "no row weights": {"row_weights": None},
    "a byte of 255 in the unigram": {"unigram": np.full(V, 255, np.uint8)},
    "a byte that rounds to nothing in a row": {"row_weights": np.full(7, 240, np.uint8)},
    "one token": {"unigram": np.zeros(1, np.uint8), "lengths": np.array([7], np.uint16)},
    "a square unigram": {"unigram": np.zeros((3, 4), np.uint8)},
    "unigram of another type": {"unigram": np.zeros(V, np.int8)},
    "fewer lengths than tokens": {"lengths": np.array([7], np.uint16)},
    "lengths beyond the rows": {"lengths": np.full(V, 7, np.uint16)},
    "lengths short of the rows": {"lengths": np.zeros(V, np.uint16)},
    "fewer ids than weights": {"row_ids": planes([0, 5, 6])},
    "two planes": {"row_ids": planes([0, 5, 6, 1, 1, 1, 7])[:2]},
    "an id outside": {"row_ids": planes([0, 5, 7, 1, 1, 1, 7])},
    "an id twice in a row": {"row_ids": planes([0, 5, 6, 1, 0, 1, 7])},
    "a vector too narrow": {"vectors": np.zeros((V, WIDTH - 1), np.int8)},
    "a vector beyond its levels": {"vectors": np.full((V, WIDTH), LARGEST_LEVEL + 1, np.int8)},
    "a context's weight beyond its room": {"hidden": np.full((READ, HIDDEN), LARGEST_WEIGHT + 1, np.int32)},
    "a head too few": {"second": np.zeros((HEADS - 1, UNITS), np.int32)},
    "an input too many": {"first": np.zeros((INPUTS + 1, UNITS), np.int32)},
    "other byte order": {"first": np.zeros((INPUTS, UNITS), ">i4")},
    "floats": {"second_bias": np.zeros(HEADS)},
    "a weight beyond the products' room": {"first": np.full((INPUTS, UNITS), 1 << 15, np.int32)},
    "the least int32": {"second_bias": np.full(HEADS, -(1 << 31), np.int32)},
    "objects": {"first_bias": np.array([None] * UNITS)},
}


@pytest.mark.parametrize("changed", BROKEN.values(), ids=BROKEN)
def test_a_part_that_compiled_code_could_not_index_by_is_refused(changed):
    with pytest.raises(CodecError, match="prior: "):
        prior_tables.unpack(lzma.compress(raw(**changed), preset=0))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" + packed(),
        packed()[:-20],
        lzma.compress(b""),
        lzma.compress(b"PK\x03\x04 and no more"),
        lzma.compress(raw()[:-30]),
        lzma.compress(raw()[:200] + b"?" + raw()[201:]),
        lzma.compress(b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }" + b" " * 61),
    ],
)
def test_bytes_that_are_no_file_are_refused(content):
    with pytest.raises(CodecError, match="prior: not a prior's file"):
        prior_tables.unpack(content)


@settings(max_examples=settings.default.max_examples // 6)  # each packs and reads whole tables
@given(st.data())
def test_random_damage_leaves_valid_tables_or_is_refused(data):
    """Damage to the file, to the archive inside, and to what its parts hold, which no checksum shows."""
    where = data.draw(st.sampled_from(["file", "archive", "parts"]))
    if where == "parts":
        with np.load(io.BytesIO(raw())) as file:
            parts = dict(file)
        name = data.draw(st.sampled_from(sorted(parts)))
        content = bytearray(parts[name].tobytes())
        flip(content, data)
        changed = np.frombuffer(bytes(content), parts[name].dtype).reshape(parts[name].shape)
        content = lzma.compress(raw(**{name: changed}), preset=0)
    elif where == "archive":
        content = bytearray(raw())
        flip(content, data)
        content = lzma.compress(bytes(content), preset=0)
    else:
        content = bytearray(lzma.compress(raw(), preset=0))
        flip(content, data)
    refused_or_holds(bytes(content), prior_tables.unpack, assert_valid)


def flip(content, data):
    """Flips some bits."""
    for place in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=4)):
        content[place // 8] ^= 1 << place % 8
