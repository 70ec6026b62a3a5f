"""Certificates of machines of a real run, by the command that the page documents."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from simulator.testbed.remote.secure_frames import Identity


def made_certificates(folder: Path, *names: str) -> None:
    """NAME.pem with key and certificate, and NAME.crt, of each. Skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for name in names:
        key = folder / f"{name}.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "365", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(key)]  # fmt: skip
        subprocess.run(made, check=True, capture_output=True)
        shown = ["openssl", "x509", "-in", str(key), "-out", str(folder / f"{name}.crt")]
        subprocess.run(shown, check=True, capture_output=True)


def identity(folder: Path, own: str, peer: str) -> Identity:
    """A machine's files."""
    return Identity(folder / f"{own}.pem", folder / f"{peer}.crt")
