"""The command from what is typed to tables, text and figures, and what a shell is answered at the tab key."""

import csv
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from typed_command import ONE_MODE

import plots
from channels.link.presets import PRESETS
from models.latency.datasheets import DEVICES, SIZES
from models.prompt_files import LANGUAGES
from plots.page import Page
from plots.style import write
from scenarios import blocks, ladder
from scenarios.command import cli
from scenarios.command.registry import NAMES, scenario
from scenarios.features import PLACES
from scenarios.features import WHERE as AT
from scenarios.findings import findings_file
from scenarios.findings.sentences.lowest import NOT_RUN
from scenarios.lattices import schemes as lattices
from scenarios.lossy_uplink import BOTH_LOSE, loss_processes
from scenarios.sparse_or_coded import schemes
from scenarios.validation import ALONE, FIELDS
from scenarios.who_drafts import WHERE, place
from simulator import Cell, CellResult, simulate
from simulator.cell.scheme import Scheme
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.policy import Policy
from simulator.studies import real_runs

RUN = ("run", "latency_vs_bandwidth", "--quick")
TWO_SCHEMES = "--grid=scheme=dense,k_sqs"
"""Where what is tested does not depend on how many cells there are."""


def test_a_run_writes_what_it_says(finished):
    for name in ("cells.csv", "cells.parquet", "summary.csv", "requests.parquet", "rounds.parquet", "manifest.json"):
        assert (finished.out / name).is_file()
    for name in ("latency", "breakdown", "bits", "resampling"):
        assert (finished.out / "figures" / f"{name}.svg").stat().st_size > 5000
        assert (finished.out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    shown = pd.read_csv(finished.out / "chosen_and_fixed.csv")
    assert shown.groupby("setting")["curve"].nunique().to_dict() == {"chosen": 5, "fixed": 3} and len(shown) == 8 * 2
    assert set(shown["n"]) == {2} and any("trials" in line for line in finished.stderr.splitlines())


def details(folder: Path) -> dict[str, str]:
    """The other tables that a run leaves in its findings, by heading."""
    found: dict[str, str] = {}
    for each in findings_file.tables_of(findings_file.read(folder))[1]:
        found[each.heading] = "\n".join([found.get(each.heading, ""), *(table.text() for table in each.tables)])
    return found


def test_a_run_prints_question_answer_one_table_and_whose_numbers_they_are(finished):
    out = finished.stdout
    assert max(map(len, out.splitlines())) <= 100
    question, _, rest = out.split("\n\n", 2)
    assert question.startswith("Which scheme has the lowest latency per token")
    assert rest.startswith("ms per token, by uplink rate")
    is_answered(out, finished.out)
    assert "± 95% over 2 seeds" in out and "--quick" in out and "K-SQS" in rest and "TV(qhat, p)" not in out
    base, places = rest.split("\n\n")[-2:]
    assert "Pair synthetic. Timed as OPT-125M on Jetson Orin Nano drafts" in base and "Round trip 40 ms" in " ".join(
        base.split()
    )
    more = ["more: sqsim report results/latency_vs_bandwidth_quick", "more: the same command with --details"]
    assert places.splitlines()[1:3] == more


def test_all_else_is_among_the_details_of_its_findings(finished):
    found = details(finished.out)
    for heading, text in {
        "Results": "± 95% over 2 seeds",
        "Settings chosen": "Chosen by least latency per token in a race of 3 settings each, on 2 other seeds:",
        "As the grid gives them": "K-SQS, L = 4, ℓ = 100, acceptance rejection, K = 8",
        "What each scheme pays": "its bound",
    }.items():
        assert text in found[heading]
        assert max(map(len, found[heading].splitlines())) <= 100


def test_details_are_printed_when_they_are_asked_for_and_the_table_alone_in_other_forms(typed, small, undrawn):
    schemes = "--grid=scheme=[cloud_only, edge_only, {kind: colocated, max_drafts: 2}]"
    rates = "--grid=uplink.rate.bps=1e4,1e6"
    again = [*RUN, *small, schemes, rates, "--seeds=2", "--quiet", "--out=here"]
    status, text, err = typed(*again, "--details")
    assert status == 0, err
    found = details(Path("here"))
    assert all(f"\n{heading}\n" in text for heading in (*found, "Files")) and "What each scheme pays" in found
    names = ["ms per token, by uplink rate", "10 kbit/s", "10 kbit/s ±", "10 kbit/s mark"]
    rows = list(csv.reader(typed(*again, "--format=csv")[1].splitlines()))
    assert rows[0][:4] == names and len(rows) == 4 and {len(row) for row in rows} == {len(rows[0])}
    at = pd.read_csv("here/summary.csv").query("`uplink.rate.bps` == 1e4").set_index("scheme.kind")
    shown = {row[0]: float(row[1]) for row in rows[1:]}
    assert shown["cloud only"] == pytest.approx(1e3 * at["latency_per_token_s"]["cloud_only"], rel=6e-3)
    assert [row[3] for row in rows[1:]].index("*") == 0, "the table begins with the lowest"
    assert typed(*again, "--format=markdown")[1].startswith("| ms per token, by uplink rate | 10 kbit/s |")
    assert typed(*again, "--format=latex")[1].startswith("\\begin{tabular}{lrr}\n\\toprule\n")
    assert typed(*again, "--format=html")[0] == 2


@pytest.mark.usefixtures("undrawn")
def test_limits_that_are_typed_have_a_column_and_lead_the_answer_and_none_does_is_an_answer(done, untuned):
    schemes = ("--grid=scheme=cloud_only,k_sqs", "--grid=uplink.rate.bps=1e4,1e6", "--seeds=1", "--quiet")
    both = done(*RUN, *untuned, *schemes, "--out=a", "--set=workload.slo_ttft_s=0.15", "--format=csv")
    head, *rows = csv.reader(both.splitlines())
    met = {row[0]: row[-1] for row in rows}
    assert head[-1] == "meets your limits" and met == {"cloud only": "all of 2", "K-SQS": "1 of 2"}
    again = done(*RUN, *untuned, *schemes, "--out=a", "--set=workload.slo_ttft_s=0.15")
    assert "ANSWER Within your limits (150 ms TTFT): cloud only everywhere and K-SQS" in " ".join(again.split())
    none = done(*RUN, *untuned, *schemes, "--out=b", "--set=workload.slo_ttft_s=0.001")
    assert "ANSWER None meets your limits (1 ms TTFT); nearest is" in " ".join(none.split())


def test_a_setting_on_an_axis_pins_it_and_says_so(done, untuned, tmp_path, monkeypatch):
    drawn = list[str]()
    monkeypatch.setattr(plots, "save", notes_figures(drawn))
    pinned = ("--set=uplink.rate.bps=5e4", TWO_SCHEMES, "--seeds=1", "--quiet", "--out=pinned")
    assert "--set pins the axis uplink.rate.bps" in done(*RUN, *untuned, *pinned)
    assert set(pd.read_csv(tmp_path / "pinned" / "cells.csv")["uplink.rate.bps"]) == {5e4}
    assert "latency" not in drawn and "breakdown" in drawn


@pytest.mark.usefixtures("undrawn")
def test_a_cell_of_a_result_directory_runs_again_from_its_file(done, finished, tmp_path):
    cells = pd.read_csv(finished.out / "cells.csv")
    row = cells[cells["scheme.kind"] == "k_sqs"].iloc[0]
    file = finished.out / "cells" / f"{row['cell']}.yaml"
    done("run", f"--config={file}", "--out=one", "--workers=1", "--quiet")
    again = pd.read_csv(tmp_path / "one" / "cells.csv").iloc[0]
    assert again["cell"] == row["cell"]
    assert again["latency_per_token_s"] == row["latency_per_token_s"]


def test_the_table_of_finished_results_is_written_again_without_the_run(done, refused, finished, tmp_path):
    text = done("table", str(finished.out))
    assert text.startswith("ms per token, by uplink rate") and "* lowest" in text
    _, *rows = csv.reader(done("table", str(finished.out), "--format=csv").splitlines())
    assert rows and all(f"{row[1]}" in finished.stdout.replace(",", "") for row in rows)
    assert done("table", str(finished.out), "--format=latex").startswith("\\begin{tabular}{lrr}")
    assert done("table", str(finished.out), "--format=markdown").startswith("| ms per token, by uplink rate |")
    assert "no such directory" in refused("table", "nowhere")
    shutil.copytree(finished.out, tmp_path / "older")
    (tmp_path / "older" / "findings.json").unlink()
    assert "older: holds no table; the command that made it writes one" in refused("table", "older")


def test_plot_draws_again_from_the_tables_alone(done, finished, tmp_path):
    for name in ("summary.csv", "chosen_and_fixed.csv", "scenario.json", "findings.json", "manifest.json"):
        shutil.copy(finished.out / name, tmp_path / name)
    assert len(done("plot", str(tmp_path), "--format=svg").splitlines()) == 4
    for path in (finished.out / "figures").glob("*.svg"):
        assert (tmp_path / "figures" / path.name).read_bytes() == path.read_bytes()


def test_list_names_every_scenario_and_a_listed_field_with_what_is_below_it_alone(done, typed):
    assert [line.split()[0] for line in done("list").splitlines() if line[0] != " "] == list(NAMES)
    status, out, _ = typed("list", NAMES[0], "uplink.arq")
    fields = [line.split()[0] for line in out.splitlines() if line.startswith("  uplink")]
    assert status == 0 and "uplink.arq.timeout_s" in fields and "uplink.arq.kind" in fields
    assert all(field.startswith("uplink.arq.") for field in fields) and "mtu_bits" not in out
    assert done("list", NAMES[0], "uplink.arq.*") == out


def test_sqsim_alone_is_help(done):
    assert done() == done("--help") and "recommend" in done()


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("what", [(), ("paper",), ("devices",), ("powers",)], ids=" ".join)
def test_lists_are_as_wide_as_the_terminal(what, width, done, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line for line in done("list", *what).splitlines() if "--set" not in line]  # those are to be copied
    assert max(map(len, lines)) <= width and max(map(len, lines)) > min(0.75 * width, 110)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (at % 6 > 0)) for at, name in enumerate(NAMES)]
)
def test_list_shows_every_field_of_a_scenario(name, done):
    ours = {kind for kind, cls in Cell().scheme.kinds.items() if cls.__module__.startswith("simulator.")}
    page = done("list", name)
    assert all(len(line) <= 200 for line in page.splitlines())
    for field in ("uplink.rate.kind", "scheme.k ", "scheme.kind", "cloud.servers", "seed"):
        assert field in page
    assert any(ours <= set(re.split("[, ]+", listed)) for listed in " ".join(page.split()).split("one of "))


NO_MODEL = [
    ["list"],
    ["plot", "x"],
    ["--help"],
    ["list", NAMES[0]],
    ["run", "nothing"],
    ["run", NAMES[0], "--set=seed=x"],
    ["codec", "cost", "law.txt"],
]


def test_what_reads_results_alone_loads_no_scheme_and_what_needs_no_model_no_torch(tmp_path):
    (tmp_path / "law.txt").write_text("0.5\n0.5\n")
    code = f"""
import sys
from scenarios.command.cli import main
for arguments in {NO_MODEL!r}:
    never = {{"torch", "transformers", "tokenizers"}}
    if arguments in (["list"], ["plot", "x"]):
        never |= {{"numba", "scipy", "simpy", "simulator.schemes"}}
    try:
        main(arguments)
    except SystemExit:
        pass
    if loaded := never & sys.modules.keys():
        sys.exit(f"{{loaded}} after {{arguments}}")
print("none in all")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "none in all"), done.stderr


@pytest.mark.usefixtures("undrawn")
def test_a_scenario_runs_as_a_script(untuned, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = (*untuned, "--grid=uplink.rate.bps=1e4", TWO_SCHEMES, "--seeds=1", "--quiet")
    monkeypatch.setattr(sys, "argv", ["latency_vs_bandwidth.py", "--quick", *options])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(Path(cli.__file__).parents[1] / "latency_vs_bandwidth.py"), run_name="__main__")
    assert not ended.value.code and "latency per token" in capsys.readouterr().out
    assert (tmp_path / "results" / "latency_vs_bandwidth_quick" / "summary.csv").is_file()


TWO_KINDS = "--grid=scheme=cloud_only,k_sqs"
CURVES = [
    *(f"{{kind: top_k, k: {k}}}" for k in (2, 6, 28)),
    *(f"{{kind: threshold, beta: {beta}}}" for beta in (0.2, 0.05, 0.0045)),
    *(f"{{kind: conformal, step: {step}, target: 5e-4, initial: {beta}}}"
      for step in (1e-3, 0.01) for beta in (0.2, 0.05, 0.0045)),
]  # fmt: skip
"""Families that overlap in bits, one of them with a step to choose."""
UNTUNED = "--set=scheme.max_drafts=4"
GIVEN = (UNTUNED, "--set=scheme.resolution=100", "--set=scheme.k=8", *ONE_MODE)
"""No trials, every setting is given: `finished` has them, and the searches of test_searching."""
MODE = ONE_MODE[1:]
WAITS = [each for each in MODE if "cloud_first" not in each]
RUNGS = "settings: [{sparsifier: {kind: top_k, k: 32}}, {sparsifier: {kind: top_k, k: 8}}]"
NEAR, SMALLER = place(0.0, 0.005), {"prompt_tokens": 4, "size": 256}
FEWER = {
    "latency_at_70b": [
        "--set=models.pair.size=256",
        "--set=models.pair.prompt_tokens=4",
        "--grid=scheme=cloud_only,coupled",
        UNTUNED,
        *MODE,
    ],
    "paper": ["--grid=scheme=dense,k_sqs,c_sqs", "--grid=models.temperature=0,1.4", *GIVEN],
    "bandwidth_by_temperature": ["--grid=scheme=dense,k_sqs", "--grid=models.temperature=0.2,1.4", *GIVEN],
    "phase_map": ["--grid=scheme=cloud_only,colocated,coupled", UNTUNED, *MODE],
    "ladder": [
        f"--grid=scheme={json.dumps(ladder.SCHEMES[:2])}",
        f"--grid={ladder.WHERE}={json.dumps([[each[0] | SMALLER, *each[1:]] for each in ladder.PLACES[:2]])}",
        UNTUNED,
    ],
    "who_drafts": [
        "--grid=scheme=cloud_only,coupled",
        f"--grid={WHERE}={json.dumps([[NEAR[0] | SMALLER, *NEAR[1:]]])}",
        UNTUNED,
        *MODE,
    ],
    "conversations": ["--grid=workload.prompt_tokens,models.pair.prompt_tokens=[[64, 64], [96, 96]]", UNTUNED, *MODE],
    "fleet": [
        TWO_KINDS,
        "--set=models.pair.size=512",
        "--grid=fleet.meters.count=1,9",
        "--set=fleet.phones.count=2",
        *GIVEN,
    ],
    "low_bandwidth": ["--grid=scheme=cloud_only,edge_only,k_sqs", *GIVEN],
    "rivals": [TWO_KINDS, "--grid=uplink.rate.bps=1e3,1e5", *GIVEN],
    "lossy_uplink": [TWO_KINDS, f"--grid={BOTH_LOSE}={json.dumps(loss_processes((0.0, 0.2))[:2])}", *GIVEN],
    "languages": [
        "--grid=scheme=dense,k_sqs",
        f"--grid=models.pair.prompts={LANGUAGES / 'english.jsonl'},{LANGUAGES / 'python.jsonl'}",
        *GIVEN,
    ],
    "lattices": [f"--grid=scheme={json.dumps(lattices([10, 100], [4, 16]))}"],
    "sparse_or_coded": [f"--grid=scheme={json.dumps(schemes(5))}"],
    "blocks": [
        f"--grid=scheme={json.dumps([blocks.ALL_OF_Q, *blocks.SCHEMES[2:10:4]])}",
        "--grid=models.pair,workload.requests=[[{kind: synthetic, size: 64}, 1]]",
    ],
    "thresholds": ["--grid=models.temperature=0.5,1.1", f"--grid=scheme.sparsifier={','.join(CURVES)}"],
    "adaptive": [f"--grid=scheme=cloud_only,k_sqs,{{kind: rungs, policy: goodput, {RUNGS}}}", *GIVEN],
    "traces": [TWO_KINDS, "--grid=workload.devices=1,4", *GIVEN],
    "features": [f"--grid={AT}={json.dumps(PLACES[:1])}", "--grid=downlink.rate.bps=3e6,3e8", UNTUNED, *WAITS],
    "batching": ["--grid=workload.devices=1,8", "--grid=cloud.batching=none,{kind: continuous, cap: 16}", UNTUNED],
    "base_station": ["--grid=workload.devices=1,2"],
    "gateway": ["--grid=scheme=cloud_only,coupled", "--grid=workload.devices=1,3", UNTUNED, *MODE],
    "capacity": [TWO_KINDS, "--grid=workload.devices=2,4", *GIVEN],
    "pareto": ["--grid=scheme=cloud_only,colocated,k_sqs", "--grid=workload.devices=1,2", *GIVEN],
    "validation": [f"--grid={FIELDS}={json.dumps(ALONE[1:])}"],
}
"""Two values of an axis and two schemes, one that chooses its drafts and one with none, meet every finding and figure
as all of them do."""


def notes_figures(drawn: list[str], *, writes: bool = False) -> Callable[..., list[Path]]:
    """Notes each figure, which must show something, and writes the first as SVG only where a test looks at it:
    `finished` is written in both formats, and tests of the figures draw each."""

    def save(figure: Figure, folder: Path, name: str, formats: object = (), page: Page | None = None) -> list[Path]:
        assert any(axes.has_data() for axes in figure.axes), f"{name} is empty"
        drawn.append(name)
        return write(figure, folder, name, ("svg",), page or Page()) if writes and drawn[0] == name else []

    return save


def simulated_twice(
    cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None
) -> tuple[CellResult, CellResult, int]:
    """Stands for a real run, which takes a minute, and the simulated one beside it, in which judging is slower."""
    real = simulate(cell, observer, memory=memory, rounds_to=rounds_to)
    return real, simulate(cell.with_({"cloud.judge_s": 1e-3}), memory=memory), 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "latency_vs_bandwidth"])
def test_each_scenario_runs_to_its_answer_and_draws_what_it_promises(
    name, typed, small, tmp_path, monkeypatch, few_predictions
):
    drawn, again = list[str](), name in ("capacity", "lossy_uplink")  # whose tables have columns that no field holds
    monkeypatch.setattr(plots, "save", notes_figures(drawn, writes=again))
    monkeypatch.setattr(real_runs, "_both", simulated_twice)
    pair, *small = small
    if "models.pair.prompts" in scenario(name).grid:
        pair = "--set=models.pair=sotu"
    options = [*small, *FEWER.get(name, []), "--set=workload.distinct=1", "--seeds=1", "--quiet"]
    if name not in ("latency_at_70b", "who_drafts", "ladder", "blocks"):  # whose grids move fields of their own pair
        options.append(pair)
    if "workload.learning_requests" in scenario(name).base:
        options.append("--set=workload.learning_requests=0")
    if name == "conversations":  # a device's conversations are counted, not its requests
        options.remove("--set=workload.requests=1")
    status, out, err = typed("run", name, "--quick", *options)
    remarks = (
        "which no edge can: a limit",
        "ids say the same",
        "depend on the texts beside it",
    )  # the last by the machine
    warned = [line for line in err.splitlines() if not line.endswith(remarks)]
    assert (status, warned) == (0, [])
    folder = tmp_path / "results" / f"{name}_quick"
    assert f"more: sqsim report results/{name}_quick\n" in out
    is_answered(out, folder)
    assert drawn == list(scenario(name).figures)
    if again:
        first = folder / "figures" / f"{drawn[0]}.svg"
        kept = first.read_bytes()
        assert len(kept) > 5000
        assert typed("plot", str(folder), "--figure", first.stem)[0] == 0
        assert first.read_bytes() == kept


def is_answered(out: str, folder: Path) -> None:
    """The answer has what was asked for, and no number in what is printed or among the details is none."""
    answer = out.split("\n\n")[1]
    assert answer.startswith("  ANSWER  ") and answer.split()[1] != "none" and NOT_RUN not in " ".join(answer.split())
    for text in (out, *details(folder).values()):
        assert not re.search(r"\bnan\b|Not answered", text), text


@pytest.mark.parametrize("words", [("--out=a\udcff",), ("--set=scheme=\udcff",), ("--config", "\udcff.yaml")])
def test_what_is_typed_must_be_text(refused, tmp_path, words):
    """A byte that is no UTF-8 reaches Python as a lone surrogate."""
    assert "must be UTF-8 text" in refused("run", "latency_vs_bandwidth", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kinds", "line", "one", "words"),
    [
        ("links", PRESETS, r"nb_iot +16.9 kbit/s +26 kbit/s", "nb_iot", ["3GPP Release 13", "(I): assumed"]),
        (
            "schemes",
            Scheme.kinds,
            r"k_sqs +K-SQS: Sparsify .*",
            "k_sqs",
            ["arXiv 2510.09942", "Tuned: max_drafts 1, 2"],
        ),
        ("policies", Policy.kinds, r"goodput +.*", "qs_heuristic", ["arXiv 2507.00605"]),
    ],
)
def test_links_schemes_and_policies_are_a_line_each_and_one_by_name_has_its_source(name, kinds, line, one, words, done):
    listed, note = done("list", name).split("\n\n")
    there = [each.split()[0] for each in listed.splitlines()[1:]]
    own = [each for each, part in kinds.items() if name == "links" or part.__module__.startswith("simulator.")]
    ours = [each for each in there if each in own]  # tests install kinds too
    assert ours == (own if name == "links" else sorted(own)) and there == (own if name == "links" else sorted(there))
    assert any(re.fullmatch(line, each) for each in listed.splitlines()) and f"sqsim list {name} NAME" in note
    assert all(word in " ".join(done("list", name, one).split()) for word in words)


def test_the_version_and_the_named_devices_and_models_are_listed(typed, done):
    assert typed("--version")[1].startswith("sqsim 0.")
    for what, table in (("devices", DEVICES), ("models", SIZES)):
        out = done("list", what)
        assert {line.split()[0] for line in out.splitlines() if line[:1].strip()} >= set(table)
        assert "figures of your own: --set edge.latency." in out and "{name: mine, " in out
