"""The race that chooses: what it finds of a made-up table of costs, how much it asks for, who can never win."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from simulator import Cell
from simulator.cell.dotted_names import flatten
from simulator.results.column_names import ALL_CLASSES, CLASS
from simulator.tuning.alternatives import Alternatives, open_fields
from simulator.tuning.successive_halving import Outcome, Tuner
from simulator.tuning.trials import FIRST_SEED, MOST_SEEDS, Aim, Budget

METRIC = "latency_per_token_s"
AIM = Aim(METRIC)
Cost = Callable[[Mapping[str, object]], float]
CHOSEN = {"scheme.max_drafts": 3, "scheme.k": 16, "scheme.resolution": 20}
WAITS = {
    "scheme.depth": 0,
    "scheme.cloud_first": False,
    "scheme.partial": False,
    "scheme.prepared": 0,
    "scheme.prepared_at": "edge",
}


def place(kind: str = "k_sqs", fields: Mapping[str, Sequence[object]] | None = None) -> Alternatives:
    cell = Cell.from_fields({"models": {"pair": {"kind": "synthetic", "size": 64}}, "scheme": {"kind": kind}})
    return Alternatives(cell, open_fields(cell, {}, {*WAITS, "scheme.acceptance"}) if fields is None else fields)


def separable(flat: Mapping[str, object]) -> float:
    """Each field has a best value of its own, and the further from it the worse."""
    return 1.0 + sum(0.1 * abs(math.log(float(str(flat[path])) / best)) for path, best in CHOSEN.items())


class Table:
    """In place of a simulator: a row for each cell that a tuner asks for, with a little noise by seed."""

    def __init__(self, cost: Cost = separable, noise: float = 0.01, **also: Callable[[Mapping[str, object]], float]):
        self._cost, self._noise, self._also = cost, noise, also
        self.rows: dict[str, dict[str, object]] = {}

    def _row(self, cell: Cell) -> dict[str, object]:
        flat = flatten(cell)
        shift = self._noise * np.random.default_rng(cell.seed).standard_normal()
        row = {METRIC: self._cost(flat) * math.exp(shift), "answered": 1.0, "tv_output": 0.0}
        return {"cell": cell.id, "seed": cell.seed, **row, **{name: of(flat) for name, of in self._also.items()}}

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(list(self.rows.values()))

    def tuned(self, tuner: Tuner) -> list[Outcome]:
        requested = tuner.first()
        while requested:
            assert self.rows.keys().isdisjoint(cell.id for cell in requested), "a cell is asked for twice"
            self.rows |= {cell.id: self._row(cell) for cell in requested}
            requested = tuner.more(self.table())
        return tuner.outcomes()


def test_the_best_of_many_is_found_by_few_trials_on_seeds_that_are_not_shown() -> None:
    table, mine = Table(), place()
    (found,) = table.tuned(Tuner([mine], AIM, Budget()))
    assert found.values == CHOSEN and found.behind is not None and found.behind.separable
    assert found.tried < mine.number() / 4 and len(table.rows) < 2 * mine.number()
    assert min(int(str(row["seed"])) for row in table.rows.values()) == FIRST_SEED


def test_the_best_mode_is_found_first_and_what_is_sent_is_sampled_in_it() -> None:
    """Drafting ahead takes half: 24 settings, with it, and the five other modes at the cell's own setting."""
    cell = place().cell
    served = Alternatives(cell, open_fields(cell, {}, {"scheme.acceptance"}))
    table = Table(lambda flat: separable(flat) * (0.5 if flat["scheme.depth"] == 2 else 1.0))
    (found,) = table.tuned(Tuner([served], AIM, Budget()))
    assert found.values == CHOSEN | WAITS | {"scheme.depth": 2}
    few = Table(lambda flat: separable(flat) * (0.5 if flat["scheme.depth"] == 2 else 1.0))
    (found,) = few.tuned(Tuner([served], AIM, Budget(settings=24, looks=(1,), steps=0)))
    modes = len(served.modes())
    assert len(few.rows) == 24 + modes - 1 == found.tried and found.values["scheme.depth"] == 2


def test_what_leads_on_the_first_seed_alone_is_never_chosen_before_the_cells_own_setting() -> None:
    """The first seed favours all that is far from the cell's own setting, whose own mode is best on the others."""
    cell = place().cell
    served = Alternatives(cell, open_fields(cell, {}, {"scheme.acceptance"}))

    class Misled(Table):
        def _row(self, cell: Cell) -> dict[str, object]:
            flat = flatten(cell)
            is_own = all(flat[path] == value for path, value in served.own.items())
            cost = 1.0 if is_own else 0.5 if cell.seed == FIRST_SEED else 1.2
            return super()._row(cell) | {METRIC: cost}

    (found,) = Misled().tuned(Tuner([served], AIM, Budget(looks=(1, 2, 8))))
    assert found.values == served.own and found.seeds == 8


def test_every_place_spends_no_more_than_its_budget_whatever_it_costs() -> None:
    """24 on two seeds, their quarter, the place's own and its favourite on four, a quarter of these on eight; steps to
    neighbours, which depend on what is found, apart."""
    counts = []
    for cost in (separable, lambda flat: 50.0 / separable(flat)):
        table = Table(cost)
        table.tuned(Tuner([place()], AIM, Budget(steps=0)))
        counts.append(len(table.rows))
    assert max(counts) <= 24 * 2 + 7 * 2 + 3 * 4


def test_places_of_the_same_rounds_share_one_race_and_each_chooses_its_own() -> None:
    """The first setting is as good as the second on average, and each is the best of one place: no place spends more
    than it would alone, and what the other favours is tried, too."""
    rates = (1e3, 1e6)
    fields = {"scheme.k": (1, 2, 4, 8, 16, 32, 64), "scheme.resolution": (3, 10, 100)}
    places = [Alternatives(place(fields=fields).cell.with_({"uplink.rate.bps": rate}), fields) for rate in rates]

    def cost(flat: Mapping[str, object]) -> float:
        best = 2 if flat["uplink.rate.bps"] == rates[0] else 32
        return separable({**flat, "scheme.k": 16 * float(str(flat["scheme.k"])) / best})

    table = Table(cost)
    found = table.tuned(Tuner(places, AIM, Budget()))
    assert [each.values["scheme.k"] for each in found] == [2, 32]
    alone = Table(cost)
    alone.tuned(Tuner(places[:1], AIM, Budget()))
    assert len(table.rows) <= 2.5 * len(alone.rows)
    other = [place(fields=fields), Alternatives(place(fields=fields).cell.with_({"models.temperature": 0.5}), fields)]
    assert len(Tuner(places, AIM, Budget())._groups) == 1 and len(Tuner(other, AIM, Budget())._groups) == 2


def test_a_tuner_that_is_given_all_that_was_asked_before_chooses_the_same_and_asks_for_nothing() -> None:
    table = Table()
    mine = [place(), place("k_sqs", {"scheme.k": (1, 2)})]
    found = table.tuned(Tuner(mine, AIM, Budget()))
    again = Tuner(mine, AIM, Budget())
    assert again.more(table.table()) == [] and again.outcomes() == found


@pytest.mark.parametrize(
    ("column", "value"), [("answered", 0.5), ("tv_output", 0.1), (METRIC, 0.0), (METRIC, math.nan)]
)
def test_who_leaves_requests_unanswered_departs_in_distribution_or_has_no_number_never_wins(
    column: str, value: float
) -> None:
    """The cheapest, k = 2, is out; there is nobody to compare with where all others are."""
    few = place(fields={"scheme.k": (2, 4, 8)})
    ok = {"answered": 1.0, "tv_output": 0.0}

    def cost(flat: Mapping[str, object]) -> float:
        return float(str(flat["scheme.k"]))

    also = {column: lambda flat: value if flat["scheme.k"] == 2 else ok.get(column, cost(flat))}
    (found,) = Table(cost, **also).tuned(Tuner([few], AIM, Budget()))
    assert found.values == {"scheme.k": 4} and found.next == {"scheme.k": 8}
    also = {column: lambda flat: value if flat["scheme.k"] != 8 else ok.get(column, cost(flat))}
    (found,) = Table(cost, **also).tuned(Tuner([few], AIM, Budget(within=0.01)))
    assert found.values == {"scheme.k": 8} and found.next is None and found.behind is None


def test_with_a_precision_seeds_are_added_until_the_lead_is_known_or_no_more_are_allowed() -> None:
    def cost(flat: Mapping[str, object]) -> float:
        return 1.0

    class Noisy(Table):
        def _row(self, cell: Cell) -> dict[str, object]:
            place = [2, int(flatten(cell)["scheme.k"]), cell.seed]  # type: ignore[arg-type]
            row = super()._row(cell)
            return row | {METRIC: float(str(row[METRIC])) * math.exp(0.1 * np.random.default_rng(place).normal())}

    few = place(fields={"scheme.k": (2, 8)})
    seeds = [
        Noisy(cost).tuned(Tuner([few], AIM, Budget(within=within, looks=looks)))[0].seeds
        for within, looks in ((None, (2, 4, 8)), *((each, (2, 4, 8, 16, 32, MOST_SEEDS)) for each in (0.5, 0.1, 1e-6)))
    ]
    assert seeds[:2] == [8, 4] and 8 < seeds[2] < MOST_SEEDS and seeds[3] == MOST_SEEDS


def test_of_equals_the_cells_own_setting_is_chosen() -> None:
    (found,) = Table(lambda flat: 1.0).tuned(Tuner([place()], AIM, Budget()))
    assert found.values == place().own and found.behind is not None and not found.behind.separable


def test_where_nothing_is_open_nothing_is_tried() -> None:
    tuner = Tuner([place("cloud_only")], AIM, Budget())
    assert tuner.first() == [] and tuner.outcomes() == [Outcome({}, 0, 0)]


def test_what_is_aimed_at_may_be_a_metric_of_one_class_of_devices() -> None:
    """The rows of the other class, and of all, say that the first setting is best."""

    class Classes(Table):
        def table(self) -> pd.DataFrame:
            rows = [
                {**row, CLASS: name, METRIC: float(str(row[METRIC])) if name == "phones" else 1.0}
                for row in self.rows.values()
                for name in (ALL_CLASSES, "phones", "meters")
            ]
            return pd.DataFrame(rows)

    (found,) = Classes().tuned(Tuner([place()], Aim(f"phones.{METRIC}"), Budget()))
    assert found == Table().tuned(Tuner([place()], AIM, Budget()))[0] or found.values == CHOSEN
