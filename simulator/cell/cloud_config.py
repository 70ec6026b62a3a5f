"""The cloud as a user describes it: servers, how jobs reach them, how they share passes, and memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from kinds import Choice, ConfigError, Part, meant, named
from kinds.mistakes import is_number, not_negative
from models.latency.cited_passes import PROFILES
from models.latency.datasheets import DEVICES, SIZES
from models.latency.latency import LONGEST_S, Footprint, Latency
from models.latency.profile import Profile
from models.latency.roofline import Roofline
from models.power import POWER_NEEDED, POWERS, PRICES, Power, PriceName
from simulator.cell.scheme import Scheme
from simulator.results.run_totals import Charged


def _price(value: object) -> object:
    """A word that is no price's name is refused in words, before the types of the field are tried."""
    if isinstance(value, str) and value not in PRICES:
        raise ValueError(f"must be US dollars, or one of {', '.join(PRICES)}{meant(value, PRICES)}")
    return value


class Batching(Choice, family=True):
    """Rule that decides which waiting jobs share a pass, and the earliest start of a pass."""

    chunked: ClassVar[bool] = False
    """True if a job may be split over passes, so that a long prefill does not hold up the others."""

    cap: int = Field(16, ge=1, description="most jobs of one pass")

    def ready_s(self, waiting: int, oldest_s: float) -> float:
        """Returns the earliest time at which a free server with `waiting` >= 1 jobs, the oldest there since `oldest_s`,
        may begin a pass."""
        return oldest_s


class NoBatching(Batching):
    """Passes of one job."""

    kind: Literal["none"] = "none"
    cap: Literal[1] = Field(1, description="always 1")


class BatchWaiting(Batching):
    """A free server takes what waits, up to the cap, and never waits for more."""

    kind: Literal["waiting"] = "waiting"


class SizeOrWindow(Batching):
    """A free server waits until the cap is reached or the oldest job has waited for the window."""

    kind: Literal["window"] = "window"
    window_s: float = Field(0.02, ge=0, allow_inf_nan=False, description="longest wait of the oldest job for company")

    def ready_s(self, waiting: int, oldest_s: float) -> float:
        return oldest_s if waiting >= self.cap else oldest_s + self.window_s


class Continuous(Batching):
    """Pass after pass, jobs come and go between them; prefills are cut so that a pass keeps to the token budget.

    Verification and decoding go first, prefills fill what is left of `cloud.token_budget`: beside n streams a prompt
    takes ceil(prompt / (budget - n)) passes (Sarathi-Serve, arXiv 2403.02310, section 4; vLLM's scheduler, which would
    also cut a verification that does not fit, where here it waits).
    """

    chunked: ClassVar[bool] = True
    kind: Literal["continuous"] = "continuous"
    cap: int = Field(64, ge=1, description="most jobs of one pass")


class Admission(Choice, family=True):
    """Rule that decides whose keys and values a server's memory holds when there is no room for all."""

    preempts: ClassVar[bool]
    """True if sessions that came later are evicted. If not, each has room for its whole request or waits for it."""


class WholeRequest(Admission):
    """A request is let in when there is room for all it may ever hold (`request_tokens`), and keeps that until its
    answer is made, or word has come that its device gives up.

    Others wait in order of arrival; nobody overtakes, so a short request waits behind a long one. So do TensorRT-LLM by
    default (GUARANTEED_NO_EVICT) and Text Generation Inference.
    """

    preempts: ClassVar[bool] = False
    kind: Literal["whole_request"] = "whole_request"


class Preempt(Admission):
    """A session that is in grows, and where there is no room throws out those that came after it, the latest first, or
    at last itself. A new one, or one that was thrown out, waits in order of arrival for free room for all of its text.
    While there is room for all that wait, passes take jobs in the order of their queue.

    So does vLLM's scheduler, first come, first served, with `cloud.kv_block_tokens` at 16. Sessions whose devices draft
    are thrown out too; none that is in a pass is.
    """

    preempts: ClassVar[bool] = True
    kind: Literal["preempt"] = "preempt"


def whole_blocks(tokens: int, block_tokens: int) -> int:
    """The tokens of the blocks that so many tokens fill, the last of them maybe in part."""
    return -(-tokens // block_tokens) * block_tokens


def request_tokens(prompt_tokens: int, output_tokens: int, drafts: int) -> int:
    """The most tokens that a request of this length, with so many drafts a round, ever has cached."""
    return prompt_tokens + output_tokens + drafts + 1


def _tokens(value: object) -> object:
    """No limit has two spellings: null, and inf as in other fields."""
    if value in (None, inf, "inf"):
        return None
    if value == "memory" or (is_number(value) and value >= 1 and value == int(value)):
        return value
    raise ValueError("must be a whole number from 1, memory, or null or inf for no limit")


class CloudConfig(Part):
    """The verifier's servers."""

    servers: int = Field(1, ge=1, le=10_000, description="each with a copy of the verifier: a GPU, or `latency.gpus`")
    batching: Batching = Field(BatchWaiting(), description="how waiting jobs share a pass")
    token_budget: int | None = Field(
        None, ge=1, description="most new tokens of one pass; a single longer job goes alone; null for no limit"
    )
    kv_tokens: Annotated[int | Literal["memory"] | None, BeforeValidator(_tokens)] = Field(
        "memory",
        description="tokens whose keys and values a server's memory holds; `memory`: what the device of `latency` has "
        "left beside the weights, no limit where that is not known; null or inf for no limit",
    )
    kv_block_tokens: int = Field(
        1,
        ge=1,
        le=4_096,
        exclude_if=lambda tokens: tokens == 1,
        description="tokens of a block of that memory: a session has whole ones, of which the last is on average half "
        "empty; 16 in vLLM",
    )
    memory_utilization: float = Field(
        0.9, gt=0, le=1, description="share of the device's memory for weights, keys and values, where it decides"
    )
    activation_bytes: float = Field(
        1.4e9,
        ge=0,
        allow_inf_nan=False,
        description="memory of each GPU, of that share, that passes take beside weights, keys and values: assumed, as "
        "of an 8B model in vLLM on a GPU of 80 GB; 0.3 to 7 GB as passes are short or long",
    )
    admission: Admission = Field(Preempt(), description="whose keys and values the memory holds")
    latency: Latency = Field(
        Roofline(size=SIZES["opt_13b"], device=DEVICES["a100_80gb_sxm"]), description="time of a verifier pass"
    )
    drafter_latency: Latency = Field(
        Roofline(size=SIZES["opt_125m"], device=DEVICES["a100_80gb_sxm"]),
        description="time of a drafter pass in the cloud, for schemes that draft there",
    )
    drafts_per_pass: int = Field(
        1,
        ge=1,
        le=1_024,
        exclude_if=lambda drafts: drafts == 1,
        description="drafts that one pass of the drafter in the cloud makes, as edge.drafts_per_pass",
    )
    step_s: float = Field(
        0.0,
        ge=0,
        le=LONGEST_S,
        exclude_if=lambda seconds: not seconds,
        description="time that a serving engine adds to each pass of the verifier, to schedule, sample and detokenize: "
        "assumed 0.001 to 0.002, from nearly 0 where that overlaps with the passes to 0.005 and more (vLLM in 2024); a "
        "profile of gaps between an engine's tokens holds it already",
    )
    judge_s: float = Field(
        0.0,
        ge=0,
        le=LONGEST_S,
        exclude_if=lambda seconds: not seconds,
        description="time beside the verifier's pass to judge a round and write its reply, whatever its drafts",
    )
    decode_s_per_draft: float = Field(
        0.0,
        ge=0,
        le=LONGEST_S,
        exclude_if=lambda seconds: not seconds,
        description="time beside the verifier's pass to read and judge one draft; rounds that share a pass are read "
        "and verified one after another, as one processor would",
    )
    gpus: int | None = Field(
        None,
        ge=1,
        le=64,
        exclude_if=lambda gpus: gpus is None,
        description="of a server, for power and price; null: those of `latency`, 1 where it has none",
    )
    power: Annotated[Power | None, named(POWERS, "power", POWER_NEEDED)] = Field(
        None,
        exclude_if=lambda power: power is None,
        description="what a GPU draws, all of a server alike: a name of `sqsim list powers`, or watts; null: no figure",
    )
    usd_per_gpu_hour: Annotated[float | PriceName | None, BeforeValidator(_price), AfterValidator(not_negative)] = (
        Field(
            None,
            exclude_if=lambda usd: usd is None,
            description="price of a GPU for an hour: US dollars, or a name of `sqsim list powers`; null: no figure",
        )
    )
    charged: Charged = Field(
        "both",
        exclude_if=lambda charged: charged == "both",
        description="GPU time that is charged for: busy, passes alone, the rest being others'; held, all of it from "
        "the first arrival to the end of the last request; both, each in columns of its own",
    )

    @property
    def server_gpus(self) -> int:
        """GPUs of a server."""
        return self.gpus or self._timed_gpus or 1

    @property
    def _timed_gpus(self) -> int | None:
        """Number of GPUs that the latency model times, None if it names none."""
        found: int | None = getattr(self.latency, "gpus", None)
        return found

    def check_gpus(self) -> None:
        """Raises ValueError where the clock has other GPUs than power and price."""
        timed = self._timed_gpus
        if timed is not None and self.gpus not in (None, timed):
            raise ValueError(f"cloud.gpus = {self.gpus}: must be null or cloud.latency.gpus, {timed}")

    @property
    def server_usd_per_hour(self) -> float | None:
        """Price of a server."""
        usd = self.usd_per_gpu_hour
        return None if usd is None else self.server_gpus * (PRICES[usd].usd if isinstance(usd, str) else usd)

    def server_tokens(self, drafts_here: bool) -> int | None:
        """Tokens that the memory of a server holds, None for no limit. Raises ValueError where the weights do not fit.

        `drafts_here`: schemes draft in the cloud, so where both clocks name one device the drafter's weights lie there
        too, and its keys and values beside the verifier's for each token, whoever's it is. A drafter on a device of its
        own must fit there.
        """
        if self.kv_tokens != "memory":
            tokens = self.kv_tokens
        elif beside := self._beside(drafts_here):
            tokens = self._room("cloud.latency", beside)
        else:
            tokens = None
        return None if tokens is None else tokens // self.kv_block_tokens * self.kv_block_tokens

    def _beside(self, drafts_here: bool) -> list[Footprint]:
        """The models whose weights, keys and values lie in the memory of the verifier's device."""
        verifier, drafter = self.latency.footprint, self.drafter_latency.footprint if drafts_here else None
        beside = [each for each in (verifier, drafter) if each and verifier and each.device == verifier.device]
        if drafter and drafter not in beside:
            self._room("cloud.drafter_latency", [drafter])
        return beside

    def _room(self, name: str, models: Sequence[Footprint]) -> int:
        """Tokens that models hold on the one device of all, at least 1. `name`: of the first one's field."""
        first = models[0]
        room_bytes = self.memory_utilization * first.device_bytes - first.gpus * self.activation_bytes
        weights_bytes = sum(model.weights_bytes for model in models)
        tokens = int((room_bytes - weights_bytes) // sum(model.token_bytes for model in models))
        if tokens < 1:
            raise ValueError(
                f"{name}.size = {' with '.join(model.model for model in models)}: takes "
                f"{weights_bytes / 1e9:,.1f} GB for its weights, of {room_bytes / 1e9:,.1f} GB that "
                f"cloud.memory_utilization = {self.memory_utilization:g} and cloud.activation_bytes = "
                f"{self.activation_bytes:g} leave on {first.gpus} {first.device}; another device, or null for "
                "cloud.kv_tokens"
            )
        return tokens

    def check_clocks(self, scheme: Scheme, requests: int, prompt: int, output: int, *, evicts: bool) -> None:
        """Raises ConfigError where a clock that the scheme needs was measured on a device and not on a server, or knows
        nothing of a pass that there may be over its requests, so many at a time. `evicts`: whether sessions may be
        thrown out of the memory, if the admission does that."""
        text = request_tokens(prompt, output, scheme.drafts)
        reads_again = evicts and self.admission.preempts
        most = (min(self.batching.cap, requests), text if reads_again else prompt + scheme.drafts, text)
        clocks = {"latency": self.latency} if scheme.protocol != "local" else {}
        if scheme.drafts_in_cloud:
            clocks["drafter_latency"] = self.drafter_latency
        for name, clock in clocks.items():
            if isinstance(clock, Profile) and clock.cited and clock.cited.place == "edge":
                servers = ", ".join(profile for profile, cited in PROFILES.items() if cited.place == "cloud")
                raise ConfigError(f"cloud.{name}.name = {clock.name}: must be a profile of a server, one of {servers}")
            try:
                masks = self.drafts_per_pass - 1 if name == "drafter_latency" else 0
                clock.check_range((most[0], most[1] + masks, most[2]))
            except ValueError as error:
                raise ConfigError(f"cloud.{name} = {error}") from None

    def check_holds(self, tokens: int, server_tokens: int | None) -> None:
        """Raises ValueError where a request of so many tokens finds no room in an empty server."""
        tokens = whole_blocks(tokens, self.kv_block_tokens)
        if server_tokens is not None and server_tokens < tokens:
            has = f", has room for {server_tokens}" if self.kv_tokens == "memory" else ""
            raise ValueError(f"cloud.kv_tokens = {self.kv_tokens}: must hold one whole request, {tokens} tokens{has}")
