"""What a status says of the recheck that is ahead, and that it promises none beyond the end of the benefit."""

from datetime import date, timedelta

import pytest

from domain.vocabulary import Status
from starter.status import read_status
from storage.calendar_store import CalendarHistory
from storage.calendars import shipped_notices
from tests.activities.letter_samples import AT, view

END_ON = date(2029, 11, 30)


@pytest.mark.parametrize(
    ("planned", "end_on", "closed", "shown"),
    [
        (END_ON - timedelta(days=8), END_ON, False, True),
        (END_ON, END_ON, False, True),
        (END_ON + timedelta(days=1), END_ON, False, False),
        (END_ON + timedelta(days=400), None, False, True),
        (END_ON, END_ON, True, False),
        (None, END_ON, False, False),
    ],
)
def test_no_recheck_is_promised_beyond_the_end(
    planned: date | None, end_on: date | None, closed: bool, shown: bool
) -> None:
    case = view(
        status=Status.EFFECTIVE, effect_on=date(2026, 12, 1), end_on=end_on, next_recheck_on=planned, closed=closed
    )
    assert read_status(case, AT, CalendarHistory.of((AT, each) for each in shipped_notices())).next_recheck_on == (
        planned if shown else None
    )
