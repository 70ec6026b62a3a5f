"""The real system beside the simulated one, on a table whose errors are known: reported, tabled, drawn, on the page."""

from itertools import product

import pandas as pd
import pytest

import plots
from kinds import ConfigError
from kinds.files import write_note
from scenarios.command.result_folder import Note
from scenarios.findings import findings_file
from scenarios.findings.findings_file import Answered
from scenarios.validation import CELL, error_of, errors, printed_comparison, printed_errors, same_answers
from simulator.results.result_directory import record
from simulator.results.study_columns import COMPARED
from tools.validation_page import BEGIN, END, numbers, write

NAMES = ("thin", "wide")
TOOK_S = {"thin": 0.1, "wide": 0.02}
SIMULATED = {"thin": 1.10, "wide": 0.95}
"""The simulated time as a multiple of the real system's time."""


SHARES = {
    "latency_per_token_s": 1.0, "latency_per_token_p50_s": 1.0, "latency_per_token_p90_s": 2.0,
    "latency_per_token_p99_s": 3.0, "ttft_s": 4.0, "uplink_transmit_s": 0.66, "verify_s": 0.335, "encode_s": 0.005,
}  # fmt: skip
"""Each metric as a multiple of the time per token."""


def table(others: int = 0) -> pd.DataFrame:
    """Two cells, two seeds. Two thirds of the time are on the air, the rest is the cloud's, and almost nothing else."""
    rows = []
    for name, seed, system in product(NAMES, range(2), ("real", "simulated")):
        took_s = TOOK_S[name] * (1 + 0.2 * seed) * (SIMULATED[name] if system == "simulated" else 1)
        keys = {CELL: name, "scheme.kind": "dense", "seed": seed, "system": system, "cell": f"{name}{seed}"}
        differ = {"other_answers": others if name == "wide" and seed else 0}
        rows.append(keys | differ | {column: share * took_s for column, share in SHARES.items()})
    return pd.DataFrame(rows)


def test_an_error_is_the_simulated_ones_beyond_the_real_ones_mean_over_seeds():
    rows = errors(table())
    assert rows[CELL].tolist() == list(NAMES)
    assert rows["latency_per_token_s_real"].tolist() == pytest.approx([0.11, 0.022])
    assert rows["latency_per_token_s_simulated"].tolist() == pytest.approx([0.121, 0.0209])
    for name in ("latency_per_token_s", "ttft_s", "verify_s"):
        assert rows[f"{name}_error"].tolist() == pytest.approx([0.10, -0.05])
    assert errors(table().drop(columns="system")).empty
    rows = errors(table().assign(encode_s=0.0))
    assert rows["encode_s_error"].isna().all()


def test_the_median_error_and_the_largest_are_reported_and_answers_that_differ():
    assert error_of("latency_per_token_s").report(table(), CELL) == (
        "latency per token, simulated against real: median error 7.5% over 2 cells, largest +10.0% (thin)"
    )
    below = table()
    below.loc[(below["system"] == "simulated") & (below[CELL] == "wide"), "ttft_s"] *= 0.5
    assert error_of("ttft_s").report(below, CELL).endswith("largest -52.5% (wide)")
    assert error_of("latency_per_token_s").report(table().drop(columns="system"), CELL) == ""
    assert same_answers.report(table(), CELL) == "Every answer of the 2 cells has the simulated one's tokens"
    assert same_answers.report(table(others=3), CELL) == "Answers whose tokens differ: 3, in wide"
    assert same_answers.report(table().drop(columns="system"), CELL) == ""


def test_a_real_run_is_printed_beside_the_simulated_one():
    both = [f"{system}{name}" for name in COMPARED for system in ("", "simulated_")]
    cells = pd.DataFrame({name: [0.1, 0.12] for name in both}) * [1 if each in COMPARED else 1.05 for each in both]
    text = printed_comparison(cells.assign(other_answers=[0, 2])).text()
    assert "latency per token p99  110.0      115.5  +5.0%" in text and text.count("+5.0%") == len(COMPARED)
    assert text.endswith("Answers whose tokens differ: 2.")
    assert printed_comparison(pd.DataFrame({"latency_s": [0.1]})) is None


def test_the_printed_table_has_times_errors_and_the_parts_that_matter():
    printed = printed_errors(table(others=3)).text()
    thin, wide = (next(line for line in printed.splitlines() if line.startswith(name)) for name in NAMES)
    assert thin.split() == ["thin", "110.0", "+10.0%", "110.0", "+10.0%", "220.0", "+10.0%", "330.0", "+10.0%",
                            "440.0", "+10.0%", "0"]  # fmt: skip
    assert wide.split()[-1] == "3"
    assert "thin: uplink transmit 72.6 / 79.9, verify 36.9 / 40.5" in printed
    assert "encode" not in printed
    assert printed_errors(table().drop(columns="system")) is None


def test_two_bars_a_cell_are_drawn_with_the_error_beside_the_lower():
    figure = plots.draw("validation", table(), CELL)
    assert figure is not None
    figure.canvas.draw()
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == list(NAMES)
    texts = [text.get_text().strip() for text in panel.texts]
    assert texts[1::2] == ["+10.0%", "-5.0%"]
    ends = {round(bar.get_y() + bar.get_height() / 2, 2): 0.0 for bar in panel.patches}
    for bar in panel.patches:
        place = round(bar.get_y() + bar.get_height() / 2, 2)
        ends[place] = max(ends[place], bar.get_x() + bar.get_width())
    assert [ends[place] for place in sorted(ends)] == pytest.approx([0.11, 0.121, 0.022, 0.0209])
    assert plots.draw("validation", table().drop(columns="system"), CELL) is None


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    table().to_csv(folder / "cells.csv", index=False)
    write_note(folder / "manifest.json", {"date": "2026-11-26T22:00:00+00:00"})
    Note("validation", CELL, ("validation",)).write(folder)
    findings_file.write(folder, {}, [Answered("own", CELL, "Every answer is the same", ())])
    record(folder, folder.iterdir())
    return folder


def test_the_numbers_have_a_row_per_cell_and_quantity_that_matters():
    rows = numbers(table()).set_index(["cell", "quantity"])
    assert rows.loc[("thin", "latency_per_token_s")].tolist() == pytest.approx([110.0, 121.0])
    assert "uplink_transmit_s" in rows.index.get_level_values(1) and "encode_s" not in rows.index.get_level_values(1)


def test_the_page_is_written_between_its_marks(results, tmp_path):
    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    (docs / "trust.md").write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    table().to_csv(results / "summary.csv", index=False)
    record(results, [results / "summary.csv"])
    for _ in range(2):
        write(results, docs)
        page = (docs / "trust.md").read_text()
        assert page.startswith(f"before\n\n{BEGIN}\n\n") and page.endswith(f"\n\n{END}\n\nafter\n")
        assert "old" not in page and "Measured on 2026-11-26." in page
    assert (docs / "figures" / "validation.svg").is_file() and (docs / "figures" / "validation.csv").is_file()
    with pytest.raises(ConfigError, match="holds no results"):
        write(tmp_path / "none", docs)
