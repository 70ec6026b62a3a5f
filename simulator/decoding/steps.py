"""The steps that were taken from a node, as values, whatever their kind: remembered trees are counted, ordered,
written, merged.

A step stands in a field `then_...`: one outcome or None, or pairs of what it was taken with and its outcome, a node, a
node with what else the step gave, or (of a seal) a payload alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from simulator.decoding.nodes import CloudNode, EdgeNode, Payload, Tree, TreeNode

Node = EdgeNode | CloudNode


class TakenStep(NamedTuple):
    """Step of a tree: the field that holds it, its arguments, the node to which it leads, and its other results."""

    name: str
    key: object
    after: Node | None
    value: object


class LoopError(ValueError):
    """Steps lead back to where they began, as those of no decoding do."""


_STEPS: Final = {
    kind: [each.name for each in fields(kind) if each.name.startswith("then_")]
    for kind in (EdgeNode, TreeNode, CloudNode)
}
"""The fields of a node that hold steps."""
_TAKEN: Final[Mapping[type, Callable[[Node], tuple[Any, ...]]]] = {
    kind: attrgetter(*names) for kind, names in _STEPS.items()
}


def steps(node: Node) -> list[TakenStep]:
    """Returns all steps taken from a node."""
    found = []
    for name, taken in zip(_STEPS[type(node)], _TAKEN[type(node)](node), strict=True):
        if not taken:
            continue
        keyed = taken if isinstance(taken, tuple) and isinstance(taken[0], tuple) else ((None, taken),)
        for key, outcome in keyed:
            if isinstance(outcome, tuple):
                found.append(TakenStep(name, key, *outcome))
            elif isinstance(outcome, Payload):
                found.append(TakenStep(name, key, None, outcome))
            else:
                found.append(TakenStep(name, key, outcome, None))
    return found


def attach(node: Node, step: TakenStep) -> None:
    """Adds a step to its node, behind those of its kind. The caller sees to it that the node does not have it yet."""
    outcome = step.value if step.after is None else step.after if step.value is None else (step.after, step.value)
    before = getattr(node, step.name)
    setattr(node, step.name, outcome if step.key is None else (*before, (step.key, outcome)))


def detach_all(node: Node) -> None:
    """Drops all steps of a node."""
    for each in fields(node):
        if each.name.startswith("then_"):
            setattr(node, each.name, each.default)


def in_order(root: Node) -> list[tuple[Node, list[TakenStep]]]:
    """The nodes below and with `root`, each once and before all that it leads to. Raises LoopError where there is no
    such order."""
    taken = {id(root): steps(root)}
    ended: dict[int, Node] = {}
    path = [(root, iter(taken[id(root)]))]
    on_path = {id(root)}
    while path:
        node, left = path[-1]
        after = next((step.after for step in left if step.after is not None and id(step.after) not in ended), None)
        if after is None:
            path.pop()
            on_path.discard(id(node))
            ended[id(node)] = node
        elif id(after) in on_path:
            raise LoopError("steps lead back to where they began")
        else:
            taken[id(after)] = steps(after)
            on_path.add(id(after))
            path.append((after, iter(taken[id(after)])))
    return [(node, taken[at]) for at, node in reversed(ended.items())]


def count(tree: Tree) -> int:
    """Returns the number of steps that a tree holds. It only grows: a tree with as many steps as before has not
    changed."""
    found, waiting = 0, list[Node]([tree.edge, tree.cloud])
    seen = set(map(id, waiting))
    while waiting:
        taken = steps(waiting.pop())
        found += len(taken)
        for step in taken:
            if step.after is not None and id(step.after) not in seen:
                seen.add(id(step.after))
                waiting.append(step.after)
    return found


def merge(mine: Tree, others: Tree) -> None:
    """Adds to `mine` what another process has decoded from the same root; `others` is used up. Where both took a step,
    mine stands; where the outcomes differ, as of two machines, nothing that follows the other's is taken."""
    for root, other in ((mine.edge, others.edge), (mine.cloud, others.cloud)):
        nodes = in_order(other)
        known = _duplicates(root, other, nodes)
        for node, taken in nodes:
            after = [
                step if step.after is None else step._replace(after=known.get(id(step.after), step.after))
                for step in taken
            ]
            there = known.get(id(node))
            if there is None:
                detach_all(node)
                there, had = node, set[tuple[str, object]]()
            else:
                had = {step[:2] for step in steps(there)}
            for step in after:
                if step[:2] not in had:
                    attach(there, step)


def _duplicates(mine: Node, other: Node, nodes: Sequence[tuple[Node, list[TakenStep]]]) -> dict[int, Node]:
    """The node of mine that the same steps lead to, and that knows the same, by identity of each node below `other`."""
    found = {id(other): mine} if _alike(mine, other) else {}
    for node, taken in nodes:
        same = found.get(id(node))
        known = {} if same is None else {step[:2]: step.after for step in steps(same)}
        for step in taken:
            after = known.get(step[:2])
            if after is not None and step.after is not None and _alike(after, step.after):
                found[id(step.after)] = after
    return found


def _alike(one: Node, other: Node) -> bool:
    return type(one) is type(other) and _known_by(one) == _known_by(other)


def _known_by(node: Node) -> list[object]:
    names = [each.name for each in fields(node) if not each.name.startswith("then_")]
    drafts = [(each.draft, each.state) for each in node.drafts] if isinstance(node, EdgeNode) else []
    return [drafts, *(getattr(node, name) for name in names if name != "drafts")]
