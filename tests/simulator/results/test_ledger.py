"""Which round an instant belongs to, event by event on a clock set by hand."""

from collections.abc import Callable
from operator import methodcaller
from types import SimpleNamespace

from simulator.results.ledger import Ledger

Event = tuple[float, Callable[[Ledger], None]]
PROMPT_SENT, PROMPT_ARRIVED, END = map(methodcaller, ("prompt_sent", "prompt_arrived", "end"))


def enter(number: int, state: str, from_s: float | None = None) -> Callable[[Ledger], None]:
    return methodcaller("enter", number, state, from_s)


def reply(number: int, state: str) -> Callable[[Ledger], None]:
    return methodcaller("enter", number, state, reply=True)


def close(number: int) -> Callable[[Ledger], None]:
    return methodcaller("close", number)


def charged(*events: Event) -> dict[str, float]:
    """The states that were charged anything after these events, each at its time."""
    clock = SimpleNamespace(now=0.0)
    ledger = Ledger(clock)
    for clock.now, event in events:
        event(ledger)
    return {name: seconds for name, seconds in zip(ledger.spent.places, ledger.spent, strict=True) if seconds}


def test_an_instant_belongs_to_the_oldest_round_without_a_reply_on_its_way() -> None:
    """Round 1 is drafted behind round 0; then both replies are on their way, and the time is the older one's."""
    assert charged(
        (0, enter(0, "uplink_transmit_s")), (1, enter(1, "draft_s")), (3, enter(0, "verify_s")),
        (6, reply(0, "downlink_s")), (10, reply(1, "propagation_s")), (15, close(0)), (21, close(1)),
    ) == {
        "uplink_transmit_s": 3.0, "verify_s": 3.0, "draft_s": 4.0, "downlink_s": 5.0, "propagation_s": 6.0
    }  # fmt: skip


def test_what_happens_after_the_end_is_charged_to_nothing() -> None:
    late = (enter(0, "verify_s"), PROMPT_ARRIVED, reply(0, "downlink_s"), close(0))
    ended = (0, PROMPT_SENT), (0, enter(0, "uplink_queue_s")), (2, END)
    assert charged(*ended) == charged(*ended, *enumerate(late, start=3)) == {"prompt_uplink_s": 2.0}


def test_a_payload_behind_the_prompt_waits_for_the_uplink_once_the_prompt_is_in() -> None:
    queued = enter(0, "uplink_queue_s")
    assert charged(
        (0, queued), (1, queued), (1, PROMPT_SENT), (3, queued), (3, PROMPT_ARRIVED), (7, close(0))
    ) == {"uplink_queue_s": 5.0, "prompt_uplink_s": 2.0}  # fmt: skip


def test_what_is_stated_of_a_round_replaces_what_was_stated_of_it_for_later() -> None:
    """Planned: queue to 4, transmit to 6, then travel. At 2 it is known that its turn comes at 3 and ends at 5. What
    is stated of another round stays."""
    planned = (("uplink_queue_s", 0.0), ("uplink_transmit_s", 4.0), ("propagation_s", 6.0))
    instead = (("uplink_transmit_s", 3.0), ("propagation_s", 5.0))
    assert charged(
        *((0, enter(0, *each)) for each in planned), (0, enter(1, "draft_s", 1.0)),
        *((2, enter(0, *each)) for each in instead), (7, close(0)), (9, enter(1, "verify_s", 20.0)), (9, END),
    ) == {"uplink_queue_s": 3.0, "uplink_transmit_s": 2.0, "propagation_s": 2.0, "draft_s": 2.0}  # fmt: skip
