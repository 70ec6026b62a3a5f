"""What was retired is refused in one line that says which version has it, and stands nowhere else."""

import re
import subprocess
from pathlib import Path

import pytest

from kinds import Choice, ConfigError
from kinds.retired import FIELDS, KINDS, PRESETS, RETIRED, SCENARIOS
from scenarios.command.registry import scenario
from simulator import Cell

ROOT = Path(__file__).parents[1]
TYPED = [
    {"uplink.sharing": "csma"},
    {"uplink.arq.kind": "tcp"},
    {"scheme": {"kind": "mirrored"}},
    {"edge.mobility": "random"},
    {"uplink.half_duplex": "medium"},
    {"cloud.clouds": 2},
    {"workload": {"kind": "conversations", "think_s": {"kind": "exponential", "mean": 8}}},
    {"cloud.failures": "random"},
    {"uplink.bulk.count": 3},
    {"uplink": "nr_mmwave.uplink"},
    {"cloud": {"prefill_servers": 1}},
    {"fleet": [{"name": "a", "count": 1, "edge": {"mobility": "random"}}]},
    {"models.pair": {"kind": "random_weights"}},
    {"uplink.rate": "markov"},
    {"uplink.loss": "block_errors"},
    {"uplink.rate": {"kind": "duty_cycle", "duty": 0.1}},
    {"uplink.rate": "scheduled_outages"},
    {"uplink.sharing": {"kind": "bands", "shares": [1.0]}},
]
WORDS = (
    "bbr|hystart|new_?reno|rohc|csma|aloha|cut_through|earliest_deadline|shortest_queue|prefill_servers|nr_mmwave|"
    "fixed_batch|batched_passes|random_weights|dssd_candidates|likely_tree|skip_when_confident|unjudged|relocation|"
    "hand_?over|detour|mobility|block_errors|capacity_share|blocklength|multi.spin|joint_split|scheduled_outages|duty_cycle"
)


@pytest.mark.parametrize("changes", TYPED, ids=str)
def test_whoever_types_it_is_told_the_version_that_has_it(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as error:
        Cell().with_(changes)
    assert RETIRED in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_retired_scenario_names_what_asks_its_question_now(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^scenario = '{name}': {RETIRED}(; now \S.*)?$"):
        scenario(name)


def test_no_family_has_a_retired_kind_and_no_link_a_retired_name() -> None:
    families = {each.__name__: each for each in _below(Choice) if each.is_family()}
    assert not {
        kind for name, kinds in KINDS.items() if name in families for kind in kinds & families[name].kinds.keys()
    }
    assert not {name for name in type(Cell().uplink).presets if name.rsplit(".", 1)[0] in PRESETS}


def test_no_field_has_a_retired_name() -> None:
    assert not {(part.__name__, name) for part in _below(Choice) for name in part.model_fields if name in FIELDS}


def test_no_file_of_the_product_speaks_of_what_was_retired() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    kept = {"kinds/retired.py", "CHANGELOG.md", "tests/test_retired.py"}
    found = [
        name
        for name in tracked
        if name not in kept and re.search(rf"\b({WORDS})\b", (ROOT / name).read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert not found


def _below(part: type[Choice]) -> list[type[Choice]]:
    found = list(part.__subclasses__())
    for each in found:  # grows while it is walked
        found += each.__subclasses__()
    return found
