"""Direction of a link as a user describes it: rate, loss, delay, packets, repeats and sharing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from channels.link.arq import LEAST_WINDOW, WIDEST_WINDOW, Arq, SelectiveRepeat
from channels.link.delays import ConstantDelay, Delay
from channels.link.listening import Always, Listening
from channels.link.losses import Loss, NoLoss
from channels.link.radio_power import RADIO_NEEDED, RADIOS, Connection, OnAir, Radio, RadioName
from channels.link.rates import ConstantRate, Curve, Rate
from channels.link.sharing import Fifo, Sharing
from channels.uniforms import Uniforms
from kinds import ConfigError, Part, meant, named
from kinds.mistakes import not_negative


def _is_none(value: object) -> bool:
    """True if a field has nothing to write: a link without it keeps its text, and its run the id."""
    return value is None


class LinkConfig(Part):
    """Direction of a link. The defaults are a thin, clean uplink of an edge device.

    The name of a preset stands for a whole link, as in `nb_iot.uplink`; a mapping with a `preset` changes parts of one.
    """

    presets: ClassVar[dict[str, LinkConfig]] = {}

    rate: Rate = Field(ConstantRate(), description="Service rate of the link.")
    loss: Loss = Field(NoLoss(), description="Which packets are lost on the air.")
    delay: Delay = Field(ConstantDelay(), description="Propagation delay; it does not hold the link.")
    access_s: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Wait of each message for its grant before it may queue, seconds."
    )
    idle_access_s: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        exclude_if=lambda wait_s: not wait_s,
        description="The same wait of a device that idles: it must first ask for a connection (random access).",
    )
    idle_after_s: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        exclude_if=_is_none,
        description="A device idles at first, and again when it has sent nothing for so long, seconds; null: never.",
    )
    overhead_s: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        exclude_if=lambda overhead_s: not overhead_s,
        description="Airtime of each packet beside its bits, seconds: preamble, back-off, gaps, the MAC's own answer.",
    )
    half_duplex: Literal["device"] | None = Field(
        None,
        exclude_if=_is_none,
        description="device: a device cannot send and receive at once, alike on both ways; the packet that joined "
        "first goes first. null: it can.",
    )
    listens: Listening = Field(
        Always(),
        exclude_if=lambda listens: not listens.windows_s,
        description="When a device receives: always, or only after it has sent; a matter of the downlink.",
    )
    mtu_bits: int | None = Field(
        None, gt=0, description="Largest packet, header included, bits; null: each message is one packet."
    )
    header_bits: int = Field(
        320,
        ge=0,
        le=1_000_000,
        description="Header of each packet, bits: IPv4 160 + UDP 64 + 96 of ours: kind, device, request, round, "
        "fragment, attempt; at most 1,000,000, beyond any protocol's.",
    )
    part_header_bits: int | None = Field(
        None,
        ge=8,
        le=1_000_000,
        exclude_if=_is_none,
        description="Header of each part of a partial round but the first, bits: where a grant is filled as drafts are "
        "made, as segments of one packet, a byte or two says which part it is and whether it is the last; null: "
        "header_bits, a packet of its own.",
    )
    arq: Arq = Field(
        SelectiveRepeat(),
        description="How lost packets are sent again; stop_and_wait holds each streamed token back for a round trip.",
    )
    sharing: Sharing = Field(Fifo(), description="How the devices share the link.")
    power_w: Annotated[float | RadioName | None, AfterValidator(not_negative)] = Field(
        None,
        exclude_if=_is_none,
        description="What a device's radio draws while a packet is on the air: of an uplink sending, of a downlink "
        "receiving; a number or a name of `sqsim list powers`, of which some draw until after the last packet; null: "
        "no figure.",
    )
    radio: Annotated[Radio | None, named(RADIOS, "radio", RADIO_NEEDED)] = Field(
        None,
        exclude_if=_is_none,
        description="A device's radio in all of its states, in place of power_w: a name of `sqsim list powers`, or its "
        "states; the same both ways; null: power_w.",
    )
    label: str | None = Field(
        None,
        exclude_if=_is_none,
        description="What tables and figures call the link; nothing depends on it.",
    )
    buffer_packets: int | None = Field(
        None,
        ge=0,
        description="Packets that may wait for the link beyond the one it sends; more are dropped. null: all.",
    )
    reassembly_s: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        exclude_if=lambda wait_s: wait_s is None,
        description="Where packets overtake each other: how long a part of a partial round may travel, seconds; one "
        "that takes longer counts as lost. null: arq.timeout_s. Where they keep their order a later packet shows a "
        "loss, and it stays null.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, value: object) -> object:
        name = value if isinstance(value, str) else value.get("preset") if isinstance(value, dict) else None
        if name is None:
            return value
        if name not in cls.presets:
            hint = meant(str(name), cls.presets)
            links = sorted({preset.rsplit(".", 1)[0] for preset in cls.presets})
            raise ValueError(f"preset {name!r} must be one of {', '.join(links)}, with .uplink or .downlink{hint}")
        changes = {key: part for key, part in value.items() if key != "preset"} if isinstance(value, dict) else {}
        return dict(cls.presets[name]) | changes

    @model_validator(mode="after")
    def _packets_carry_payload(self) -> Self:
        if self.part_header_bits is not None and self.part_header_bits > self.header_bits:
            raise ValueError(
                f"part_header_bits = {self.part_header_bits}: must be at most header_bits, {self.header_bits}"
            )
        if self.mtu_bits is not None and self.mtu_bits <= self.header_bits:
            raise ValueError(f"mtu_bits = {self.mtu_bits} leaves no room beside a header of {self.header_bits} bits")
        return self

    @model_validator(mode="after")
    def _one_radio(self) -> Self:
        if self.radio is not None and self.power_w is not None:
            raise ValueError(f"power_w = {self.power_w}: must be null where radio states what it draws")
        return self

    @model_validator(mode="after")
    def _sharing_in_time_needs_a_rate_of_time_alone(self) -> Self:
        if self.sharing.by_time and not self.rate.time_alone:
            raise ValueError(f"sharing = {self.sharing.kind}: needs a rate that depends on time alone")
        if self.sharing.in_slots != self.rate.in_slots:
            needs, needed = ("rate", "base_station") if self.sharing.in_slots else ("sharing", "scheduled")
            raise ValueError(
                f"{needs}.kind: must be {needed} where rate is {self.rate.kind}, sharing {self.sharing.kind}"
            )
        return self

    @model_validator(mode="after")
    def _losses_fit(self) -> Self:
        packet_bits = self.mtu_bits or self.header_bits
        for name, loss, bits in (
            ("loss", self.loss, packet_bits),
            ("arq.ack_loss", self.arq.ack_loss, self.header_bits),
        ):
            try:
                loss.require_fit(bits)
            except ValueError as error:
                raise ValueError(f"{name}.{error}") from None
        return self

    @model_validator(mode="after")
    def _parts_may_travel(self) -> Self:
        longest_s, mean_s = self.reassembly_s, self.delay.mean_s
        if longest_s is not None and self.delay.keeps_order:
            raise ValueError(
                f"reassembly_s = {longest_s} must be null where packets keep their order (delay): a later one shows a "
                "loss"
            )
        if longest_s is not None and longest_s < mean_s:
            raise ValueError(
                f"reassembly_s = {longest_s} must be at least the mean delay, {mean_s:g} s, where packets reorder"
            )
        return self

    @model_validator(mode="after")
    def _gates_need_single_packets_and_a_rate_of_time_alone(self) -> Self:
        sharing, rate = self.sharing, self.rate
        gated = (
            ("overhead_s", self.overhead_s, rate.time_alone),
            ("half_duplex", self.half_duplex, rate.begins_at_once),
            ("listens", self.listens.windows_s, rate.begins_at_once),
        )
        for field, _, fits in (each for each in gated if each[1]):
            if not sharing.alone:
                raise ValueError(f"{field} needs packets that are sent one at a time, not sharing {sharing.kind}")
            if not fits:
                raise ValueError(f"{field} needs a rate that depends on time alone")
        if self.half_duplex and self.listens.windows_s:
            raise ValueError("half_duplex is implied where listens is after_sending: leave it null")
        return self

    def curve(self, uniforms: Uniforms) -> Curve:
        """The service curve of one transmitter, what each packet costs beside its bits included."""
        curve = self.rate.curve(uniforms)
        return curve.with_overhead(self.overhead_s) if self.overhead_s else curve

    def window_packets(self, reverse_delay_s: float) -> int:
        """The window of a device: the one that `arq` states, else as many of the smallest packets, bare headers, as the
        link carries while an acknowledgement may come: one round trip and the timer, within the stated bounds.

        `reverse_delay_s`: how long an acknowledgement travels back.
        """
        if self.arq.window_packets is not None:
            return self.arq.window_packets
        fastest_bps = inf if self.rate.fastest_bps is None else self.rate.fastest_bps
        pipe_bits = fastest_bps * (self.delay.mean_s + reverse_delay_s + self.arq.timeout_s)
        return ceil(min(max(pipe_bits / max(1, self.header_bits), LEAST_WINDOW), WIDEST_WINDOW))

    @property
    def longest_travel_s(self) -> float:
        """`reassembly_s`, or what is taken for it, seconds."""
        return self.arq.timeout_s if self.reassembly_s is None else self.reassembly_s

    def on_air(self, sends: bool) -> OnAir | None:
        """Returns the stated power of a packet on the air, for a device that sends on this link, or receives."""
        if self.radio is not None or isinstance(self.power_w, str):
            return self._stated_radio.on_air(sends)
        return None if self.power_w is None else OnAir(self.power_w)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Connections of the stated radio with their power, as far as known."""
        return () if isinstance(self.power_w, float) or not self.has_power else self._stated_radio.connections

    @property
    def has_power(self) -> bool:
        """True if its power is stated."""
        return self.radio is not None or self.power_w is not None

    @property
    def _stated_radio(self) -> Radio:
        return self.radio or RADIOS[str(self.power_w)]

    @property
    def room_bits(self) -> int | None:
        """The payload that any packet holds, bits; None: any."""
        return None if self.mtu_bits is None else self.mtu_bits - self.header_bits

    def packets_of(self, payload_bits: int, parts_bits: Sequence[int] = (), first: int = 0) -> list[tuple[int, int]]:
        """The packets that carry a message: of each its size, all included, and its header; an empty message is one
        bare header.

        `parts_bits`: what each packet is to carry, the first of them packet `first` of its message; then they must fit.
        Otherwise the MTU cuts the payload.
        """
        header, room = self.header_bits, self.room_bits
        if parts_bits:
            assert room is None or max(parts_bits) <= room, f"I7: a part of {max(parts_bits)} bits in a room of {room}"
            later = header if self.part_header_bits is None else self.part_header_bits
            headers = [later if number else header for number in range(first, first + len(parts_bits))]
            return [(bits + own, own) for bits, own in zip(parts_bits, headers, strict=True)]
        taken = [payload_bits]
        while room is not None and taken[-1] > room:
            taken[-1:] = [room, taken[-1] - room]
        return [(bits + header, header) for bits in taken]


def answer_s(link: LinkConfig, reverse: LinkConfig) -> float:
    """Returns the time from the arrival of a packet of `link` to that of its acknowledgement, in seconds: the mean
    travel time of the reverse link, once the first receive window is open."""
    window_s = reverse.listens.windows_s[0] - link.delay.mean_s if reverse.listens.windows_s else 0.0
    return max(0.0, window_s) + reverse.delay.mean_s


def check_both_ways(up_name: str, up: LinkConfig, down_name: str, down: LinkConfig) -> None:
    """Raises ConfigError where uplink and downlink do not fit each other; the names are their fields in the cell."""
    if up.half_duplex != down.half_duplex:
        raise ConfigError(
            f"{up_name}.half_duplex = {up.half_duplex or 'null'}: must be that of {down_name}, "
            f"{down.half_duplex or 'null'}, "
            "since both ways use one radio: set both"
        )
    if up.listens.windows_s:
        raise ConfigError(f"{up_name}.listens = {up.listens.kind}: must be always; a device listens to {down_name}")
    if down.listens.windows_s and not up.sharing.alone:
        raise ConfigError(
            f"{up_name}.sharing = {up.sharing.kind}: must send one packet at a time, or none opens a window"
        )
    if down.listens.windows_s and down.listens.windows_s[-1] < up.delay.mean_s:
        rule = f"must last until a frame is up, {up.delay.mean_s:g} s"
        raise ConfigError(f"{down_name}.listens.delays_s = {down.listens.windows_s}: {rule}")
    if down.listens.windows_s and up.arq.ack_bits:
        rule = f"must be 0 where {down_name} listens after sending: a window acknowledges by itself"
        raise ConfigError(f"{up_name}.arq.ack_bits = {up.arq.ack_bits}: {rule}")
    if up.connections != down.connections and up.has_power and down.has_power:
        field = "power_w" if down.radio is None else "radio"
        mine, theirs = (each.radio.name if each.radio else each.power_w for each in (down, up))
        rule = f"must be that of {up_name}, {theirs}, since one radio keeps one connection"
        raise ConfigError(f"{down_name}.{field} = {mine}: {rule}")
    check_round_trip(up_name, up, answer_s(up, down))
    check_round_trip(down_name, down, answer_s(down, up))


def check_round_trip(name: str, link: LinkConfig, answer_s: float) -> None:
    """Raises ConfigError when the timer of `link` starts from, or may be held to, less than one round trip: each packet
    would then be sent again for nothing. `name` is its field in the cell; `answer_s`, from the arrival of a packet to
    that of its acknowledgement."""
    round_trip_s = link.delay.mean_s + answer_s
    if link.arq.timeout_s < round_trip_s:
        raise ConfigError(
            f"{name}.arq.timeout_s = {link.arq.timeout_s}: must be at least one round trip, {round_trip_s:g} s"
        )
    if link.arq.timer.longest_s < round_trip_s:
        raise ConfigError(
            f"{name}.arq.timer.max_s = {link.arq.timer.longest_s}: must be at least one round trip, {round_trip_s:g} s"
        )
