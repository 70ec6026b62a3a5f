"""`sqsim check FILE.py`: what can be shown of the schemes, and of the parts of schemes, that a user's file registers, a
line for each thing (`simulator.checking.checks`). Exit status 1 where something failed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from kinds import ConfigError
from simulator.checking.checks import check


class CheckFailedError(ConfigError):
    """Something that was looked at does not hold."""

    status = 1


def run(options: argparse.Namespace) -> Iterator[str]:
    """Yields the results, a line each as it comes, under a line for each class. Raises CheckFailedError at the end if a
    check failed, and ConfigError if the file is missing or registers no class."""
    last, failed, count = "", 0, 0
    for line in check(options.file):
        if line.subject != last:
            yield line.subject
            last = line.subject
        yield f"  {line.check:<22}  {line.outcome:<9}  {line.text}"
        failed += line.outcome == "FAILED"
        count += 1
    if failed:
        raise CheckFailedError(f"{failed} of {count} checks failed")
