"""Are two remembered trees the same, to the last bit and type, one node object where the other has one?"""

from dataclasses import fields, is_dataclass

import numpy as np

from channels.codec.wire import Draft
from simulator.decoding.nodes import CloudNode, EdgeNode, Tree

DRAFT = ("token", "support", "counts", "total")


def assert_same(one: Tree, other: Tree) -> None:
    """Walks both."""
    pairs: dict[int, int] = {}
    waiting: list[tuple[object, object, str]] = [(one.edge, other.edge, "edge"), (one.cloud, other.cloud, "cloud")]
    while waiting:
        mine, yours, at = waiting.pop()
        assert type(mine) is type(yours), f"{at}: {type(mine)} and {type(yours)}"
        if isinstance(mine, EdgeNode | CloudNode):
            if id(mine) in pairs:
                assert pairs[id(mine)] == id(yours), f"{at}: another node object"
                continue
            pairs[id(mine)] = id(yours)
        if isinstance(mine, np.ndarray):
            assert isinstance(yours, np.ndarray)
            assert (mine.dtype, mine.shape, mine.tobytes()) == (yours.dtype, yours.shape, yours.tobytes()), at
        elif isinstance(mine, Draft):
            waiting += [(getattr(mine, name), getattr(yours, name), f"{at}.{name}") for name in DRAFT]
        elif is_dataclass(mine):
            names = [each.name for each in fields(mine)]
            waiting += [(getattr(mine, name), getattr(yours, name), f"{at}.{name}") for name in names]
        elif isinstance(mine, tuple):
            assert isinstance(yours, tuple) and len(mine) == len(yours), f"{at}: {mine} and {yours}"
            waiting += [(*each, f"{at}[{place}]") for place, each in enumerate(zip(mine, yours, strict=True))]
        else:
            assert repr(mine) == repr(yours), f"{at}: {mine!r} and {yours!r}"
    assert len(set(pairs.values())) == len(pairs), "two node objects have become one"
