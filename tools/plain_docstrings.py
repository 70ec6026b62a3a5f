"""Counts docstrings whose first word hides the subject ("What ...", "Of ...", "It ...").

A docstring begins with a verb in the third person ("Returns ...", "True if ...") or with a noun that names the thing,
so that it can be understood with the file closed; the docstring of a question to a result table is that question. The
check fails when more than LARGEST_SHARE of all openings do not.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LARGEST_SHARE = 0.01
ROOMS = ("sqsim", "kinds", "channels", "models", "simulator", "scenarios", "plots", "tools")

QUESTIONS = {"what", "whether", "how", "where", "who", "whose", "which", "why", "when"}
PREPOSITIONS = {
    "after", "as", "at", "before", "beside", "between", "beyond", "by", "for", "from", "if", "in", "of", "on", "over",
    "per", "since", "to", "under", "until", "with", "without",
}  # fmt: skip
PRONOUNS = {
    "all", "both", "each", "he", "here", "it", "its", "nobody", "none", "nothing", "one", "she", "so", "that", "their",
    "them", "there", "these", "they", "this", "those",
}  # fmt: skip
HIDING = QUESTIONS | PREPOSITIONS | PRONOUNS


class Opening(NamedTuple):
    file: Path
    line: int
    word: str
    """First word of the docstring, in lower case."""
    sentence: str
    """First line of the docstring."""
    is_question: bool
    """True if the first sentence ends with a question mark."""

    @property
    def hides_its_subject(self) -> bool:
        """True if the first word is a question word, a preposition or a pronoun, and the sentence is no question."""
        return self.word in HIDING and not self.is_question


def openings(file: Path) -> Iterator[Opening]:
    """Yields the opening of every docstring in a file: of modules, classes, functions, fields and constants."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            fields = isinstance(node, ast.ClassDef | ast.Module)
            before = [None, *node.body[:-1]]
            for former, statement in zip(before, node.body, strict=True):
                if former is None or (fields and isinstance(former, ast.AnnAssign | ast.Assign)):
                    yield from _opening(file, statement)


def _opening(file: Path, statement: ast.stmt) -> Iterator[Opening]:
    """Yields the opening of a statement that is a string, nothing otherwise."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        text = statement.value.value
        if isinstance(text, str) and (word := re.search(r"[A-Za-z']+", text)):
            question = re.match(r"[^.?]*\?", text) is not None
            yield Opening(file, statement.lineno, word[0].lower(), text.strip().split("\n")[0], question)


def main() -> int:
    """Prints the openings that hide their subject, then their share. Returns 1 if the share is above LARGEST_SHARE."""
    rooms = [Path(room) for room in sys.argv[1:] or ROOMS]
    files = [file for room in rooms for file in ([room] if room.suffix else sorted(room.rglob("*.py")))]
    every = [opening for file in files for opening in openings(file)]
    hiding = [opening for opening in every if opening.hides_its_subject]
    for opening in hiding:
        print(f"{opening.file}:{opening.line}: {opening.sentence}")
    share = len(hiding) / max(len(every), 1)
    print(f"{len(hiding)} of {len(every)} docstrings ({share:.1%}) hide their subject; at most {LARGEST_SHARE:.0%}")
    return int(share > LARGEST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
