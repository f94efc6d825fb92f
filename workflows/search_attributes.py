"""The search attributes of every case: codes, dates and flags only, since Temporal never encrypts them."""

from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey

REGION: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MenteRegion")
"""Region code, GB/T 2260 (`620900`)."""
STATUS: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MenteStatus")
"""A `domain.vocabulary.Status` value."""
WAITING_ON: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MenteWaitingOn")
"""A `domain.vocabulary.WaitingOn` value."""
SLA: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MenteSla")
"""A `domain.vocabulary.Sla` value."""
CALENDAR: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("MenteCalendar")
"""Version of the calendar the case counts with."""
DUE: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("MenteDue")
"""Until when the awaited party has time."""
NEXT_RECHECK: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("MenteNextRecheck")
"""When the next yearly recheck opens."""
ATTENTION: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("MenteAttention")
"""An officer should look at this case."""

ALL: tuple[SearchAttributeKey[Any], ...] = (
    REGION,
    STATUS,
    WAITING_ON,
    SLA,
    CALENDAR,
    DUE,
    NEXT_RECHECK,
    ATTENTION,
)
