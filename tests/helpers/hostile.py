"""Hostile bytes and a decoder: it refuses them, or takes them and what it has found holds.

A decoder that refuses everything would pass a test of that alone. So a property of any bytes has an example that is
taken, and `some_are_taken`; one that damages packets decodes the packets too.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from channels.codec.wire import CodecError

Found = TypeVar("Found")
Given = ParamSpec("Given")
_TAKEN: list[bool] = []
"""Whether each byte string of the test that runs was taken."""


def refused_or_holds(
    content: bytes,
    decode: Callable[[bytes], Found],
    holds: Callable[[Found], None],
    *,
    beside: bytes | None = None,
    refusal: type[Exception] = CodecError,
) -> bool:
    """Whether hostile bytes are taken; `holds` then asserts what it must of that. `beside`: what was sent, which is
    nothing hostile."""
    try:
        found = decode(content)
    except refusal:
        _TAKEN.append(False)
    else:
        holds(found)
        _TAKEN.append(content != beside)
    return _TAKEN[-1]


def refused_or_itself(
    content: bytes,
    decode: Callable[..., Found],
    encode: Callable[..., bytes],
    *setting: object,
    beside: bytes | None = None,
    refusal: type[Exception] = CodecError,
) -> bool:
    """Whether hostile bytes are taken, which then encode to themselves. `setting`: what both ways take besides."""

    def itself(found: Found) -> None:
        assert encode(found, *setting) == content

    return refused_or_holds(content, lambda given: decode(given, *setting), itself, beside=beside, refusal=refusal)


def some_are_taken(test: Callable[Given, None]) -> Callable[Given, None]:
    """The test, which fails too where none of its hostile bytes was taken, or all were."""

    @wraps(test)
    def counted(*args: Given.args, **kwargs: Given.kwargs) -> None:
        _TAKEN.clear()
        test(*args, **kwargs)
        assert any(_TAKEN), f"none of {len(_TAKEN)} was taken"
        assert not all(_TAKEN), f"all {len(_TAKEN)} were taken"

    return counted
