"""What a finished race says: the best of each kind with its margin, the answer, how it went, how far to trust it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from plots.recommendation_figure import BETTER, BY, MARGIN, MARGIN_HIGH, MARGIN_LOW, called
from scenarios.command.fairness import compared_alike
from scenarios.command.recommend.tried_schemes import Wish, at_an_end
from scenarios.command.run.printed_tables import overloads, stands_for
from scenarios.command.scenario import Tune
from scenarios.findings import findings_file
from scenarios.findings.aligned_columns import WIDTH, aligned, number, wrapped
from scenarios.findings.findings_file import Answered
from scenarios.findings.question import PREFIX
from scenarios.findings.wording import joined, percent, with_ends, with_interval, would_show
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand
from simulator.results.columns import CHOSEN, CI_SUFFIX, CURVE, SETTING
from simulator.results.comparison_log import Plain
from simulator.results.display_names import curve_of, words_of
from simulator.results.intervals import CONFIDENCE, Difference, interval, paired, summarise_curves, varying, with_curves
from simulator.results.lossy_schemes import marks
from simulator.results.units import prefix_of_all, quantity, symbol, unit
from simulator.tuning.racing import SEARCH_SEEDS, TIME_IS_UP, Entrants, RaceGroup
from simulator.tuning.trials import Row

MANY = 6
"""More settings than these are counted, not named."""
TRUST = (
    f"Trust: of the settings tried, on this pair, clock and workload. Margins are paired {CONFIDENCE:.0%} intervals on "
    "seeds that chose nothing. A kind that is far behind was not tuned further once that was clear."
)


@dataclass(frozen=True)
class Recommendation:
    """Who raced, the groups, what their cells gave, the best of each kind, and the table of those on the seeds shown.

    `whole_minutes`: about what a race of all settings would take.
    """

    wish: Wish
    raced: Entrants
    groups: Sequence[RaceGroup]
    rows: Mapping[str, Row]
    finalists: Sequence[Sequence[Cell]]
    table: pd.DataFrame
    whole_minutes: float

    @property
    def best(self) -> Cell:
        """The setting recommended."""
        return self.finalists[0][0]

    @property
    def metric(self) -> str:
        """What is to be best."""
        return self.wish.aim.metric

    @property
    def fields(self) -> list[str]:
        """The columns that each name tells."""
        return list(dict.fromkeys(path for place in self.wish.places for path in place.fields))

    @cached_property
    def names(self) -> dict[str, str]:
        """By the id of a setting, what it is called: its scheme, and in what the settings tried differ."""
        settings = [cell for group in self.groups for cell in group.settings]
        plain = pd.DataFrame([{"cell": cell.id, **flatten(cell)} for cell in settings])
        named = with_curves(plain, None, always=[name for name in self.fields if name in varying(plain)])
        return dict(zip(named["cell"], named[CURVE], strict=True))

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The cells of the best of each kind, a row a seed, under their names."""
        names = {
            at.id: self.names[cell.id]
            for each in self.finalists
            for cell in each
            for at in expand(cell, {"seed": [cell.seed + place for place in range(self.wish.seeds)]})
        }
        shown = self.table.copy()
        shown[CURVE], shown[SETTING] = shown["cell"].map(names), CHOSEN
        return shown

    @property
    def seeds(self) -> int:
        """How many it is shown on."""
        return int(self.table["seed"].nunique())

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for the best of each kind: the recommended first, then by the metric, lossy ones last."""
        metric, summary = self.metric, summarise_curves(self.shown).copy()
        margins = [self._margin(str(curve)) for curve in summary[CURVE]]
        summary[BY], summary[BETTER] = metric, "higher" if self.wish.aim.higher else "lower"
        summary[MARGIN] = [each.size for each in margins]
        summary[MARGIN_LOW], summary[MARGIN_HIGH] = [each.low for each in margins], [each.high for each in margins]
        order = summary[MARGIN] * (-1 if self.wish.aim.higher else 1)
        first = (summary[CURVE] != self.names[self.best.id]) + 2 * self._lossy(summary)
        return summary.assign(order=order, first=first).sort_values(["first", "order"], ignore_index=True).drop(
            columns=["order", "first"]
        )  # fmt: skip

    @cached_property
    def tried(self) -> pd.DataFrame:
        """A row a setting: its seeds in the race, their mean metric, when and why it was stopped."""
        metric = self.metric
        plain = [flatten(cell) for group in self.groups for cell in group.settings]
        varied = varying(pd.DataFrame(plain))
        rows = iter(plain)
        found = []
        for group in self.groups:
            for place, cell in enumerate(group.settings):
                fields = {name: value for name, value in next(rows).items() if name in varied}
                stop = group.stopped.get(place)
                seeds = group.seeds if stop is None else stop.seeds
                mean = interval([self.rows[each.id][metric] for each in group.at(place, seeds)])
                than = "" if stop is None or stop.than is None else self.names[group.settings[stop.than].id]
                found.append({
                    CURVE: self.names[cell.id], **fields, "lossless": bool(cell.scheme.lossless), "seeds": seeds,
                    metric: mean.mean, metric + CI_SUFFIX: mean.half_width, "stopped": "" if stop is None else stop.why,
                    "than": than,
                })  # fmt: skip
        return pd.DataFrame(found)

    def findings(self) -> list[Answered]:
        """The answer, with the comparisons that it is made of; likewise of the lossy, if they raced."""
        metric = self.metric
        lines = (("Recommendation", self._answer), ("lossy", self._lossy_answer))
        return [each for name, line in lines for each in findings_file.compared(name, metric, self.shown, None, line)]

    def about(self) -> dict[str, Plain]:
        """What stands before the findings in their file."""
        question = f"Which setting has the {self._least} {called(self.metric)}?"
        return {"scenario": "recommend", "question": question, "axis": None, "seeds": self.seeds,
                "remarks": [*self._cut(), *self._far(), *self._course(), *self._remarks()]}  # fmt: skip

    def text(self) -> list[str]:
        """All there is to say, as lines of a terminal."""
        assumed = stands_for([self.best]).splitlines()
        lines = [self._printed(), "", *map(wrapped, self._course()), ""]
        lines += [*(wrapped(each.line) for each in self.findings()), ""]
        lines += map(wrapped, self._remarks()[: -len(assumed)])
        return [*lines, *map(wrapped, assumed), wrapped(TRUST)]

    @property
    def _least(self) -> str:
        return "most" if self.wish.aim.higher else "least"

    def _remarks(self) -> list[str]:
        """What is overloaded, at an end of what was tried, and assumed; models and clocks last."""
        ends = at_an_end(self.wish.places, self.best)
        text = "; ".join(f"{symbol(name)} = {value} is an end of what was tried: --grid {name}=... tries more"
                         for name, value in ends)  # fmt: skip
        left_out = "; ".join(f"{kind} ({why})" for kind, why in self.wish.without.items())
        cells = [place.cell for place in self.wish.places]
        alike = compared_alike(cells, Tune(fixed=self.wish.fixed), self.wish.without)
        alike += [f"Left out: {left_out}"] if left_out else []
        return [*overloads(self.summary, None), *([f"Note: {text}"] if text else []), *alike,
                self._workload(), *stands_for([self.best]).splitlines()]  # fmt: skip

    def _workload(self) -> str:
        work = self.best.workload
        prompt, output = work.longest
        devices = f"{work.devices} device{'s' if work.devices > 1 else ''}"
        each = "" if work.distinct is None else f", of {work.distinct} texts"
        return (
            f"Assumed: {devices}, {work.kind} workload, {work.total} request{'s' if work.total > 1 else ''} a "
            f"seed{each}, prompts of {prompt} tokens, answers of {output}; "
            f"temperature {self.best.models.temperature:g}."
        )

    def _printed(self) -> str:
        """A row for the best of each kind."""
        metric = self.metric
        factor, prefix = prefix_of_all([value for value in self.summary[metric] if value > 0])
        in_unit = f" ({prefix}{unit(metric)})" if unit(metric) else ""
        factor = factor if unit(metric) in ("s", "bit/s") else 1.0
        in_unit = in_unit if factor != 1.0 or not prefix else f" ({unit(metric)})"
        counts = Counter(cell.scheme.kind for group in self.groups for cell in group.settings)
        lossy = marks(self.summary)
        body = [
            [
                self._short(str(row[CURVE])) + lossy.get(str(row[CURVE]), ""),
                number(row[metric] / factor, row[metric + CI_SUFFIX] / factor),
                "best"
                if str(row[CURVE]) == self.names[self.best.id]
                else _signed(row[MARGIN], row[MARGIN_LOW], row[MARGIN_HIGH]),
                number(row["payload_bits_per_token"]),
                str(counts[str(row["scheme.kind"])]),
            ]
            for _, row in self.summary.iterrows()
        ]
        heading = (
            f"The best of each kind on {self.seeds} other seeds; margin to the first, paired by seed; payload bits"
        )
        header = ["", f"{called(metric)}{in_unit}", "margin", "bits/token", "tried"]
        return "\n\n".join([*self._cut(), heading, aligned(header, body), *self._far()])

    def _cut(self) -> list[str]:
        """What was not done for want of time, and what more of it would do."""
        raced, whole = self.raced.sampled, len(self.wish.settings)
        late = [group.seeds for group in self.groups if group.ended == TIME_IS_UP]
        cut = [f"{raced} of {whole} settings raced, evenly of each kind"] if raced < whole else []
        cut += [f"the race was cut after {min(late)} seeds"] if late else []
        cut += [] if self.raced.searched or raced < whole else ["what is next to the best of each kind was not tried"]
        cut += [f"shown on {self.seeds} of {self.wish.seeds} seeds"] if self.seeds < self.wish.seeds else []
        if not cut:
            return []
        minutes = max(2 * self.wish.budget.minutes, self.whole_minutes if np.isfinite(self.whole_minutes) else 0.0)
        seeds = self.wish.budget.looks[0]
        would = f"would race all {whole} on at least {seeds} seeds" if raced < whole else "would go on from there"
        more = f"--minutes {np.ceil(minutes):g} {would}"
        return [textwrap.fill(f"Tentative, time was up: {'; '.join(cut)}. {more}.", WIDTH)]

    def _far(self) -> list[str]:
        """The kinds whose margin is that of the race."""
        lines = [
            f"{self._short(self.names[group.settings[place].id])} {_signed(less.size, less.low, less.high)}"
            for group, shown in zip(self.groups, self.finalists, strict=True)
            for place in group.best_of_kinds(self.rows)
            if group.settings[place] not in shown
            for less in [group.behind_leader(place, self.rows)]
        ]
        far = f"Far behind in the race, not measured again: {'; '.join(lines)}"
        return [wrapped(far)] if lines else []

    def _course(self) -> list[str]:
        """How each group went: what was stopped when and why, why it ended, what that is worth."""
        lines = []
        for group in self.groups:
            apart = "" if group.settings[0].scheme.lossless else " of lossy schemes"
            stops = Counter((stop.seeds, stop.why) for stop in group.stopped.values())
            stopped = [f"{n} {why} after {seeds} seeds" for (seeds, why), n in sorted(stops.items())]
            share = f"{quantity(100 * group.behind, '', 2)}%" if np.isfinite(group.behind) else "any share"
            of_all = "it is the best of them"
            of_some = f"none of them is better than the first by more than {share}"
            sure = f"with {group.aim.confidence:.0%} confidence {of_some if len(group.racing) > 1 else of_all}"
            lines.append(
                f"Race{apart}: {len(group.settings)} settings, stopped: {', '.join(stopped) or 'none'}; "
                f"{len(group.racing)} left after {group.seeds} seeds ({group.ended}); {sure}"
            )
        found = len(self.raced.settings) - self.raced.sampled
        beside = f"{found} of the settings were found next to the best of a kind, on {SEARCH_SEEDS} seeds of their own"
        return [*lines, *([beside] if found else [])]

    def _answer(self) -> str:
        group, metric = self.groups[0], self.metric
        name = self.names[self.best.id]
        reached = interval(self.shown.loc[self.shown[CURVE] == name, metric].to_numpy())
        sure = "tentative: " if self._cut() else ""
        text = f"{PREFIX}{sure}use {self._spoken(name)}: {called(metric)} {with_interval(reached, metric)}"
        apart = self._lossy(self.summary)
        rivals = self.summary[(apart == apart.iloc[0]) & (self.summary[CURVE] != name)][CURVE]
        next_kind = [str(rival) for rival in rivals[:1]]
        for rival in next_kind:
            text += f". The next kind, {self._spoken(rival)}, against it: {percent(self._margin(rival))}"
        return text + self._alike(group, next_kind)

    def _lossy_answer(self) -> str:
        lossy = self.summary[self._lossy(self.summary)]
        if lossy.empty or not self.best.scheme.lossless:
            return ""
        name = str(lossy[CURVE].iloc[0])
        less = self._margin(name)
        tv = float(lossy["tv_output"].iloc[0])
        off = "how far off its text is, is not known" if np.isnan(tv) else f"its text is {tv:.2g} off in TV"
        return f"Lossy, apart: {self._spoken(name)}, {percent(less)} against that; {off}"

    def _alike(self, group: RaceGroup, named: Sequence[str]) -> str:
        """The settings that neither the race nor the seeds shown, where they are among those, distinguish from the
        best, without those named already."""
        racing = [group.settings[place] for place in group.racing]
        others = [name for cell in racing if cell is not self.best and (name := self.names[cell.id]) not in named]
        shown = set(self.summary[CURVE])
        left = [name for name in others if name not in shown or not self._margin(name).separable]
        if not left:
            return ""
        kinds = joined(list(dict.fromkeys(words_of(name)[0] for name in left)), "or")
        few = len(left) <= MANY
        text = joined([self._spoken(name) for name in left]) if few else f"{len(left)} others ({kinds})"
        limit = would_show(self._margin(name) for name in left if name in shown)
        return f". Not distinguishable from it at {CONFIDENCE:.0%}{limit and f' ({limit})'}: {text}"

    def _spoken(self, name: str) -> str:
        """`k_sqs with K = 8, ell = 100, L = 3`."""
        scheme, fields = words_of(name)
        text = ", ".join(f"{symbol(field)} = {value}" for field, value in fields.items())
        return f"{scheme} with {text}" if text else scheme

    def _short(self, name: str) -> str:
        """`k_sqs K=8 ell=100 L=3`."""
        scheme, fields = words_of(name)
        return curve_of(scheme, {symbol(field): value for field, value in fields.items()})

    def _margin(self, curve: str) -> Difference:
        """A setting against the recommended: what the table shows and the answer says."""
        best = self._is(self.names[self.best.id])
        return paired(self.shown, self.metric, self._is(curve), best)

    def _is(self, curve: str) -> pd.Series[bool]:
        return self.shown[CURVE] == curve

    def _lossy(self, summary: pd.DataFrame) -> pd.Series[bool]:
        return summary["lossy"].astype(bool)


def _signed(share: float, low: float, high: float) -> str:
    """`+14.2% (+11.3% to +17.1%)`."""
    digits = 0 if abs(share) >= 1 else 1
    return with_ends(share, low, high, lambda each: f"{100 * each:+,.{digits}f}%")
