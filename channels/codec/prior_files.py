"""Files of priors: they are named VOCABULARY-FINGERPRINT.prior in channels/codec/priors and in the user's own folder.

A fingerprint is the first hex digits of the file's sha256; it is what a Format holds and a file is checked against.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

BUNDLED = Path(__file__).parent / "priors"
FOLDERS = [BUNDLED]  # searched in order, and `own_folder()` after them. A user may append to it
PRIORS = "SQSIM_PRIORS"
HASH_DIGITS = 16
DEFAULTS = {1024: "f767c707678c70d8", 49_152: "f6d5b4c63fd20b43"}
"""Vocabulary -> fingerprint of the bundled prior, which formats mean that name none: a table, so that what they mean
does not depend on what lies on a disk."""


def bundled_prior(vocabulary: int) -> str:
    """The fingerprint of the bundled prior for a vocabulary, "" where there is none."""
    return DEFAULTS.get(vocabulary, "")


def own_folder() -> Path:
    """Returns the folder of the user's own priors: $SQSIM_PRIORS, by default the platform's folder for data."""
    return Path(os.environ.get(PRIORS) or platformdirs.user_data_path("sqsim") / "priors")


def folders() -> list[Path]:
    return [*FOLDERS, own_folder()]


def read_prior(fingerprint: str, vocabulary: int) -> bytes | None:
    """The content of a prior's file; None when no folder holds it whole."""
    for folder in folders():
        path = folder / f"{vocabulary}-{fingerprint}.prior"
        if path.is_file() and fingerprint_of(content := path.read_bytes()) == fingerprint:
            return content
    return None


def fingerprint_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


def store_prior(content: bytes, vocabulary: int, folder: Path = BUNDLED) -> Path:
    """Writes a prior under its name and returns the path."""
    path = folder / f"{vocabulary}-{fingerprint_of(content)}.prior"
    path.write_bytes(content)
    return path
