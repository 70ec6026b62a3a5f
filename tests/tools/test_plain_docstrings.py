from pathlib import Path

import pytest

from tools.plain_docstrings import openings


@pytest.mark.parametrize(
    ("sentence", "hides"),
    [
        ("Returns the number of bits.", False),
        ("True if the link is idle.", False),
        ("Largest number of drafts in a round.", False),
        ("Which scheme is fastest?", False),
        ("Whether the link is idle.", True),
        ("Of a round.", True),
        ("It waits.", True),
    ],
)
def test_an_opening_that_hides_its_subject_is_found(tmp_path: Path, sentence: str, hides: bool) -> None:
    file = tmp_path / "part.py"
    file.write_text(f'def part() -> None:\n    """{sentence}"""\n')
    [opening] = openings(file)
    assert opening.hides_its_subject == hides


def test_modules_classes_fields_and_constants_are_read_and_other_strings_are_not(tmp_path: Path) -> None:
    file = tmp_path / "part.py"
    lines = [
        '"""Module."""',
        "class Part:",
        '    """Class."""',
        "    size: int",
        '    """Field."""',
        'TEXT = "text"',
        '"""Constant."""',
        '"loose"',
    ]
    file.write_text("\n".join(lines))
    assert [opening.word for opening in openings(file)] == ["module", "constant", "class", "field"]
