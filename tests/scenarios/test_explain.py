"""`sqsim explain`: one request of a cell, in words and numbers that are those of the tables, and drawn."""

import re
from functools import cache

import pytest
from traced_cells import CELLS, watched

from models.bundled.sotu import Sotu
from scenarios.command.inspect.timeline_text import story
from simulator import Cell
from simulator.results.column_names import BREAKDOWN
from simulator.results.spans import RequestKey, Timeline, timeline

ALL = (1, 10_000)


@cache
def timelines(name: str) -> dict[RequestKey, tuple[Timeline, dict[str, float]]]:
    """Every request of a cell, with its row."""
    result, _, spans = watched(name)
    rows = result.requests.to_dict("records")
    return {(row["device"], row["request"]): (timeline(spans, (row["device"], row["request"])), row) for row in rows}


@pytest.mark.parametrize("name", CELLS)
def test_the_text_fits_a_terminal_and_its_times_are_those_of_the_tables(name):
    for made, row in timelines(name).values():
        lines = story(made, None, ALL, "Told.")
        assert max(map(len, lines)) <= 100
        text = " ".join(" ".join(lines).split())
        in_rounds = (each for round_ in made.rounds for each in (*round_.up, *round_.down))
        assert text.count("LOST") == sum(each.lost for each in (*made.prompt, *made.ending, *in_rounds)) or re.search(
            r"[1-9]\d* lost", text
        )
        costs = re.findall(r"cost (?!no)(.*?)(?=(?: round| after its end| Where| Its| \.\.\.))", text)
        spent = [float(value.replace(",", "")) for cost in costs for value in re.findall(r"([\d,.]+) ms", cost)]
        assert sum(spent) == pytest.approx(1e3 * sum(row[state] for state in BREAKDOWN), abs=0.06 * len(spent) + 0.01)
        for state in BREAKDOWN:
            label = state.removesuffix("_s").replace("_", " ")
            found = [line for line in lines if re.fullmatch(rf"{label} +[\d,.]+ +[\d.]+% *#*", line)]
            assert len(found) == (row[state] > 0)
            if found:
                value = float(found[0][len(label) :].split()[0].replace(",", ""))
                assert value == pytest.approx(1e3 * row[state], abs=0.051)
        assert f"{row['output_tokens']:.0f} output token" in text
        assert row["outcome"].replace("_", " ") in text


@pytest.mark.parametrize("name", CELLS)
def test_each_round_is_shown_with_what_became_of_it(name):
    for made, _ in timelines(name).values():
        text = "\n".join(story(made, None, ALL, "Told."))
        blocks = re.split(r"^round (\d+)", text, flags=re.MULTILINE)
        assert [int(number) for number in blocks[1::2]] == [each.number for each in made.rounds]
        for each, block in zip(made.rounds, blocks[2::2], strict=True):
            flat = " ".join(block.split())
            if each.spans.record.flushed:
                assert "wasted" in flat and "drops the round" in flat
            elif not each.spans.answered:
                assert "cut off" in flat and "unanswered" in flat
            else:
                tokens = " ".join(map(str, each.spans.drafts.committed))
                assert f"takes {len(each.spans.drafts.committed)} token" in flat and tokens[:40] in flat
            record = each.spans.record
            if record.drafted and record.accepted < record.drafted and each.spans.answered:
                assert "resampled instead" in flat or f"of the tree's {record.drafted:.0f} drafts" in flat


@pytest.mark.parametrize("name", CELLS)
def test_each_pass_and_packet_belongs_to_one_round_or_to_the_prompt(name):
    spans = watched(name).spans
    for key in spans.requests:
        made = timeline(spans, key)
        passes = [*made.prefills, *made.late, *(each for round_ in made.rounds for each in round_.passes)]
        assert sorted(passes) == sorted(each for each in spans.passes if key in each.sessions)
        packets = [*made.prompt, *made.ending, *made.unheard]
        packets += [each for round_ in made.rounds for each in (*round_.up, *round_.down)]
        assert bool(made.ending) <= (made.request.outcome != "answered")
        assert len(packets) == sum(each.address[:2] == key and each.fragment >= 0 for each in spans.airings)


def test_what_the_edge_resamples_is_shown_once_it_is_known(done, tmp_path):
    cell = CELLS["corrections at the edge"]
    for at_edge, scheme in ((True, cell.scheme), (False, "k_sqs")):
        (tmp_path / "cell.yaml").write_text(cell.with_({"scheme": scheme}).to_yaml())
        text = done("explain", "cell.yaml", "--rounds", "1-99")
        whose = ("verified", "edge    ")
        verified, edge = (re.findall(rf"^ .*?  {who}  (.*(?:\n {{20}}.*)*)", text, re.M) for who in whose)
        rejected = [" ".join(each.split()) for each in verified if " rejected, " in each]
        drawn = [" ".join(each.split()) for each in edge if each.startswith("resamples ")]
        assert rejected and all(each.endswith("the edge resamples") == at_edge for each in rejected)
        assert len(drawn) == at_edge * len(rejected)
        for each in drawn:
            token, tokens = re.fullmatch(r"resamples (\d+), and takes \d+ tokens?.*: ([\d ]+)", each).groups()
            assert tokens.split()[-1] == token


def test_the_middle_of_a_long_request_is_left_out_and_a_pair_with_text_is_in_words():
    made, _ = timelines("local")[0, 0]
    text = "\n".join(story(made, None, None, "Told."))
    assert "... 10 rounds left out; --rounds 5-14 shows them" in text
    assert re.findall(r"^round (\d+)", text, flags=re.MULTILINE) == ["1", "2", "3", "4", "15", "16"]
    some = "\n".join(story(made, None, (5, 14), "Told."))
    assert re.findall(r"^round (\d+)", some, flags=re.MULTILINE) == [str(number) for number in range(5, 15)]
    made, _ = timelines("losses")[0, 0]
    speller = Sotu().speller()
    text = "\n".join(story(made, speller, None, "Told."))
    assert repr(speller(made.rounds[0].spans.drafts.committed))[:10] in text
    assert repr(speller(made.request.tokens)) in text


def test_the_command_tells_of_the_request_that_is_asked_for(done, tmp_path):
    (tmp_path / "cell.yaml").write_text(CELLS["ahead"].to_yaml())
    assert done("explain", "cell.yaml", "--device", "1", "--request", "1").startswith("Request 1 of device 1: ")
    assert done("explain", "cell.yaml").startswith("Request 0 of device 0: ")


def test_a_request_that_never_came_is_reported(typed, tmp_path):
    late = CELLS["losses"].with_({"workload.think_s": 50.0, "workload.horizon_s": 20.0})
    (tmp_path / "cell.yaml").write_text(Cell.from_fields(late.model_dump()).to_yaml())
    status, _, err = typed("explain", "cell.yaml", "--request", "1")
    assert status == 2 and err == "sqsim: request = 1: had not come to device 0 when the run ended\n"
