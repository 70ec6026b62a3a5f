"""A study of many sites: the same bytes whoever works, in whatever order, and however often it is killed."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cells import cell
from scipy.stats import t as student

import sqsim
from kinds import ConfigError
from kinds.files import read_note
from simulator import Cell, simulate
from simulator.results.result_directory import MANIFEST, PARTITIONS
from simulator.run import COLLECTOR
from simulator.sites import partition
from simulator.sites.many_sites import partition_of, sites
from simulator.sites.partition import SiteRange, simulate_range
from simulator.sites.site_draws import Sites
from simulator.sites.site_summary import PER_TOKEN, SHARES, summarise
from simulator.sweeps.failures import CellsFailedError
from simulator.timing.device import Device

pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
VARY = {"workload.devices": {"kind": "uniform", "low": 1, "high": 3}, "uplink.rate.bps": ["20k", "100k"]}
NUMBER = 11


def base(**fields: object) -> Cell:
    requested = {"kind": "closed", "requests": 2, "prompt_tokens": 4, "output_tokens": 8}
    return cell(workload=requested, **fields)


def study(number: int = NUMBER) -> Sites:
    return Sites.of(base(), number, VARY)


def tables(out: Path) -> dict[str, bytes]:
    """Every file that results are in."""
    paths = [*out.glob(f"{PARTITIONS}/*/*.parquet"), out / "summary.csv", out / "cell.yaml"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def rows(out: Path, name: str) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(out.glob(f"{PARTITIONS}/*/{name}.parquet"))])


@pytest.fixture(scope="module")
def done(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sites") / "done"
    sites(study(), out, cluster=cluster, rounds=True)
    return out


def test_i6_partitions_are_the_same_whoever_makes_them_and_in_whatever_order(done: Path, tmp_path: Path) -> None:
    folder = tmp_path / PARTITIONS
    folder.mkdir()
    for first in reversed(range(0, NUMBER, 4)):
        simulate_range(SiteRange(study().sent(), first, min(first + 4, NUMBER), folder, rounds=True))
    made = {name: content for name, content in tables(done).items() if name.startswith(PARTITIONS)}
    assert len(made) == 9
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in folder.glob("*/*.parquet")} == made


@pytest.mark.parametrize("index", [0, 7, NUMBER - 1])
def test_i6_a_site_alone_is_itself_in_the_study_byte_for_byte(done: Path, tmp_path: Path, index: int) -> None:
    alone = simulate(study().site(index))
    for name, own in (("requests", alone.requests), ("rounds", alone.rounds)):
        found = rows(done, name)
        found = found[found.pop("site") == index].reset_index(drop=True)
        for each, path in ((own, "own"), (found, "found")):
            each.to_parquet(tmp_path / path)
        assert (tmp_path / "own").read_bytes() == (tmp_path / "found").read_bytes()
    (row,) = rows(done, "cells")[lambda table: table["site"] == index].to_dict("records")
    assert row["cell"] == study().site(index).id and row["devices"] == study().site(index).workload.devices
    assert repr({name: row[name] for name in alone.summary}) == repr(alone.summary)  # nan is not equal to itself


def test_a_study_of_more_sites_has_those_of_fewer(done: Path, tmp_path: Path, cluster: str) -> None:
    sites(study(8), tmp_path / "few", cluster=cluster, rounds=True)
    few, many = (tables(out) for out in (tmp_path / "few", done))
    assert {name: few[name] for name in few if name.startswith(PARTITIONS)}.items() <= many.items()


def test_the_summary_is_what_pandas_has_over_all_rows(done: Path) -> None:
    summary, requests, cells = pd.read_csv(done / "summary.csv"), rows(done, "requests"), rows(done, "cells")
    requests[PER_TOKEN] = requests["latency_s"] / requests["output_tokens"]
    for over, table in (("requests", requests[requests["outcome"] == "answered"]), ("sites", cells)):
        found = summary[summary["over"] == over].set_index("quantity")
        assert {"latency_s", "ttft_s", PER_TOKEN} < {*found.index}
        for name, row in found.iterrows():
            values = table[name].dropna()
            assert row["n"] == len(values)
            assert row["mean"] == pytest.approx(values.mean(), rel=1e-12, nan_ok=True)
            assert row["lowest"] == pytest.approx(values.min(), rel=1e-15, nan_ok=True)
            assert row["highest"] == pytest.approx(values.max(), rel=1e-15, nan_ok=True)
            for share in SHARES:
                exact = values.quantile(share) if len(values) else np.nan
                assert row[f"p{100 * share:g}"] == pytest.approx(exact, rel=1e-14, nan_ok=True)


def by_hand(folder: Path, values: list[np.ndarray]) -> list[Path]:
    """Partitions of which each has two sites, with these latencies."""
    found = []
    for number, latency_s in enumerate(values):
        place = folder / str(number)
        place.mkdir()
        site = 2 * number + (np.arange(len(latency_s)) % 2)
        table = {"site": site, "outcome": "answered", "output_tokens": 4, "ttft_s": -latency_s, "tpot_s": np.nan}
        pd.DataFrame({**table, "latency_s": latency_s}).to_parquet(place / "requests.parquet")
        metrics = {"site": [2 * number, 2 * number + 1], "seed": 0, "devices": 1, "answered": [0.0, -0.0]}
        pd.DataFrame(metrics).to_parquet(place / "cells.parquet")
        found.append(place)
    return found


def test_quantiles_are_exact_and_the_interval_is_over_sites(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    parts = [drawn.lognormal(0, 3, size) * drawn.choice([-1, 0, 1, 1], size) for size in (700, 3, 51)]
    parts[1][0] = np.inf
    table = summarise(by_hand(tmp_path, parts)).set_index(["over", "quantity"])
    for name, sign in (("latency_s", 1), ("ttft_s", -1)):
        exact = pd.Series(sign * np.concatenate(parts)).quantile(list(SHARES))
        assert table.loc[("requests", name), [f"p{100 * share:g}" for share in SHARES]].tolist() == exact.tolist()
    assert table.loc[("requests", "tpot_s"), "n"] == 0 and np.isnan(table.loc[("requests", "tpot_s"), "p50"])
    assert np.isnan(table.loc[("sites", "answered"), "mean_ci95"]) and table.loc[("sites", "answered"), "p50"] == 0
    parts[1][0] = 1.0
    (tmp_path / "finite").mkdir()
    row = summarise(by_hand(tmp_path / "finite", parts)).set_index(["over", "quantity"]).loc[("requests", "latency_s")]
    clusters = [part[start::2] for part in parts for start in (0, 1)]
    mean = np.concatenate(clusters).mean()
    apart = np.array([(each - mean).sum() for each in clusters])
    error = np.sqrt(6 / 5 * (apart**2).sum()) / sum(map(len, clusters))
    assert row["mean"] == pytest.approx(mean)
    assert row["mean_ci95"] == pytest.approx(student.ppf(0.975, 5) * error)


PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path\n"
    "from test_many_sites import study\n"
    "from simulator.sites.many_sites import sites\n"
    "if __name__ == '__main__':\n"
    "    sites(study(), Path(sys.argv[3]), workers=1, rounds=True, partition=1)\n"
)


def lives(group: int) -> bool:
    """Whether a process of that group is left, one that is dead and not yet buried apart."""
    found = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False)
    return any(not each.startswith("Z") for each in found.stdout.split())


@pytest.mark.slow
def test_a_study_that_was_killed_goes_on_and_leaves_no_process(tmp_path: Path, cluster: str) -> None:
    sites(study(), tmp_path / "whole", cluster=cluster, rounds=True, partition=1)
    out = tmp_path / "killed"
    places = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "helpers")]
    for least in (1, 5):
        with subprocess.Popen([sys.executable, "-c", PROGRAM, *places, str(out)], start_new_session=True) as process:
            end_s = time.monotonic() + 120
            while len([*out.glob(f"{PARTITIONS}/sites_*_???????")]) < least:
                assert time.monotonic() < end_s and process.poll() is None, "nothing happens"
                time.sleep(0.005)
            process.kill()
        end_s = time.monotonic() + 30
        while lives(process.pid):
            assert time.monotonic() < end_s, "a worker is left"
            time.sleep(0.1)
    assert not (out / "summary.csv").exists()
    kept = {path: path.stat().st_mtime_ns for path in out.glob(f"{PARTITIONS}/*/cells.parquet")}
    sites(study(), out, cluster=cluster, rounds=True, partition=1)
    assert len(kept) >= 5 and all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert tables(out) == tables(tmp_path / "whole") and not [*out.glob("**/*.unfinished")]


def test_what_is_whole_is_read_and_what_is_damaged_is_made_again(done: Path, tmp_path: Path, cluster: str) -> None:
    out, before = tmp_path / "mine", tables(done)
    subprocess.run(["cp", "-r", done, out], check=True)
    nowhere = "tcp://127.0.0.1:9"  # nobody is asked for anything
    pd.testing.assert_frame_equal(sites(study(), out, cluster=nowhere, rounds=True), pd.read_csv(out / "summary.csv"))
    (path,) = out.glob(f"{PARTITIONS}/sites_0000004_0000007/requests.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (out / "summary.csv").unlink()
    sites(study(), out, cluster=cluster, rounds=True)
    assert tables(out) == before and [*out.glob(f"{PARTITIONS}/*")] != []


def test_the_manifest_lists_every_file_and_says_what_is_assumed(done: Path) -> None:
    manifest = read_note(done / MANIFEST)
    there = {path.relative_to(done).as_posix() for path in done.glob("**/*") if path.is_file()} - {MANIFEST}
    assert {*manifest["files"]} == there and "no interference" in manifest["assumed"]
    requests, cells = rows(done, "requests"), rows(done, "cells")
    assert manifest["sites"]["sites"] == NUMBER and manifest["sites"]["devices"] == cells["devices"].sum()
    assert manifest["sites"]["requests"] == len(requests) and manifest["sites"]["rounds"] == requests["rounds"].sum()
    assert manifest["sites"]["rounds"] == len(rows(done, "rounds"))


@pytest.mark.parametrize(
    "other", [Sites.of(base(), NUMBER + 1, VARY), Sites.of(base(), NUMBER, {}), Sites.of(base(seed=1), NUMBER, VARY)]
)
def test_another_study_is_refused_unless_it_may_overwrite(done: Path, other: Sites) -> None:
    with pytest.raises(ConfigError, match=r"^out = .*: holds other results; name another directory or add"):
        sites(other, done, cluster="tcp://127.0.0.1:9", rounds=True)


def test_overwriting_removes_the_partitions_of_another_study(done: Path, tmp_path: Path, cluster: str) -> None:
    subprocess.run(["cp", "-r", done, tmp_path / "mine"], check=True)
    sites(study(3), tmp_path / "mine", cluster=cluster, overwrite=True)
    assert [path.name for path in (tmp_path / "mine" / PARTITIONS).iterdir()] == ["sites_0000000_0000002"]


def test_a_site_that_fails_takes_no_other_partition_along(tmp_path: Path, cluster: str) -> None:
    """The pair's prompts are shorter than what some sites draw, which only the loaded pair can tell."""
    given = Sites.of(base(), 6, {"workload.prompt_tokens": [4, 100]})
    failing = [i for i in range(6) if given.drawn(i)["workload.prompt_tokens"] == 100]
    assert 0 < len(failing) < 6
    line = rf"^{len(failing)} of 6 sites failed; .*site {failing[0]}: workload.prompt_tokens = 100: must be at most"
    with pytest.raises(CellsFailedError, match=line) as failed:
        sites(given, tmp_path / "out", cluster=cluster, partition=1)
    assert failed.value.status == 2
    landed = sorted(path.name for path in (tmp_path / "out" / PARTITIONS).iterdir())
    assert landed == [f"sites_{i:07d}_{i:07d}" for i in range(6) if i not in failing]


def test_without_dask_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ConfigError, match=r"^sites: need Dask, the extra: pip install 'sqsim\[cluster\]'$"):
        sites(study(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("typed", [{"workers": 0}, {"partition": 0}, {"vary": []}, {"out": 3}, {"cluster": 1}])
def test_what_the_function_cannot_take_is_refused_in_one_line(typed: dict[str, object], tmp_path: Path) -> None:
    ((name, value),) = typed.items()
    with pytest.raises(ConfigError, match=rf"^{name} = {re.escape(repr(value))}: must be [^\n]*$"):
        sqsim.sites(base(), 3, **{"out": tmp_path / "out", **typed})  # type: ignore[arg-type]


def test_partitions_are_few_whatever_the_number_of_sites() -> None:
    for number in (1, 4, 1_000, 10_000, 1_000_000):
        assert -(-number // partition_of(number)) <= 1_000
    assert partition_of(1_000) == 4 and partition_of(10_000) == 10


def test_nothing_of_a_site_is_left_once_it_has_ended(tmp_path: Path) -> None:
    """Devices, links and cloud know each other, so that nothing but the garbage collector frees them."""
    (tmp_path / PARTITIONS).mkdir()
    with COLLECTOR.seldom():  # what other tests left is not looked through
        gc.disable()
        try:
            simulate_range(SiteRange(study().sent(), 0, 4, tmp_path / PARTITIONS, rounds=False))
            assert not [each for each in gc.get_objects() if isinstance(each, Device)]
        finally:
            gc.enable()


def test_shared_texts_are_remembered_from_site_to_site_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    requested = {"kind": "closed", "requests": 2, "prompt_tokens": 4, "output_tokens": 8, "distinct": 3}
    own, shared = (cell(workload=requested | more) for more in ({}, {"distinct_seed": 1}))
    assert partition._memory(own) is not partition._memory(own)
    memory = partition._memory(shared)
    simulate(shared, memory=memory)
    assert memory.size == 2 and partition._memory(shared) is memory
    monkeypatch.setattr(partition, "MOST_TREES", 0)
    assert partition._memory(shared).size == 0
