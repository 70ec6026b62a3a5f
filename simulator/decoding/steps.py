"""The steps that were taken from a node, as values: what a walk over a remembered tree goes by.

Nodes know their steps as fields, one or two for each kind; here they are one list, so that trees can be counted, put
in order, written down and joined without a word about each kind.
"""

from __future__ import annotations

from dataclasses import fields
from enum import IntEnum
from typing import NamedTuple

from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Full, Parts, Payload, Tokens, Tree, Verified

Node = EdgeNode | CloudNode
Key = int | bytes | Parts | None
Value = Drafted | Full | Payload | Tokens | Verified | None


class Kind(IntEnum):
    """Of steps: the field `then_...` that they hang in."""

    DRAFT = 0
    STOP = 1
    RUNG = 2
    COMPOSE = 3
    SEAL = 4
    RESOLVE = 5
    DECODE = 6
    SUCCEED = 7
    PREFILL = 8
    VERIFY = 9
    ASK = 10
    HOST = 11


class Step(NamedTuple):
    """One step: of which kind, what it was taken with, the node it leads to (a seal: none), and what else it gave."""

    kind: Kind
    key: Key
    after: Node | None
    value: Value


class LoopError(ValueError):
    """Steps that lead back to where they began: no decoding does."""


def steps(node: Node) -> list[Step]:
    """All steps taken from a node."""
    return _edge_steps(node) if isinstance(node, EdgeNode) else _cloud_steps(node)


def hang(node: Node, step: Step) -> None:
    """Hangs a step on its node, behind those of its kind. The caller sees to it that the node does not have it yet."""
    if isinstance(node, EdgeNode):
        _hang_edge(node, *step)
    else:
        _hang_cloud(node, *step)


def forget(node: Node) -> None:
    """Drops all steps of a node."""
    for each in fields(node):
        if each.name.startswith("then_"):
            setattr(node, each.name, each.default)


def in_order(root: Node) -> list[tuple[Node, list[Step]]]:
    """The nodes below and with `root`, each with its steps and before all that it leads to; one node object comes once.

    Raises LoopError where there is no such order.
    """
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
    """How many steps a tree holds. They only ever become more: a tree of as many steps as before has not grown."""
    return sum(_count(root) for root in (tree.edge, tree.cloud))


def unite(mine: Tree, others: Tree) -> None:
    """Hangs on `mine` what another process has decoded from the same root; `others` is used up.

    Where both took a step, mine stands, and what follows it is joined in turn; if the two differ in it, as only those
    of two machines can, nothing of the other's that follows is taken.
    """
    for root, other in ((mine.edge, others.edge), (mine.cloud, others.cloud)):
        _unite(root, other)


def _unite(mine: Node, other: Node) -> None:
    nodes = in_order(other)
    twins: dict[int, Node] = {id(other): mine} if _alike(mine, other) else {}
    known: dict[int, dict[tuple[Kind, Key], Step]] = {}
    for node, taken in nodes:
        twin = twins.get(id(node))
        if twin is not None:
            known[id(node)] = {step[:2]: step for step in steps(twin)}
            for step in taken:
                mine_after, after = getattr(known[id(node)].get(step[:2]), "after", None), step.after
                if mine_after is not None and after is not None and _alike(mine_after, after):
                    twins[id(after)] = mine_after
    for node, taken in nodes:
        twin = twins.get(id(node))
        if twin is None:
            _relink(node, taken, twins)
            continue
        for step in taken:
            if step[:2] not in known[id(node)]:
                hang(twin, _led_to(step, twins))


def _relink(node: Node, taken: list[Step], twins: dict[int, Node]) -> None:
    """Has the steps of a node that is new lead to nodes that were there."""
    for step in taken:
        if step.after is not None and id(step.after) in twins:
            forget(node)
            for each in taken:
                hang(node, _led_to(each, twins))
            return


def _led_to(step: Step, twins: dict[int, Node]) -> Step:
    return step if step.after is None else step._replace(after=twins.get(id(step.after), step.after))


def _alike(one: Node, other: Node) -> bool:
    """Whether two nodes know the same, but for their steps."""
    if isinstance(one, EdgeNode) and isinstance(other, EdgeNode):
        return _edge_knows(one) == _edge_knows(other)
    if isinstance(one, CloudNode) and isinstance(other, CloudNode):
        return _cloud_knows(one) == _cloud_knows(other)
    return False


def _edge_knows(node: EdgeNode) -> tuple[object, ...]:
    drafts = [(each.draft, each.state) for each in node.drafts]
    return type(node), node.round, node.committed, node.state, drafts, node.full, node.cached, node.owes


def _cloud_knows(node: CloudNode) -> tuple[object, ...]:
    return node.round, node.committed, node.cached, node.owed, node.asked


def _count(root: Node) -> int:
    seen, waiting, found = {id(root)}, [root], 0
    while waiting:
        for step in steps(waiting.pop()):
            found += 1
            if step.after is not None and id(step.after) not in seen:
                seen.add(id(step.after))
                waiting.append(step.after)
    return found


def _edge_steps(node: EdgeNode) -> list[Step]:
    found = [Step(Kind.RUNG, key, after, None) for key, after in node.then_rung]
    found += [Step(Kind.COMPOSE, drafts, after, None) for drafts, after in node.then_compose]
    found += [Step(Kind.RESOLVE, reply, after, tokens) for reply, (after, tokens) in node.then_resolve]
    if node.then_draft is not None:
        found.append(Step(Kind.DRAFT, None, *node.then_draft))
    if node.then_stop is not None:
        found.append(Step(Kind.STOP, None, node.then_stop, None))
    if node.then_seal is not None:
        found.append(Step(Kind.SEAL, None, None, node.then_seal))
    if node.then_decode is not None:
        found.append(Step(Kind.DECODE, None, *node.then_decode))
    if node.then_succeed is not None:
        found.append(Step(Kind.SUCCEED, None, node.then_succeed, None))
    return found


def _cloud_steps(node: CloudNode) -> list[Step]:
    found = [Step(Kind.VERIFY, parts, *given) for parts, given in node.then_verify]
    found += [Step(Kind.ASK, parts, after, None) for parts, after in node.then_ask]
    found += [Step(Kind.HOST, drafts, *given) for drafts, given in node.then_host]
    if node.then_prefill is not None:
        found.append(Step(Kind.PREFILL, None, node.then_prefill, None))
    return found


def _hang_edge(node: EdgeNode, kind: Kind, key: Key, after: Node | None, value: Value) -> None:
    if kind is Kind.SEAL:
        assert isinstance(value, Payload)
        node.then_seal = value
        return
    assert isinstance(after, EdgeNode)
    if kind is Kind.DRAFT:
        assert isinstance(value, Drafted | Full)
        node.then_draft = after, value
    elif kind is Kind.RESOLVE:
        assert isinstance(key, bytes) and isinstance(value, tuple)
        node.then_resolve += ((key, (after, value)),)
    elif kind is Kind.COMPOSE:
        assert isinstance(key, int)
        node.then_compose += ((key, after),)
    elif kind is Kind.RUNG:
        assert isinstance(key, int)
        node.then_rung += ((key, after),)
    elif kind is Kind.STOP:
        node.then_stop = after
    elif kind is Kind.SUCCEED:
        node.then_succeed = after
    else:
        assert kind is Kind.DECODE and isinstance(value, Verified)
        node.then_decode = after, value


def _hang_cloud(node: CloudNode, kind: Kind, key: Key, after: Node | None, value: Value) -> None:
    assert isinstance(after, CloudNode)
    if kind is Kind.VERIFY:
        assert isinstance(key, tuple) and isinstance(value, Verified)
        node.then_verify += ((key, (after, value)),)
    elif kind is Kind.PREFILL:
        node.then_prefill = after
    elif kind is Kind.HOST:
        assert isinstance(key, int) and isinstance(value, Verified)
        node.then_host += ((key, (after, value)),)
    else:
        assert kind is Kind.ASK and isinstance(key, tuple)
        node.then_ask += ((key, after),)
