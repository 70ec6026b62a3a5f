"""Figures of other papers beside those of the policies and presets that are named after them, and what engines gain by
co-located speculation (`engine_figures`).

    python -m tools.paper_figures

takes some minutes of processor time and writes the table of docs/validation.md between the marks that stand there. What
a source gives of its set-up stands here; `tests/tools/test_paper_figures.py` holds the quick ones of these to what the
page says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from channels.link.base_station import BaseStation, efficiency
from channels.uniforms import Uniforms
from kinds.arrays import Floats
from models.latency.profile import Profile
from simulator import Cell, simulate
from simulator.results.phase_prediction import one_draft_up_to_s
from simulator.schemes import UcbSpecStop
from simulator.schemes.policy import DraftRound, EdgeView, SeenLink, SeenVerdict
from simulator.tuning.joint_split import User, equal_shares, own_lengths
from tools import engine_figures
from tools.engine_figures import NO_LINK, Fields, memory
from tools.validation_page import DOCS, Row, compared, put

BEGIN, END = "<!-- papers -->", "<!-- /papers -->"
LENGTHS: Final = (1, 2, 3, 4, 5, 7, 10)
DELAYS_MS: Final = (0, 20, 40, 55, 83, 111, 150)
"""One way, injected; beside it half of what a round trip takes without (`OWN_DELAY_S`)."""
OWN_DELAY_S: Final = 0.0064
VERIFY_S: Final = 0.033
"""A request of the testbed in its server, whatever the length."""


class Suite(NamedTuple):
    """A pair on the testbed of UCB-SpecStop, a Jetson Orin Nano Super and an RTX 3090 (arXiv 2606.20591, and the files
    of github.com/szpsunkk/UCB-SpecStop)."""

    survival: tuple[float, ...]
    """P(the first k drafts of a round stand), k = 1..10, over 500 prompts, a round each."""
    draft_ms: tuple[tuple[int, float], ...]
    """(k, milliseconds that k drafts take)."""
    best: tuple[int, ...]
    """The best length at each of DELAYS_MS, over 300 rounds of each length."""
    measured: dict[int, tuple[tuple[int, float, float], ...]]
    """By delay, ms: (k, milliseconds a token, tokens a round), over 1,000 rounds of each length."""
    gap: dict[int, float]
    """By delay, ms: how far UCB-SpecStop was above the best length's milliseconds a token, one run of 1,000 rounds."""


QWEN: Final = Suite(
    (0.462, 0.328, 0.256, 0.214, 0.188, 0.166, 0.144, 0.110, 0.088, 0.082),
    ((1, 106.25), (2, 184.11), (3, 252.03), (5, 397.28), (7, 527.49), (10, 737.02)),
    (1, 1, 1, 1, 2, 3, 4),
    {
        111: ((1, 268.39, 1.458), (2, 267.38, 1.758), (3, 269.88, 2.0), (4, 278.64, 2.2), (5, 286.80, 2.384),
              (7, 311.41, 2.66), (10, 355.31, 2.912)),
        150: ((1, 321.21, 1.466), (2, 302.26, 1.806), (3, 297.00, 2.08), (4, 300.30, 2.31), (5, 304.48, 2.512),
              (7, 323.08, 2.798), (10, 367.07, 3.03)),
    },
    {111: 0.024, 150: 0.002},
)  # fmt: skip
LLAMA: Final = Suite(
    (0.382, 0.288, 0.226, 0.196, 0.170, 0.140, 0.124, 0.116, 0.102, 0.082),
    ((1, 90.40), (2, 154.65), (3, 208.49), (5, 294.68), (7, 388.36), (10, 525.95)),
    (1, 1, 1, 1, 1, 4, 7),
    {
        111: ((1, 261.57, 1.392), (2, 260.60, 1.678), (3, 261.18, 1.922), (4, 254.80, 2.132), (5, 254.41, 2.312),
              (7, 265.06, 2.57), (10, 291.85, 2.826)),
        150: ((1, 318.64, 1.396), (2, 311.11, 1.668), (3, 306.56, 1.9), (4, 302.84, 2.094), (5, 305.17, 2.256),
              (7, 304.84, 2.51), (10, 325.04, 2.79)),
    },
    {111: 0.021, 150: -0.011},
)  # fmt: skip
SUITES: Final = {"Qwen2.5-0.5B and 7B": QWEN, "Llama-3.2-1B and 8B": LLAMA}


RUNS: Final = 40
SEEDS: Final = 4
BETA_S, BOLD_S = 1e-3, 0.1
"""The paper's, and one a hundred times that."""
SPECSTOP: Final = "[UCB-SpecStop](https://github.com/szpsunkk/UCB-SpecStop), arXiv 2606.20591"


def affine_s(suite: Suite) -> tuple[float, float]:
    """(seconds a draft, seconds a round beside them), by least squares over what was measured of both."""
    lengths, ms = np.array(suite.draft_ms).T
    slope, rest = np.polyfit(lengths, ms, 1)
    return float(slope) / 1e3, float(rest) / 1e3


def testbed(suite: Suite, delay_ms: float, length: int, policy: object = "fixed_length", seed: int = 0) -> Cell:
    """A text of 2,000 tokens on that testbed, ids alone, the prompt in the cloud."""
    draft_s, rest_s = affine_s(suite)
    delay = {"kind": "constant", "delay_s": delay_ms / 1e3 + OWN_DELAY_S}
    link = NO_LINK | {"delay": delay, "arq": {"kind": "selective_repeat", "timeout_s": 2.0}}
    ids = {"sparsifier": {"kind": "top_k", "k": 1}, "quantizer": "exact", "code": "ids", "budget_bits": None}
    return one_device(
        {"survival": suite.survival, "size": 256, "prompt_tokens": 8},
        (1, 8, 2000),
        {"kind": "composed", **ids, "max_drafts": length, "policy": policy},
        (draft_s, VERIFY_S + rest_s),
        (link, link),
        seed,
    )


def one_device(
    pair: Fields,
    answers: tuple[int, int, int],
    scheme: object,
    passes_s: tuple[float, float],
    links: tuple[Fields, Fields] = (NO_LINK, NO_LINK),
    seed: int = 0,
) -> Cell:
    """A cell of one device whose cloud serves it alone. answers: how many, tokens of a prompt, tokens of an answer;
    passes_s: seconds of a pass, of the drafter's and of the verifier's; links: up and down."""
    requests, prompt_tokens, output_tokens = answers
    draft_s, verify_s = passes_s
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "acceptance", **pair}, "temperature": 0.0},
            "workload": {
                "kind": "closed", "requests": requests, "prompt_tokens": prompt_tokens, "output_tokens": output_tokens,
            },
            "scheme": scheme,
            "edge": {"latency": {"kind": "constant", "per_pass_s": draft_s}, "encode_s_per_draft": 0.0},
            "cloud": {"batching": "none", "latency": {"kind": "constant", "per_pass_s": verify_s}},
            "uplink": links[0],
            "downlink": links[1],
            "seed": seed,
        }
    )  # fmt: skip


def later_rounds(cell: Cell) -> tuple[float, pd.DataFrame]:
    """All simulated rounds but the first of an answer: their seconds, and what is known of them."""
    rounds = simulate(cell, memory=memory()).rounds
    later = rounds[rounds["round"] > 1]
    return float((later["answered_s"] - later["started_s"]).sum()), later


def token_s(cell: Cell) -> float:
    """Seconds a token, the first round left out."""
    took_s, rounds = later_rounds(cell)
    return float(took_s / rounds["committed"].sum())


def round_costs(suite: Suite, seeds: int, lengths: Sequence[int] = LENGTHS) -> tuple[Floats, Floats]:
    """(seconds of a round without an injected delay, its tokens) at each of these lengths, simulated: drafts take what
    so many took on the testbed, and rounds stand as often as the first ones after its prompts."""

    def cost(length: int) -> tuple[float, float]:
        pass_ms = float(np.interp(length, *np.array(suite.draft_ms).T)) / length
        alone = suite._replace(survival=suite.survival[:length], draft_ms=((1, pass_ms), (2, 2 * pass_ms)))
        took_s, rounds = zip(
            *[later_rounds(testbed(alone, 0, length, seed=seed)) for seed in range(seeds)], strict=True
        )
        count = sum(map(len, rounds))
        return sum(took_s) / count, sum(float(each["committed"].sum()) for each in rounds) / count

    took_s, tokens = np.array([cost(length) for length in lengths]).T
    return took_s, tokens


def first_above_one_ms(took_s: Floats, tokens: Floats, delays_ms: Sequence[float] | Floats) -> float:
    """The first of these delays each way at which one draft is not the best of these lengths; inf at none."""
    token_s = (took_s[:, None] + 2e-3 * np.array(delays_ms)) / tokens[:, None]  # [lengths, delays]
    above = np.nonzero(token_s.argmin(axis=0))[0]
    return float(delays_ms[above[0]]) if len(above) else np.inf


def found_by_few_rounds(suite: Suite, took_s: Floats, runs: int = 2000) -> Floats:
    """Which of the tested delays a run of 300 rounds of each length, at each delay, finds to be that one."""
    rounds = 300
    draw, survival, delays_ms = np.random.default_rng(0), np.array(suite.survival), np.array(DELAYS_MS)
    shares = -np.diff(survival, prepend=1.0, append=0.0)  # of rounds, by how many drafts stand
    stood = draw.multinomial(rounds, shares, size=(runs, len(LENGTHS), len(delays_ms)))
    kept = np.minimum(np.arange(len(shares)), np.array(LENGTHS)[:, None])  # [lengths, drafts that stand]
    tokens = 1 + np.einsum("rlds,ls->rld", stood, kept) / rounds
    best = ((took_s[:, None] + 2e-3 * delays_ms) / tokens).argmin(axis=1)  # [runs, delays]
    return np.where(best.any(axis=1), delays_ms[(best > 0).argmax(axis=1)], np.inf)


def simulated_gaps(suite: Suite, delay_ms: float, seeds: int, explorations_s: Sequence[float]) -> list[Floats]:
    """How far UCB-SpecStop is above the best fixed length's seconds a token, simulated, by seed, under each beta."""
    fixed = np.array([[token_s(testbed(suite, delay_ms, k, seed=seed)) for k in LENGTHS] for seed in range(seeds)])
    best_s = fixed[:, fixed.mean(axis=0).argmin()]

    def taken_s(beta_s: float, seed: int) -> float:
        return token_s(testbed(suite, delay_ms, 10, {"kind": "ucb_specstop", "exploration_s": beta_s}, seed))

    return [np.array([taken_s(beta_s, seed) for seed in range(seeds)]) / best_s - 1 for beta_s in explorations_s]


def replayed_gaps(suite: Suite, delay_ms: int, seeds: int) -> Floats:
    """The same of 1,000 rounds whose times and acceptance are those that were measured at each length, each round
    apart from the one before it, as on the testbed."""
    lengths, token_ms, tokens = np.array(suite.measured[delay_ms]).T
    every = np.arange(1, 11)
    round_s = np.interp(every, lengths, token_ms * tokens) / 1e3
    survival = np.minimum.accumulate(np.diff(np.interp(every, lengths, tokens), prepend=1.0))
    best_s = float(min(token_ms) / 1e3)
    return np.array([_replayed_s(round_s, survival, seed) / best_s - 1 for seed in range(seeds)])


def _replayed_s(round_s: Floats, survival: Floats, seed: int) -> float:
    """Seconds a token of one run."""
    policy, draw = UcbSpecStop(exploration_s=BETA_S), np.random.default_rng(seed)
    first = SeenVerdict(1, 0, 0, 0.0, 0.0)
    state, now_s, tokens = policy.learn(first, policy.entry(None)), 0.0, 0
    for _ in range(1000):
        action, state = policy.next(EdgeView(now_s, (), 10, 40, (first,), SeenLink()), state)
        assert isinstance(action, DraftRound)
        accepted = int((draw.random() < survival[: action.length]).sum())
        now_s += round_s[action.length - 1]
        tokens += accepted + 1
        state = policy.learn(SeenVerdict(action.length, accepted, 0, now_s, now_s), state)
    return now_s / tokens


def transitions() -> Iterator[Row]:
    """Where a draft more pays."""
    for name, suite in SUITES.items():
        took_s, tokens = round_costs(suite, 2)
        published = next(delay for delay, length in zip(DELAYS_MS, suite.best, strict=True) if length > 1)
        ours = first_above_one_ms(took_s, tokens, np.arange(0.0, 200.0, 0.5))
        found = found_by_few_rounds(suite, took_s)
        low, high = np.quantile(found, [0.1, 0.9])
        yield Row(
            SPECSTOP,
            f"delay each way from which one draft a round is not best, of {', '.join(map(str, DELAYS_MS))} ms, {name}",
            f"{published} ms",
            f"{ours:g} ms, of these {first_above_one_ms(took_s, tokens, DELAYS_MS):g}; 300 rounds a length, as there, "
            f"find {low:g} to {high:g} in 80% of runs, {published} in {np.mean(found == published):.0%}",
            f"{ours / published:.2f}",
            "none: times and acceptance as measured",
            "",
        )


def replayed() -> Iterator[Row]:
    """How far the bandit is from the best length, where rounds are those of the testbed."""
    for name, suite in SUITES.items():
        for delay_ms, published in suite.gap.items():
            ours = replayed_gaps(suite, delay_ms, RUNS)
            low, high = np.quantile(ours, [0.1, 0.9])
            yield Row(
                SPECSTOP,
                f"seconds a token above the best length's, {delay_ms} ms, {name}, times and acceptance as measured",
                f"{published:+.1%}, one run",
                f"{ours.mean():+.1%} in the mean of {RUNS} runs, {low:+.1%} to {high:+.1%} in 80% of them",
                "",
                "none",
                "" if low <= published <= high else "the figure is outside",
            )


def in_text() -> Iterator[Row]:
    """The same simulated, where one round begins where the one before it ended."""
    for delay_ms, published in QWEN.gap.items():
        own, bold = simulated_gaps(QWEN, delay_ms, SEEDS, (BETA_S, BOLD_S))
        yield Row(
            SPECSTOP,
            f"the same simulated in running text, {delay_ms} ms, {next(iter(SUITES))}",
            f"{published:+.1%}, one run",
            f"{own.mean():+.1%}, {own.min():+.1%} to {own.max():+.1%} in {SEEDS} runs; {bold.mean():+.1%} with "
            f"`exploration_s` = {BOLD_S:g}",
            "",
            "none",
            "" if own.min() <= published <= own.max() else "acceptance stays for 64 tokens here",
        )


def critical() -> Iterator[Row]:
    """The closed form."""
    ours = 1e3 * one_draft_up_to_s((0.7, 0.7**2), 1.5e-3, 0.5e-3) / 2
    yield Row(
        SPECSTOP,
        "critical delay, acceptance .7, 1 ms a draft, .5 ms a verified token",
        "1.602 ms",
        f"{ours:.3f} ms; simulated rounds of 1 and 2 drafts change places within 10% of it (a test)",
        f"{ours / 1.602:.2f}",
        "none",
        "",
    )


UPLOAD_S, STARTUP_S, NAV_S = 0.1032, 0.025, 0.0136
"""Of a public reproduction of PipeSD (github.com/Nuyoahwjl/PipeSD, HumanEval, 2.5 MB/s): 258 kB a draft on the uplink,
what an upload takes beside it, and a verification on the GPU."""
FIXED_MS, PIPESD_MS, ACCEPTED, DRAFTED = 628.705, 503.444, 4.237, 5.881
"""Milliseconds an accepted draft with about six a round and with PipeSD; accepted and drafted a round of six."""


def piped_ms(partial: bool) -> float:
    """Milliseconds an accepted draft of rounds of six, each sent whole or draft by draft as it is drawn. The drafter's
    pass is what the reproduction's fixed length leaves of a round."""
    rest_s = STARTUP_S + DRAFTED * UPLOAD_S + NAV_S
    pass_s = (FIXED_MS / 1e3 * ACCEPTED - rest_s) / DRAFTED
    size, down = 1024, NO_LINK | {"header_bits": 0}
    rate = {"kind": "constant", "bps": 16 * size / UPLOAD_S}
    cell = one_device(
        {"accepted_length": 1 + ACCEPTED, "drafts": 6, "size": size},
        (4, 64, 300),
        {"kind": "half_dense", "max_drafts": 6, "partial": partial},
        (pass_s, NAV_S),
        (down | {"rate": rate, "overhead_s": STARTUP_S, "sharing": "own"}, down),
    )
    took_s, rounds = later_rounds(cell)
    return 1e3 * float(took_s / rounds["accepted"].sum())


def piped() -> Iterator[Row]:
    """What drafts gain that are sent as they are drawn."""
    whole, parts = piped_ms(False), piped_ms(True)
    yield Row(
        "PipeSD, [a reproduction](https://github.com/Nuyoahwjl/PipeSD)",
        "time an accepted draft, about six drafts sent whole over PipeSD",
        f"{FIXED_MS:.0f} ms / {PIPESD_MS:.0f} ms = {FIXED_MS / PIPESD_MS:.3f}",
        f"{whole:.0f} ms / {parts:.0f} ms = {whole / parts:.3f} by sending each as it is drawn alone",
        f"{whole / parts / (FIXED_MS / PIPESD_MS):.2f}",
        "1 for 2 numbers: the drafter's pass, from the fixed length",
        "its thresholds and its drafting on",
    )


DECODED_S: Final = 1 / 64.847
SPEED_UP: Final = 117.104 / 64.847


def remote_speed_up(depth: int, seeds: int = 8) -> float:
    """Tokens a second of a drafter on another GPU over those of the target alone, 5 drafts a round of which 1.621
    stand, on a link of no length; a drafter's pass as of a 1.7B on an H100."""
    pair: Fields = {"accepted_length": 2.621, "drafts": 5, "size": 1024}

    def seconds(scheme: object) -> float:
        cells = [one_device(pair, (2, 64, 400), scheme, (0.00227, DECODED_S), seed=seed) for seed in range(seeds)]
        return sum(simulate(cell, memory=memory()).summary["latency_per_token_s"] for cell in cells)

    return seconds("cloud_only") / seconds({"kind": "remote_drafter", "max_drafts": 5, "depth": depth})


def remote() -> Iterator[Row]:
    """The gain of a drafter in a process of its own."""
    ahead, waits = remote_speed_up(1), remote_speed_up(0)
    yield Row(
        "[SGLang, pull request 22520](https://github.com/sgl-project/sglang/pull/22520)",
        "speed-up of Llama-3.3-70B by a Llama-3.2-1B on GPUs of its own, `math`, one user, 1.621 of 5 drafts accepted",
        f"{SPEED_UP:.2f}",
        f"{ahead:.2f}, and {waits:.2f} without drafting ahead, with 2.27 ms a drafter pass",
        f"{ahead / SPEED_UP:.2f}",
        "none: a pass of another drafter",
        "the gain: the drafter's pass is not stated, 1.39 ms would give it",
    )


EDGES: Final = ("orin_nano_smollm2_135m", "orin_nano_lfm2_1_2b", "oneplus12_llama_1b", "pi5_qwen2_5_0_5b")
FIRST_STANDS: Final = (0.38, 0.83)
"""The least and the most P(a draft stands) of published pairs (models/published_figures.py)."""
BATCH_S, LONGEST = 0.02, 8
GOODPUT_GAIN: Final = 0.88


def drop(users: int, drafts_per_s_hz: float, seed: int) -> list[User]:
    """Users of a cell: a place and shadow of an urban macro cell, one of the edges that were timed, and acceptance
    evenly within that of published pairs. `drafts_per_s_hz`: drafts a second that all the band carries at one bit a
    symbol."""
    draw, cell = np.random.default_rng(seed), BaseStation().curve(Uniforms.of(seed, "places"))
    pass_s = [Profile(name=name).pass_s([(1, 64)]) for name in EDGES]
    return [
        User(
            draw.uniform(*FIRST_STANDS), pass_s[draw.integers(len(EDGES))], drafts_per_s_hz * efficiency(cell.snr(i)), 1
        )
        for i in range(users)
    ]


def goodput_gains(users: Sequence[User]) -> tuple[float, float]:
    """Of lengths and shares of their own over equal shares with four drafts for all, and with the best length."""
    equal = [equal_shares(users, length, BATCH_S).tokens_per_s for length in range(1, LONGEST + 1)]
    own = own_lengths(users, LONGEST, BATCH_S).tokens_per_s
    return own / equal[3] - 1, own / max(equal) - 1


def shared_band() -> Iterator[Row]:
    """What lengths and shares of their own gain in cells that nobody tuned."""
    drops = 20
    for against, over in enumerate(("four drafts for all", "the best length for all")):
        ours = [
            float(np.median([goodput_gains(drop(users, band, seed))[against] for seed in range(drops)]))
            for users in (4, 8)
            for band in (5.0, 50.0, 500.0)
        ]
        yield Row(
            "[Multi-SPIN](https://arxiv.org/abs/2606.04581)",
            f"goodput of lengths and shares of their own over equal shares and {over}",
            f"up to {GOODPUT_GAIN:+.0%} over what ignores how users differ",
            f"{min(ours):+.0%} to {max(ours):+.0%}, medians of {drops} cells of 4 and 8 users, 5, 50 and 500 drafts a "
            "second on the band at a bit a symbol",
            f"{(1 + min(ours)) / (1 + GOODPUT_GAIN):.2f} to {(1 + max(ours)) / (1 + GOODPUT_GAIN):.2f}",
            "all, for 1 number: users, band, bits, devices, acceptance, what it is compared with",
            "nothing can be: all but the abstract could not be read",
        )


def rows() -> Iterator[Row]:
    """The whole table."""
    yield from engine_figures.rows()
    yield from critical()
    yield from transitions()
    yield from replayed()
    yield from in_text()
    yield from shared_band()
    yield from piped()
    yield from remote()


if __name__ == "__main__":
    put(DOCS / "validation.md", compared(rows()), BEGIN, END)
