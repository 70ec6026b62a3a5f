"""What is reported of the map of who answers fastest, on tables whose answers are known."""

import math

import pandas as pd
import pytest
from phase_tables import AXIS, NAMES, table

from kinds import ConfigError
from models.latency.roofline import Roofline
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.wording import MOST_WORDS
from scenarios.phase_map import (
    edge_wins,
    outside_checks,
    phase_borders,
    predictor_holds,
    printed_borders,
    sign_agreement,
    winning_modes,
)
from simulator import Cell
from simulator.cell.dotted_names import flatten
from simulator.results.phase_regions import (
    MODE,
    WHO,
    border,
    foreseen,
    mapped,
    place_of,
    predicted,
    predicted_border_s,
    send_ids,
    stands,
)


@pytest.fixture(scope="module")
def exact():
    """Times as the closed form has them, within the luck of seeds."""
    return table()


def test_the_closed_form_is_right_everywhere_about_a_table_made_of_it_and_nowhere_about_one_turned_round(exact):
    right = sign_agreement(mapped(exact), "latency_s")
    assert right is not None and 0 < right.edge_faster < right.agreeing == right.clear and right.largest_error < 1e-9
    slow = sign_agreement(mapped(table({"coupled": 9.0, "k_sqs": 9.0, "dense": 9.0})), "latency_s")
    assert slow is not None and slow.agreeing == right.clear - right.edge_faster and slow.edge_faster == 0
    line = predictor_holds.report(exact, AXIS)
    assert f"end to end at {right.agreeing} of {right.clear}" in line and "per token at" in line


def test_the_answer_names_one_border_with_its_interval_and_outside_checks_what_a_pass_would_have_to_take(exact):
    line = edge_wins.report(exact, AXIS)
    assert len(line.split()) <= MOST_WORDS
    assert line.startswith("co-located speculation is fastest at 32 of 32 places; edge drafting beats cloud only at ")
    assert "; up to " in line and " to " in line.rsplit("(", 1)[1]
    line = outside_checks.report(exact, AXIS)
    assert "2606.20591 measured 179 and 235 ms there and back, with its own pairs and clocks" in line
    assert f"{NAMES[0]}, T = 0 no round trip (15 ms a pass; " in line


def test_the_table_has_a_row_a_pair_with_the_measured_border_beside_the_closed_form_s(exact):
    lines = printed_borders(exact).text().splitlines()
    for name in NAMES:
        assert any(line.startswith(f"{name}, T = 0") for line in lines)
    rows = mapped(exact)
    part = rows[(rows[WHO] == f"{NAMES[0]}, T = 0") & (rows["workload.prompt_tokens"] == 16)]
    part = part[part["workload.output_tokens"] == 128]
    found = border(part, "tpot_s")
    assert found is not None and found.log10_at.n == 4
    ids = part[part["scheme.kind"] == "coupled"].iloc[0]
    assert 10**found.log10_at.mean == pytest.approx(predicted_border_s(ids, "tpot_s"), rel=0.3)


def test_written_rows_say_who_is_fastest_and_where_the_seeds_cannot_tell(exact):
    written = phase_borders(exact)
    assert {*written["metric"]} == {"latency_s", "tpot_s", "cloud_s_per_token"}
    assert (written.loc[written["metric"] == "latency_s", "fastest"] == "colocated").all()
    loud = phase_borders(table(rng=0.2))
    assert loud["uncertain"].sum() > written["uncertain"].sum()


def test_a_scheme_that_is_there_in_two_serving_modes_is_at_its_faster_one_and_the_answer_names_the_mode(exact):
    plain, kinds = exact[exact["scheme.kind"] == "coupled"], stands(mapped(exact), "latency_s")
    for share, wins in ((0.1, True), (9.0, False)):
        begun = plain.assign(**{"scheme.cloud_first": True, "scheme.depth": 1, "latency_s": plain["latency_s"] * share})
        both = pd.concat([exact, begun])
        for was, now in zip(kinds, stands(mapped(both), "latency_s"), strict=True):
            assert now.means["coupled"] == pytest.approx(was.means["coupled"] * min(1, share))
            assert now.rows["coupled"][MODE].unique() == ["the cloud starts, drafts 1 ahead" if wins else "waits"]
            assert (now.edge, now.fastest_apart) == (("coupled",) * 2 if wins else (was.edge, was.fastest_apart))
        assert winning_modes.report(both, AXIS).endswith(
            ": the cloud starts, drafts 1 ahead at 32" if wins else ": waits at 8"
        )
        written = phase_borders(both).query("metric == 'latency_s'")
        assert ("the cloud starts, drafts 1 ahead" in {*written["mode"]}) == wins
    assert predicted(begun.iloc[0], 16.0).ttft_s < predicted(plain.iloc[0], 16.0).ttft_s


def test_an_edge_that_drafted_nothing_took_what_the_cloud_alone_takes(exact):
    row, alone = (exact[exact["scheme.kind"] == kind].iloc[0] for kind in ("coupled", "cloud_only"))
    begun = pd.concat([row.drop("payload_bits_per_draft"), pd.Series({"scheme.cloud_first": True})])
    assert predicted(begun, math.nan) == predicted(alone, math.nan)
    none = mapped(exact.assign(payload_bits_per_draft=math.nan))
    assert send_ids(none).empty and sign_agreement(none, "latency_s") is not None


def test_the_closed_form_s_border_is_that_of_who_begins_and_of_two_modes_the_farther(exact):
    plain = mapped(exact[exact["scheme.kind"].isin(["cloud_only", "coupled"])])
    place = plain[(plain["workload.prompt_tokens"] == 512) & (plain["workload.output_tokens"] == 128)]
    begun = place[place["scheme.kind"] == "coupled"].assign(**{"scheme.cloud_first": True, MODE: "the cloud starts"})
    rows = send_ids(pd.concat([place, begun]).query(f"{WHO} == '{NAMES[0]}, T = 0'"))
    assert [*rows[MODE]] == ["waits", "the cloud starts"]
    for reads_s, gains in ((0.0, False), (0.002, True)):  # one that reads at no cost loses by what the cloud begins
        clock = {"kind": "affine", "base_s": 0.015 - reads_s, "per_token_s": reads_s}
        slower = rows.drop(columns="edge.latency.per_pass_s")
        slower = slower.assign(**{f"edge.latency.{name}": value for name, value in clock.items()})
        edge_s, first_s = (predicted_border_s(row, "latency_s") for _, row in slower.iterrows())
        assert (edge_s < first_s) == gains


@pytest.mark.parametrize(
    "asked",
    [
        {"workload.kind": "conversations"}, {"workload.devices": 8},
        {"scheme.partial": True},
    ],
)  # fmt: skip
def test_the_closed_forms_say_nothing_of_conversations_devices_that_share_and_parts(exact, asked):
    short = exact.query("`workload.prompt_tokens` == 16 and `workload.output_tokens` == 32")
    rows = mapped(short.assign(**asked))
    assert foreseen(rows).empty and sign_agreement(rows, "latency_s") is None
    assert predictor_holds.report(rows, AXIS) == outside_checks.report(rows, AXIS) == ""
    *_, last, end = printed_borders(rows).text().splitlines()
    assert NAMES[0] in last and NAMES[1] in end and ";" not in last + end


def test_cloud_only_decoding_that_prepares_nothing_is_known_at_a_temperature_above_zero(exact):
    edge = exact["scheme.kind"].isin(("coupled", "k_sqs", "dense"))
    prepared = pd.array([0 if at_edge else pd.NA for at_edge in edge], dtype="Int64")
    warm = mapped(exact.assign(**{"models.temperature": 1.0, "scheme.prepared": prepared}))
    assert len(foreseen(warm)) == len(warm) and sign_agreement(warm, "latency_s") is not None


def test_a_latency_model_of_parts_is_read_from_its_columns(exact):
    made = Cell().cloud.latency
    columns = {name: value for name, value in flatten(Cell()).items() if name.startswith("cloud.latency.")}
    row = exact.drop(columns="cloud.latency.per_pass_s").assign(**columns).iloc[0]
    assert any(name.count(".") > 2 for name in columns) and place_of(row).target == made


def test_a_pair_before_two_targets_is_one_for_each(exact):
    fields = {"cloud.latency.kind": "profile", "cloud.latency.per_pass_s": None}
    slow, fast = (
        exact.assign(**fields, **{"cloud.latency.name": name}) for name in ("gpu80gbx2_70b", "h100x2_70b_fp8")
    )
    both = pd.concat([slow, fast], ignore_index=True)
    assert {*mapped(both)[WHO]} == {f"{name}, T = 0, target {of} ms" for name in NAMES for of in (18, 43)}
    assert {*mapped(fast)[WHO]} == {f"{name}, T = 0" for name in NAMES}
    mixture = Roofline(size="qwen3_30b_a3b", device="h100_80gb_sxm")
    columns = flatten(Cell(cloud={"latency": mixture}))
    sparse = exact.drop(columns="cloud.latency.per_pass_s")
    sparse = sparse.assign(**{name: value for name, value in columns.items() if name.startswith("cloud.latency.")})
    found = mapped(pd.concat([slow, sparse], ignore_index=True))
    assert {*found[WHO]} == {f"{name}, T = 0, target {of} ms" for name in NAMES for of in ("4.4", "43")}
    assert place_of(found[found[WHO].str.endswith("4.4 ms")].iloc[0]).target == mixture


def test_a_summary_s_interval_is_that_of_the_edge_since_cloud_only_takes_one_time():
    rows = mapped(table(seeds=1)).drop(columns="seed").assign(latency_s_ci95=0.0)
    assert not any(each.uncertain for each in stands(rows, "latency_s"))
    assert all(each.uncertain for each in stands(rows.assign(latency_s_ci95=math.inf), "latency_s"))


def test_without_cloud_only_decoding_nothing_is_reported(exact):
    alone = exact[exact["scheme.kind"] != "cloud_only"]
    for question in (edge_wins, winning_modes, predictor_holds, outside_checks):
        assert question.report(alone, AXIS) == ""
    assert printed_borders(alone) is None and phase_borders(alone).empty


@pytest.mark.parametrize("name", ["phase_map", "conversations"])
def test_a_pair_whose_prompts_have_lengths_of_their_own_is_refused_by_what_was_typed(name: str) -> None:
    message = (
        r"^models\.pair = sotu: has no prompt_tokens, .*one of acceptance, .*published, "
        r".* --grid workload\.prompt_tokens="
    )
    with pytest.raises(ConfigError, match=message):
        plan_of(scenario(name), Changes(settings={"models.pair": "sotu"}, quick=True))
    typed = Changes({"models.pair": "sotu"}, {"workload.prompt_tokens": [16, 64]}, quick=True, seeds=1)
    if name != "conversations":
        assert {cell.workload.prompt_tokens for cell in plan_of(scenario(name), typed).cells} == {16, 64}
