"""The schema of a cell: what an editor completes is what a cell takes."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field

from channels.link.link_config import LinkConfig
from kinds import Choice, Part
from scenarios.command.cli import main
from simulator import Cell
from simulator.schemes import Scheme, Sparsifier
from tests.helpers.json_schemas import fits

PRESETS = [kind for kind, part in Scheme.kinds.items() if not any(f.is_required() for f in part.model_fields.values())]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return Cell.model_json_schema()


def test_the_schema_takes_each_example_each_preset_and_what_a_cell_writes(schema: dict[str, Any]) -> None:
    example = yaml.safe_load((ROOT / "examples/cell.yaml").read_text())
    written = [{"uplink": name, "downlink": part.to_fields("json")} for name, part in LinkConfig.presets.items()]
    fleet = {"fleet": {"phones": {"count": 2, "scheme": "c_sqs"}, "meters": {"uplink": "lte.uplink"}}}
    changes = [fleet, *({"scheme": kind} for kind in PRESETS)]
    cells = [yaml.safe_load(Cell().with_(each).to_yaml()) for each in changes]
    for fields in (example, *written, *changes, *cells):
        assert fits(fields, schema, schema), fields


@pytest.mark.parametrize(
    "fields",
    [
        {"scheme": "k_sqs", "uplink": {"rate": {"kind": "constant", "bps": "10 kbit/s"}}},
        {"scheme": {"kind": "composed", "sparsifier": {"kind": "top_p", "mass": 0.9}, "quantizer": "dual"}},
        {"uplink.rate.bps": "10k", "uplink": {"preset": "wifi.uplink", "mtu_bits": "1500 B"}},
        {"fleet": {"phones": {"count": 3, "scheme": {"k": 4}}, "meters": {"uplink": {"rate": {"bps": 1e4}}}}},
        {"edge": {"latency": {"kind": "roofline", "size": "opt_125m", "device": "jetson_orin_nano_8gb"}}},
        {"percentiles": "ttft_p95_s", "workload": {"kind": "conversations", "turns": 3}},
    ],
)
def test_what_a_cell_takes_the_schema_takes(schema: dict[str, Any], fields: dict[str, object]) -> None:
    Cell.from_fields(fields)
    assert fits(fields, schema, schema)


@pytest.mark.parametrize(
    "fields",
    [
        {"upling": {}},
        {"scheme": {"kind": "k_sqs", "kk": 4}},
        {"scheme": "k_sq"},
        {"uplink": {"rate": {"kind": "constant", "bp": 3}}},
        {"uplink": {"rate": {"kind": "constant", "bps": "fast"}}},
        {"uplink": {"rate": {"kind": "constant", "bps": -1}}},
        {"uplink": "wif"},
        {"fleet": {"phones": {"count": 3, "shceme": {}}}},
        {"seed": 1.5},
    ],
)
def test_a_mistake_is_one_in_the_schema_too(schema: dict[str, Any], fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Cell.from_fields(fields)
    assert not fits(fields, schema, schema)


def test_the_schema_names_every_field_of_every_kind(schema: dict[str, Any]) -> None:
    known = {name: {*_properties(each)} for name, each in schema["$defs"].items()}
    reached: list[type[Part]] = [each for base in (Part, Choice) for each in base.__subclasses__()]
    for part in reached:  # grows while it is walked
        reached += part.__subclasses__()
    ours = ("kinds", "channels", "models", "simulator")  # other tests have kinds of their own
    parts = {part.__name__: part for part in reached if part.__name__ in known and part.__module__.startswith(ours)}
    assert len(parts) > 100
    for name, part in parts.items():
        assert {*part.model_fields} <= known[name], name


def _properties(schema: dict[str, Any]) -> set[str]:
    return {*schema.get("properties", ())}.union(*(_properties(each) for each in schema.get("anyOf", ())))


def test_a_users_own_kind_is_one_of_the_union(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Sparsifier, "kinds", dict(Sparsifier.kinds))  # left as they were
    fields = {"scheme": {"kind": "composed", "sparsifier": {"kind": "first_ones", "most": 3}}}
    before = Cell.model_json_schema()
    assert not fits(fields, before, before)

    class FirstOnes(Sparsifier):
        kind: Literal["first_ones"] = "first_ones"
        most: int = Field(2, ge=1)

    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["$schema"].startswith("https://json-schema.org/")
    schema = {name: each for name, each in printed.items() if name != "$schema"}
    assert FirstOnes.__name__ in schema["$defs"] and fits(fields, schema, schema)
