"""Which round an instant belongs to, event by event on a clock set by hand."""

from dataclasses import dataclass

from simulator.results.ledger import Ledger


@dataclass
class Clock:
    """Stands where it is put."""

    now: float = 0.0


def spent(ledger: Ledger) -> dict[str, float]:
    """The states that were charged anything."""
    return {name: seconds for name, seconds in zip(ledger.spent.places, ledger.spent, strict=True) if seconds}


def test_an_instant_belongs_to_the_oldest_round_without_a_reply_on_its_way() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.enter(0, "uplink_transmit_s")
    clock.now = 1.0
    ledger.enter(1, "draft_s")  # behind round 0
    clock.now = 3.0
    ledger.enter(0, "verify_s")
    clock.now = 6.0
    ledger.reply(0, "downlink_s")
    clock.now = 10.0
    ledger.reply(1, "propagation_s")  # both replies on their way: the older one's
    clock.now = 15.0
    ledger.close(0)
    clock.now = 21.0
    ledger.close(1)
    assert spent(ledger) == {
        "uplink_transmit_s": 3.0,
        "verify_s": 3.0,
        "draft_s": 4.0,
        "downlink_s": 5.0,
        "propagation_s": 6.0,
    }


def test_what_happens_after_the_end_is_charged_to_nothing() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.prompt_sent()
    ledger.enter(0, "uplink_queue_s")
    clock.now = 2.0
    ledger.end()
    before = spent(ledger)
    for now_s, late in enumerate(
        (
            lambda: ledger.enter(0, "verify_s"),
            ledger.prompt_arrived,
            lambda: ledger.reply(0, "downlink_s"),
            lambda: ledger.close(0),
        ),
        start=3,
    ):
        clock.now = now_s
        late()
    assert before == spent(ledger) == {"prompt_uplink_s": 2.0}


def test_a_payload_behind_the_prompt_waits_for_the_uplink_once_the_prompt_is_in() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.enter(0, "uplink_queue_s")
    for now_s, prompt in ((1.0, ledger.prompt_sent), (3.0, ledger.prompt_arrived)):
        clock.now = now_s
        ledger.enter(0, "uplink_queue_s")
        prompt()
    clock.now = 7.0
    ledger.close(0)
    assert spent(ledger) == {"uplink_queue_s": 5.0, "prompt_uplink_s": 2.0}


def test_what_is_stated_of_a_round_replaces_what_was_stated_of_it_for_later() -> None:
    """Planned: queue to 4, transmit to 6, then travel. At 2 it is known that its turn comes at 3 and ends at 5."""
    clock = Clock()
    ledger = Ledger(clock)
    for state, from_s in (("uplink_queue_s", 0.0), ("uplink_transmit_s", 4.0), ("propagation_s", 6.0)):
        ledger.enter(0, state, from_s)
    ledger.enter(1, "draft_s", 1.0)  # of another round: it stays
    clock.now = 2.0
    for state, from_s in (("uplink_transmit_s", 3.0), ("propagation_s", 5.0)):
        ledger.enter(0, state, from_s)
    clock.now = 7.0
    ledger.close(0)
    clock.now = 9.0
    ledger.enter(1, "verify_s", 20.0)
    ledger.end()
    assert spent(ledger) == {"uplink_queue_s": 3.0, "uplink_transmit_s": 2.0, "propagation_s": 2.0, "draft_s": 2.0}
