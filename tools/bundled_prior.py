"""Builds a bundled prior from drafters' distributions over training text (`tools.drafter_distributions`).

    python -m tools.bundled_prior LAWS.npz --vocabulary V

The file holds `texts` int32 [N, T], after each token the M likeliest next tokens, `top` int32 [N, T, M], with their
`probabilities` float [N, T, M], and where each token's vector starts, `embedding` float [V, WIDTH]. Readings of one
text by two drafters stand side by side.
"""

from __future__ import annotations

import argparse
import io
import lzma
from pathlib import Path

import numpy as np

from channels.codec.context_coded.prior_tables import StoredPrior, pack, row_ids
from channels.codec.prior_files import BUNDLED, store_prior
from tools.build_prior import Size, TextDistributions, build, rows_alone


def read_distributions(path: Path) -> TextDistributions:
    with np.load(path) as file:
        return TextDistributions(file["texts"], file["top"], file["probabilities"], file["embedding"])


def rows_of(path: Path) -> StoredPrior:
    """The unigram and rows of a prior's file, whichever version of the wire format it is for; all else is zeros."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as file:
        ids = row_ids(file["row_ids"], file["lengths"], file["unigram"].size)
        return rows_alone(file["unigram"], file["lengths"], ids, file["row_weights"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bundled_prior", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("distributions", type=Path, help="the distributions, .npz")
    parser.add_argument("--vocabulary", type=int, required=True, help="V, the number of token ids")
    parser.add_argument("--folder", type=Path, default=BUNDLED, help="where to write the prior")
    parser.add_argument("--entries", type=int, default=Size.entries, help="most row entries (2.6 bytes each on disk)")
    parser.add_argument("--batches", type=int, default=Size.batches, help="batches of the context model's fit")
    parser.add_argument("--positions", type=int, default=Size.positions, help="drafts the network is fitted on")
    parser.add_argument("--steps", type=int, default=Size.steps, help="steps of the network's fit")
    parser.add_argument("--start", type=Path, help="a prior whose unigram and rows to go on from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    distributions = read_distributions(arguments.distributions)
    if len(distributions.embedding) != arguments.vocabulary:
        parser.error(
            f"--vocabulary {arguments.vocabulary}: the distributions are over {len(distributions.embedding)} tokens"
        )
    size = Size(arguments.entries, arguments.batches, arguments.positions, arguments.steps)
    start = rows_of(arguments.start) if arguments.start else None
    stored = build(distributions, size, arguments.seed, start)
    path = store_prior(pack(stored), arguments.vocabulary, arguments.folder)
    print(f"{path}: {path.stat().st_size} bytes, {stored.row_ids.size} entries")
    print("Formats find it by default once `prior_files` names it in DEFAULTS")


if __name__ == "__main__":
    main()
