"""Schemes whose drafts branch, for tests."""

from __future__ import annotations

from typing import Literal

from channels.codec.conformal import Rollback
from channels.codec.tree_shape import TreeShape
from simulator.schemes.families import Families
from simulator.schemes.rivals.tree import TreeScheme
from simulator.schemes.sparsifier import KeepConformal


class ConformalTree(TreeScheme):
    """C-SQS whose drafts branch: its threshold moves along each path."""

    kind: Literal["conformal_tree_in_tests"] = "conformal_tree_in_tests"
    widths: tuple[int, ...]
    target: float
    step: float
    initial: float
    rollback: Rollback = "through_rejection"

    @property
    def shape(self) -> TreeShape:
        return TreeShape.full(self.widths)

    def made_of(self) -> Families:
        rule = self.model_dump(include={"target", "step", "initial", "rollback"})
        return self.keeping(KeepConformal.model_validate(rule))
