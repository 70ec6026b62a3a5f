"""Are the tables of a fixed set of cells the same, byte for byte, under another revision of this code?

    python tests/same_tables.py REVISION [--out DIR] [--only NAME]...

Runs all scenarios with `--quick`, and those of README and docs, in a checkout of REVISION and in this one, and compares
every table. A change of structure must leave them alone; what changes one says so. Results lie in DIR (default: a
folder that goes); those of REVISION are used again where they are there already. Exit status 1 where a table differs.
"""

import argparse
import configparser
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parents[1]
TABLES = ("cells.csv", "summary.csv", "requests.parquet", "rounds.parquet", "capacity.csv", "tried.csv")
QUICK = ["latency_vs_bandwidth", "--quick", "--set", "models.pair=sotu"]
RUNS: dict[str, list[str]] = {
    **{
        name: [name, "--quick"]
        for name in ("lossy_uplink", "traces", "batching", "capacity")
    },
    "latency_vs_bandwidth": ["latency_vs_bandwidth", "--quick"],
    "readme": QUICK,
    "readme_greedy": [*QUICK, "--set", "models.temperature=0", "--set", "uplink.loss=bernoulli"],
    "readme_k": [*QUICK, "--set", "uplink.rate.bps=2e4", "--grid", "scheme=k_sqs", "--grid", "scheme.k=2,4,8,16"],
    "readme_scheme": [
        *QUICK, "--import", "my_scheme.py", "--grid", "scheme=dense,k_sqs,c_sqs,{kind: min_p, ratio: 0.05}"
    ],
    "readme_loss": [
        *QUICK, "--set", "scheme=k_sqs", "--import", "my_loss.py", "--grid", "uplink.loss=none,{kind: oven, share: 0.3}"
    ],
}  # fmt: skip


def run(tree: Path, name: str, out: Path) -> None:
    """One of RUNS under the code of `tree`, its results in `out`. Raises CalledProcessError where it fails."""
    setup = configparser.ConfigParser()
    setup.read(tree / "setup.cfg")
    entry = re.search(r"sqsim = ([\w.]+):(\w+)", setup["options.entry_points"]["console_scripts"])
    assert entry is not None
    start = f"import sys; from {entry[1]} import {entry[2]}; sys.exit({entry[2]}(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as folder:
        pages = [page for page in (tree / "README.md", tree / "docs" / "own_parts.md") if page.is_file()]
        text = "".join(page.read_text() for page in pages)
        for file, code in re.findall(r"`(my_\w+\.py)`[^`]*```python\n(.*?)```", text, re.S):
            (Path(folder) / file).write_text(code)
        environment = {**os.environ, "PYTHONPATH": str(tree), "SQSIM_ROUNDS_GB": "0"}  # each decodes for itself
        command = [sys.executable, "-c", start, "run", *RUNS[name], "--out", str(out), "--quiet", "--overwrite"]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def digests(out: Path) -> dict[str, str]:
    """The tables in a result directory. The folder that a user's file lay in is no part of a result."""
    found = {}
    for path in (out / name for name in TABLES):
        if path.is_file():
            content = parquet_rows(path) if path.suffix == ".parquet" else path.read_bytes()
            found[path.name] = hashlib.sha256(re.sub(rb"/\S*?(?=my_\w+\.py)", b"", content)).hexdigest()
    return found


def parquet_rows(path: Path) -> bytes:
    """The columns, types and rows of a parquet file, however they are grouped in it."""
    table = pq.read_table(path).replace_schema_metadata(None).combine_chunks()
    rows = pa.BufferOutputStream()
    with pa.ipc.new_stream(rows, table.schema) as stream:
        stream.write_table(table)
    return bytes(rows.getvalue())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("revision", help="the commit to compare with")
    parser.add_argument("--out", type=Path, help="where results lie")
    parser.add_argument("--only", action="append", choices=RUNS, help="these runs only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.out or Path(temporary)).resolve()
        revision = subprocess.run(
            ["git", "rev-parse", options.revision], cwd=HERE, check=True, capture_output=True, text=True
        ).stdout.strip()
        other = Path(temporary) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", other, revision], cwd=HERE, check=True)
        try:
            different = [name for name in options.only or RUNS if not same(name, other, out, revision)]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", other], cwd=HERE, check=True)
    print("all tables are the same" if not different else f"different: {', '.join(different)}")
    return bool(different)


def same(name: str, other: Path, out: Path, revision: str) -> bool:
    """Runs one of RUNS here and there, prints a line, says whether all tables are the same."""
    there, here = out / revision / name, out / "here" / name
    if not (there / "figures").is_dir():
        run(other, name, there)
    run(HERE, name, here)
    one, two = digests(there), digests(here)
    differing = [table for table in TABLES if one.get(table) != two.get(table)]
    print(f"{name}: {', '.join(differing) + ' differ' if differing else f'{len(one)} tables the same'}", flush=True)
    return bool(one) and not differing


if __name__ == "__main__":
    sys.exit(main())
