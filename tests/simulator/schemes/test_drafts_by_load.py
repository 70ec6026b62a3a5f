"""A schedule of drafts by load, by hand."""

from math import nan

import pytest
from pydantic import ValidationError

from simulator.schemes.policies.drafts_by_load import DraftsByLoad
from simulator.schemes.policy import CloudDecodes, DraftRound, EdgeView, SeenCloud, SeenLink

SCHEDULE = ((4, 3), (16, 1), (64, 0))


@pytest.mark.parametrize(
    ("batch", "drafts"), [(nan, 6), (1, 6), (3, 6), (4, 3), (15, 3), (16, 1), (63, 1), (64, 0), (500, 0)]
)
def test_a_batch_between_two_entries_has_the_length_of_the_one_before(batch, drafts):
    view = EdgeView(0.0, (), 6, 10, (), SeenLink(), cloud=SeenCloud(batch=batch))
    action, _ = DraftsByLoad(schedule=SCHEDULE, tokens=16).next(view, ())
    assert action == (DraftRound(drafts) if drafts else CloudDecodes(10))


def test_a_round_is_never_longer_than_the_scheme_allows():
    view = EdgeView(0.0, (), 2, 10, (), SeenLink(), cloud=SeenCloud(batch=4.0))
    assert DraftsByLoad(schedule=SCHEDULE).next(view, ())[0] == DraftRound(2)


@pytest.mark.parametrize("schedule", [(), ((4, 1), (4, 0)), ((8, 1), (4, 0)), ((0, 1),), ((4, -1),)])
def test_a_schedule_that_does_not_rise_is_refused(schedule):
    with pytest.raises((ValidationError, ValueError)):
        DraftsByLoad(schedule=schedule)
