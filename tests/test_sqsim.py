"""The public face: every name is there, and importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import sqsim
from simulator import Cell, simulate, sweep


def test_the_public_names_are_those_of_the_rooms() -> None:
    assert (sqsim.Cell, sqsim.simulate, sqsim.sweep) == (Cell, simulate, sweep)
    assert all(getattr(sqsim, name) is not None for name in sqsim.__all__)
    assert sqsim.__version__


def test_importing_it_brings_no_library_along() -> None:
    code = (
        "import sys, sqsim; sys.exit(40 + sum(name in sys.modules for name in ('torch', 'pandas', 'numba', 'simpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 40
