"""What `make bench` reports: ratios beside what is promised of them, and the machine they were measured on."""

import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

LIBRARIES = ("torch", "transformers", "numpy", "numba", "scipy", "pandas", "pyarrow", "simpy")
HEADER = ("ratio", "measured", "promised", "met", "of what")


@dataclass(frozen=True)
class Ratio:
    """One measured ratio. Without `at_most` and `at_least` nothing is promised of it: it is reported."""

    name: str
    value: float
    at_most: float | None
    at_least: float | None
    meaning: str
    bench: str

    @property
    def promised(self) -> str:
        bounds = (("<=", self.at_most), (">=", self.at_least))
        return " ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    @property
    def met(self) -> bool | None:
        """None where nothing is promised. A value that is no number meets nothing."""
        if not self.promised:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )


@dataclass(frozen=True)
class Curve:
    """CPU seconds against a size, the least first."""

    name: str
    of_what: str
    """What a size counts."""
    sizes: tuple[int, ...]
    cpu_s: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """The b of cpu_s = a size^b through the ends: 1 is linear, less is better."""
        return math.log(self.cpu_s[-1] / self.cpu_s[0]) / math.log(self.sizes[-1] / self.sizes[0])


@dataclass(frozen=True)
class NotMeasured:
    """A bench that was skipped or failed, and why, in one line."""

    bench: str
    reason: str


def table(ratios: Sequence[Ratio], missing: Sequence[NotMeasured]) -> str:
    """One aligned line a ratio, then those that were not measured."""
    shown = {None: "", True: "yes", False: "NO"}
    rows = [HEADER, *((one.name, f"{one.value:.3g}", one.promised, shown[one.met], one.meaning) for one in ratios)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"not measured: {one.bench}: {one.reason}" for one in missing)])


def curve_lines(curves: Sequence[Curve]) -> list[str]:
    """One line a curve."""
    pairs = {one: zip(one.sizes, one.cpu_s, strict=True) for one in curves}
    points = {one: ", ".join(f"{size:,}: {cpu_s:.3g}" for size, cpu_s in of_one) for one, of_one in pairs.items()}
    return [f"CPU seconds by {one.of_what} ({one.name}; size^{one.exponent:.2f}): {points[one]}" for one in curves]


def missed(ratios: Sequence[Ratio]) -> list[str]:
    """One line for each promise that is not kept."""
    return [f"not kept: {one.name} is {one.value:.3g}, promised {one.promised}" for one in ratios if one.met is False]


def machine() -> dict[str, str | int | float | None]:
    """Where and with what it was measured; None where this system does not say."""
    return {
        "cpu": _after("/proc/cpuinfo", "model name") or platform.processor() or None,
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
        "sqsim": metadata.version("sqsim"),
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _memory_gib() -> float | None:
    kib = _after("/proc/meminfo", "MemTotal")
    return round(int(kib.split()[0]) / 2**20, 1) if kib else None


def _after(path: str, name: str) -> str:
    """What stands behind `name:` in a file of /proc; nothing where there is no such line or file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _commit() -> str | None:
    """The commit of this checkout, with + where tracked files differ from it; None outside one."""
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True).returncode
    return head.stdout.strip() + "+" * bool(changed)
