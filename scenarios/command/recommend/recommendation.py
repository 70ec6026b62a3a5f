"""Recommendation from a finished race: the answer, its reason, the points at which it turns; the best of each kind with
its margin; the course of the race and how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from channels.link.rates import ConstantRate
from plots.bar_figures import called
from scenarios.command.fairness import BASELINES as ALL_BASELINES
from scenarios.command.fairness import compared_alike
from scenarios.command.recommend.tried_schemes import COLOCATED, Wish, at_an_end
from scenarios.command.recommend.turning import Turn
from scenarios.command.run.base_line import base_line
from scenarios.command.run.printed_tables import overloads, stands_for
from scenarios.command.run.screen import Screen, more
from scenarios.command.scenario import Tune
from scenarios.findings import findings_file
from scenarios.findings.comparisons import PairedCurves, Place
from scenarios.findings.curve_table import unit_of
from scenarios.findings.findings_file import Answered
from scenarios.findings.sentences.limits import HEAD as LIMITS
from scenarios.findings.sentences.limits import limits_entry, limits_legend, limits_of
from scenarios.findings.text_table import Detail, TextTable, number
from scenarios.findings.wording import (
    MANIFOLD,
    Finding,
    amount,
    counted,
    joined,
    no_difference,
    percent,
    rows_of,
    signed,
    with_interval,
    would_show,
)
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand
from simulator.results.column_names import (
    ATTAINMENT,
    BETTER,
    BY,
    CHOSEN,
    CI_SUFFIX,
    CURVE,
    MARGIN,
    MARGIN_HIGH,
    MARGIN_LOW,
    SETTING,
)
from simulator.results.display_names import DisplayNames, letter, words_of
from simulator.results.intervals import CONFIDENCE, Difference, interval, summarise_curves, varying, with_curves
from simulator.results.lossy_schemes import marks
from simulator.results.plain_values import Plain
from simulator.results.units import quantity
from simulator.tuning.racing import SEARCH_SEEDS, SPENT, Entrants, RaceGroup
from simulator.tuning.trials import Row

RECOMMENDED = "recommended.yaml"
CLOUD_ONLY = "cloud_only"
BASELINES = (CLOUD_ONLY, "colocated")
"""Kinds that a scheme that drafts at the edge has to beat."""
PARTS: Mapping[str, Sequence[str]] = {
    "the device": ("edge_queue_s", "draft_s", "encode_s"),
    "reading the prompt": ("prefill_s",),
    "the uplink": (
        "prompt_uplink_s", "uplink_queue_s", "uplink_transmit_s", "retransmit_s", "timeout_wait_s"
    ),
    "the distance": ("propagation_s",),
    "the cloud": ("cloud_queue_s", "cloud_decode_s", "verify_s"),
    "the downlink": ("downlink_queue_s", "downlink_s"),
}  # fmt: skip
"""Places at which a token's time is spent: a partition of BREAKDOWN."""
LEAST_SEEDS = 4
"""Fewer seeds than these give no interval and no recommendation."""
MANY = 6
"""More settings than these are counted, not named."""
TRUST = (
    f"Trust: of the settings tried, on this pair, clock and workload. Margins are paired {CONFIDENCE:.0%} intervals on "
    "seeds that chose nothing. A setting that is clearly worse was not raced further."
)


@dataclass(frozen=True)
class Recommendation:
    """Recommendation: the entrants, their groups, the results of their cells, the best of each kind, and its table on
    the seeds shown. `turns`: where the best and its rival pass each other."""

    wish: Wish
    raced: Entrants
    groups: Sequence[RaceGroup]
    rows: Mapping[str, Row]
    finalists: Sequence[Sequence[Cell]]
    table: pd.DataFrame
    turns: Sequence[Turn] = ()

    @cached_property
    def best(self) -> Cell:
        """The setting recommended: the first of the race that meets the limits on the seeds shown, or cloud-only
        decoding if no difference from it is seen; if none meets them, the one that is nearest to them."""
        first = min(self.finalists[0], key=lambda cell: self._excess(self.names[cell.id]))
        alone = next((cell for cell in self.finalists[0] if cell.scheme.kind == CLOUD_ONLY), first)
        if alone is first or self.seeds < LEAST_SEEDS or self._excess(self.names[alone.id]):
            return first
        row = Place(self.metric, self.shown).of(self.names[first.id], self.names[alone.id])
        return first if row.less.separable else alone

    def _excess(self, curve: str) -> float:
        aim = self.wish.aim
        rows = self.shown.loc[self.shown[CURVE] == curve, [ATTAINMENT, *aim.limits]].astype(float)
        return aim.excess([dict(row) for _, row in rows.iterrows()])

    @cached_property
    def rival(self) -> Cell | None:
        """Setting against which the best is weighed: for a scheme that drafts at the edge the best baseline, for a
        baseline the best scheme that drafts at the edge; else the next best. None if no lossless setting is shown
        beside it."""
        cells = {self.names[cell.id]: cell for each in self.finalists for cell in each}
        lossy = self._lossy(self.summary)
        others = [cells[str(name)] for name in self.summary.loc[~lossy, CURVE] if cells[str(name)] is not self.best]
        baseline = self.best.scheme.kind in BASELINES
        across = [cell for cell in others if (cell.scheme.kind in BASELINES) != baseline]
        return next(iter([*across, *others]), None)

    @property
    def metric(self) -> str:
        """Metric that the best setting optimises."""
        return self.wish.aim.metric

    @property
    def fields(self) -> list[str]:
        """The columns that each name tells."""
        return list(dict.fromkeys(path for place in self.wish.places for path in place.fields))

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of the settings, by their ids: the scheme, and the fields in which the settings tried differ."""
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
        """Number of seeds on which it is shown."""
        return int(self.table["seed"].nunique())

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for the best of each kind: the recommended first, then by the metric, lossy ones last."""
        metric, summary = self.metric, summarise_curves(self.shown).copy()
        if self.seeds < LEAST_SEEDS:
            summary[metric + CI_SUFFIX] = np.nan
        margins = [self._margin(str(curve)) for curve in summary[CURVE]]
        summary[BY], summary[BETTER] = metric, "higher" if self.wish.aim.higher else "lower"
        summary[MARGIN] = [each.size for each in margins]
        no_ends = np.nan if self.seeds < LEAST_SEEDS else 0.0
        summary[MARGIN_LOW] = [each.low + no_ends for each in margins]
        summary[MARGIN_HIGH] = [each.high + no_ends for each in margins]
        order = summary[MARGIN] * (-1 if self.wish.aim.higher else 1)
        first = (summary[CURVE] != self.names[self.best.id]) + 2 * self._lossy(summary)
        over = [self._excess(str(curve)) > 0 for curve in summary[CURVE]]
        ranked = summary.assign(first=first, over=over, order=order)
        return ranked.sort_values(["first", "over", "order"], ignore_index=True).drop(
            columns=["first", "over", "order"]
        )

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
        """The answer, with the comparisons that it is made of; what cannot be distinguished from the best; what the
        lossy give, if they raced."""
        lines = (("Recommendation", self._answer), ("Alike", self._alike), ("lossy", self._lossy_answer))
        table, fields = self.shown, findings_file.places(self.shown, None)
        found = [
            each for name, line in lines for each in findings_file.compared(name, self.metric, table, fields, line)
        ]
        return [replace(each, is_answer=each.asked == "Recommendation") for each in found]

    @property
    def question(self) -> str:
        """Question, with its pair, load and link."""
        best = self.best
        devices = best.workload.devices
        rate = best.uplink.rate
        link = f", uplink {quantity(rate.bps, 'bps')}" if isinstance(rate, ConstantRate) and not best.fleet else ""
        of = f"pair {self._names.word(best.models.pair.kind)}, {devices} device{'s' if devices > 1 else ''}{link}"
        asked = "Shall a device draft for this server, and which" if best.sources else "Which"
        return f"{asked} setting has the {'most' if self.wish.aim.higher else 'least'} {called(self.metric)}? ({of})"

    @property
    def base(self) -> str:
        """Returns whose numbers they are, in a line."""
        shown = expand(self.best, {"seed": [self.best.seed + place for place in range(self.seeds)]})
        return base_line(shown, "settings were chosen on others", timed=True)

    def about(self) -> dict[str, Plain]:
        """Returns the head of the findings' file."""
        return {
            "scenario": "recommend", "question": self.question, "axis": None, "seeds": self.seeds, "base": self.base,
            "remarks": [*self._cut(), self._decides(), self._turns(), *self._course(), *self._remarks()],
            "table": asdict(self._table()),
        }  # fmt: skip

    def screen(self, out: Path) -> Screen:
        """Returns the screen of the results in `out`: the answer, its reason, where it turns, and the table."""
        notes = [*self._cut(), *overloads(self.summary, None), *self._left_out(), *self.wish.assumed,
                 self._workload()]  # fmt: skip
        notes += [f"Note: {line}" for line in self._ends()]
        notes += self.best.sources
        beside = "".join(f" --import {path}" for path in self.best.imports)
        use = "use it" if self._is_decided else "the first"
        places = [f"{use}: sqsim run --config {out / RECOMMENDED}{beside}", *more(out)]
        return Screen(
            self.question, self._answer(), self._table(), notes, self.base, places, self._details(),
            leads=[("DECIDES", self._decides()), ("TURNS", self._turns())],
        )  # fmt: skip

    def _details(self) -> list[Detail]:
        others = [each.line for each in self.findings() if not each.is_answer]
        blocks = [
            ("The race", self._course()), ("Beside the answer", others),
            ("To know of the numbers", [*self._alike_schemes(), *stands_for([self.best]), TRUST]),
        ]  # fmt: skip
        return [Detail(head, lines) for head, lines in blocks if lines]

    def plain(self, out: Path) -> dict[str, object]:
        """The same for programs. `settings`: the best of each kind, the recommended first; shares are fractions of the
        metric, with the ends of their interval, null where there is none."""
        metric = self.metric
        lossy = self._lossy(self.summary)
        settings = [
            {
                "setting": str(row[CURVE]),
                "metric": _number(row[metric]), "half_width": _number(row[metric + CI_SUFFIX]),
                "seeds": int(row["n"]), "against_recommended": _number(row[MARGIN]), "low": _number(row[MARGIN_LOW]),
                "high": _number(row[MARGIN_HIGH]), "payload_bits_per_token": _number(row["payload_bits_per_token"]),
                "lossy": bool(departs), "settings_raced": self._raced[str(row["scheme.kind"])],
                "slo_attainment": _number(row[ATTAINMENT]) if self.wish.aim.limited else None,
            }
            for (_, row), departs in zip(self.summary.iterrows(), lossy, strict=True)
        ]  # fmt: skip
        return {
            "question": self.question, "answer": self._answer(), "tentative": self._cut(), "metric": metric,
            "decides": {part: _number(share) for part, share in self._shares()},
            "rival": None if self.rival is None else self.names[self.rival.id],
            "turns": [each.plain() for each in self.turns],
            "settings": settings, "remarks": self.about()["remarks"],
            "recommended": str(out / RECOMMENDED), "results": str(out),
        }  # fmt: skip

    def _remarks(self) -> list[str]:
        """Returns remarks on overload, on ends of the range tried, and on assumptions; models and latency models
        last."""
        return [*overloads(self.summary, None), *self._ends(), *self._alike_schemes(), *self._left_out(),
                *self.wish.assumed, self._workload(), *stands_for([self.best])]  # fmt: skip

    def _ends(self) -> list[str]:
        ends = at_an_end(self.wish.places, self.best)
        text = "; ".join(f"{letter(name)} = {value} is an end of what was tried: --grid {name}=... tries more"
                         for name, value in ends)  # fmt: skip
        return [text] if text else []

    def _alike_schemes(self) -> list[str]:
        cells = [place.cell for place in self.wish.places]
        return compared_alike(cells, Tune(fixed=self.wish.fixed), self.wish.without)

    def _left_out(self) -> list[str]:
        left_out = "; ".join(f"{self._names.word(kind)} ({why})" for kind, why in self.wish.without.items())
        return [f"Left out: {left_out}"] if left_out else []

    @property
    def _names(self) -> DisplayNames:
        return DisplayNames()

    def _shares(self) -> list[tuple[str, float]]:
        row = self.summary.iloc[0]
        times = {part: sum(float(row[state]) for state in states) for part, states in PARTS.items()}
        whole = sum(times.values())
        shares = [(part, each / whole) for part, each in times.items() if each > 0] if whole > 0 else []
        return sorted(shares, key=lambda each: -each[1])

    def _decides(self) -> str:
        text = ", then ".join(f"{part} ({share:.0%} of the time)" for part, share in self._shares()[:2])
        return text or "not known: no request was answered"

    def _turns(self) -> str:
        if self.seeds < LEAST_SEEDS:
            return f"not looked for: {LEAST_SEEDS} seeds are needed"
        if self.rival is None:
            return "not looked for: there is no rival"
        if not self.turns:
            return "not looked for: rate and delays are no constants that all devices share"
        best, rival = (self._short(self.names[cell.id]) for cell in (self.best, self.rival))
        places = "; ".join(each.text() for each in self.turns)
        return f"{best} is better than {rival}, neither tuned again, over {places}"

    def _workload(self) -> str:
        work = self.best.workload
        prompt, output = work.longest
        devices = f"{work.devices} device{'s' if work.devices > 1 else ''}"
        each = "" if work.distinct is None else f", of {work.distinct} texts"
        return (
            f"Assumed: {devices}, {work.kind} workload, {counted(self.best.requests, 'request')} a seed{each}, "
            f"prompts of {prompt} tokens, answers of {output}; "
            f"temperature {self.best.models.temperature:g}."
        )

    def _table(self) -> TextTable:
        metric, limited = self.metric, self.wish.aim.limited
        factor, of = unit_of(self.summary[metric].tolist(), metric)
        in_unit = f" ({of})" if of else ""
        lossy = marks(self.summary)
        body = [
            [
                self._short(str(row[CURVE])) + lossy.get(str(row[CURVE]), ""),
                number(row[metric] / factor, row[metric + CI_SUFFIX] / factor).text,
                "-" if str(row[CURVE]) == self.names[self.best.id] else self._against_first(str(row[CURVE])),
                limits_entry(self.summary.loc[[at]]).value if limited else number(row["payload_bits_per_token"]).text,
                str(self._raced[str(row["scheme.kind"])]),
            ]
            for at, row in self.summary.iterrows()
        ]
        alone = max(self._raced.values()) == 1
        which = "one setting of each kind" if alone else "the best of the settings raced of each kind"
        heads = ["", of, "against the first", LIMITS if limited else "bits/token", "raced"]
        table = TextTable.of(f"{called(metric).capitalize()}{in_unit}, {which}", heads, body)
        return replace(table, legend=[limits_legend(self.summary)] if limited else [])

    def _against_first(self, curve: str) -> str:
        """Returns the margin, `+14.2% (+11.3% to +17.1%)`; without an interval if seeds are few."""
        text = signed(self._margin(curve))
        return text if self.seeds >= LEAST_SEEDS else text.split(" ")[0]

    @cached_property
    def _raced(self) -> Counter[str]:
        """Returns the number of settings that raced, by kind of scheme."""
        return Counter(cell.scheme.kind for group in self.groups for cell in group.settings)

    def _cut(self) -> list[str]:
        raced, whole, budget = self.raced.sampled, self.raced.whole, self.wish.budget
        late = [group.seeds for group in self.groups if group.ended == SPENT]
        cut = [f"{raced} of {whole} settings raced, evenly of each kind"] if raced < whole else []
        cut += [f"the race was cut after {min(late)} seeds"] if late else []
        cut += [] if self.raced.searched or raced < whole else ["what is next to the best of each kind was not tried"]
        if not cut:
            return []
        needed = whole * (budget.looks[0] + 2 * SEARCH_SEEDS)
        would = (
            f"would race all {whole} on at least {budget.looks[0]} seeds" if raced < whole else "would go on from there"
        )
        more = f"--budget {max(2 * budget.trials, needed):g} {would}"
        return [f"Tentative, the budget of {counted(int(budget.trials), 'trial')} was spent: {'; '.join(cut)}. {more}."]

    def _course(self) -> list[str]:
        """Returns lines on the course of each group: the settings that were stopped, the reason of its end, and its
        worth."""
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
        """Returns the answer: what to use, its metric, and its distance from the baselines, or, of a baseline, from its
        rival."""
        best, name = self.names[self.best.id], self._short(self.names[self.best.id])
        if self._excess(best) and self.seeds >= LEAST_SEEDS:
            none = f"{'Tentative: n' if self._cut() else 'N'}one meets your limits ({limits_of(self.summary)})"
            return f"{self._not_compared()}{none}; nearest: {self._miss()}"
        reached = interval(self.shown.loc[self.shown[CURVE] == best, self.metric].to_numpy())
        if self.seeds < LEAST_SEEDS:
            first = f"{name} with {called(self.metric)} {amount(reached.mean, self.metric)}"
            few = f"{self.seeds} seeds: too few to rank, --seeds {LEAST_SEEDS} or more gives intervals"
            return f"{self._not_compared()}{few}; first so far: {first}"
        kinds = [kind for kind in BASELINES if kind != self.best.scheme.kind]
        cells = [cell for each in self.finalists for cell in each if cell.scheme.kind in kinds]
        if self.rival is not None and self.rival not in cells:
            cells.append(self.rival)
        against = [self._against(self.names[cell.id]) for cell in cells]
        value = f"{called(self.metric)} {with_interval(reached, self.metric)}"
        shall = self._shall_draft() if self.best.sources else ""
        within = f"within your limits ({limits_of(self.summary)}) " if self.wish.aim.limited else ""
        use = "stay with" if self.best.scheme.kind == CLOUD_ONLY else "use"
        text = f"{'tentative: ' if self._cut() else ''}{shall}{within}{use} {name}: {'; '.join([value, *against])}"
        return Finding(self._not_compared() + text[0].upper() + text[1:], rows_of(against))

    def _miss(self) -> str:
        """`K-SQS L=4: TTFT 2.4 s, 20% above; 61% of requests meet them`, of the nearest to the limits."""
        row = self.summary.iloc[0]
        over = {name: row[name] / limit for name, limit in self.wish.aim.limits.items() if row[name] > limit}
        times = [
            f"{name.removesuffix('_s').upper()} {amount(row[name], name)}, "
            + (f"x {quantity(ratio, '')} the limit" if ratio > 1 + MANIFOLD else f"{ratio - 1:.0%} above")
            for name, ratio in over.items()
        ]
        share = f"{row[ATTAINMENT]:.0%} of requests meet them"
        return f"{self._short(str(row[CURVE]))}: {'; '.join([*times, share])}"

    @property
    def _is_decided(self) -> bool:
        return self.seeds >= LEAST_SEEDS and not self._excess(self.names[self.best.id])

    def _not_compared(self) -> str:
        """Says so if co-located speculation is not among the settings shown: to beat a cloud that does not draft is not
        to beat the cloud."""
        shown = {cell.scheme.kind for each in self.finalists for cell in each}
        return "" if COLOCATED in shown else f"Not compared with {ALL_BASELINES[COLOCATED]}. "

    def _shall_draft(self) -> str:
        """Returns "yes, " if the edge shall draft for the server, "no, " if not, "undecided, " if the best and its
        rival cannot be told apart."""
        if self.rival is None or not self._margin(self.names[self.rival.id]).separable:
            return "undecided, "
        return "no, " if self.best.scheme.kind in BASELINES else "yes, "

    def _against(self, other: str) -> str:
        """`24% lower (20% to 28%) than cloud only`."""
        row = Place(self.metric, self.shown).of(self.names[self.best.id], other)
        less, name = row.less, self._short(other) + (", which misses them" if self._excess(other) else "")
        if less.separable or less.n < 2 or less.same:
            text = percent(less)
            return Finding(f"{text} {'that of' if text.startswith('x ') else 'than'} {name}", [row])
        return Finding(no_difference([less], between=f"from {name}"), [row])

    def _lossy_answer(self) -> str:
        lossy = self.summary[self._lossy(self.summary)]
        if lossy.empty or not self.best.scheme.lossless or self.seeds < LEAST_SEEDS:
            return ""
        name = str(lossy[CURVE].iloc[0])
        row = self._row(name)
        tv = float(lossy["tv_output"].iloc[0])
        off = "how far off its text is, is not known" if np.isnan(tv) else f"its text is {tv:.2g} off in TV"
        return Finding(f"Lossy, apart: {self._short(name)}, {percent(row.less)} against that; {off}", [row])

    def _alike(self) -> str:
        """The settings that neither the race nor the seeds shown, where they are among those, distinguish from the
        best."""
        racing = [self.groups[0].settings[place] for place in self.groups[0].racing]
        others = [self.names[cell.id] for cell in racing if cell is not self.best]
        shown = set(self.summary[CURVE])
        left = [name for name in others if name not in shown or not self._margin(name).separable]
        if not left or self.seeds < LEAST_SEEDS:
            return ""
        kinds = joined([self._names.word(kind) for kind in dict.fromkeys(words_of(name)[0] for name in left)], "or")
        text = joined([self._short(name) for name in left]) if len(left) <= MANY else f"{len(left)} others ({kinds})"
        rows = [self._row(name) for name in left if name in shown]
        limit = would_show(row.less for row in rows)
        return Finding(f"Not distinguishable from it at {CONFIDENCE:.0%}{limit and f' ({limit})'}: {text}", rows)

    def _short(self, name: str) -> str:
        """`K-SQS, K=8, ℓ=100, L=3`."""
        return self._names.curve(name).replace(" = ", "=")

    def _margin(self, curve: str) -> Difference:
        """A setting against the recommended: what the table shows and the answer says."""
        return self._row(curve).less

    def _row(self, curve: str) -> PairedCurves:
        return Place(self.metric, self.shown).of(curve, self.names[self.best.id])

    def _lossy(self, summary: pd.DataFrame) -> pd.Series[bool]:
        return summary["lossy"].astype(bool)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
