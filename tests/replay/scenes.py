"""The scenes recorded histories come from. One function is one life; a scene keeps what it reaches on the way."""

from collections.abc import Awaitable, Callable

from tests.replay.application_scenes import (
    appeal_lost,
    appeal_won,
    arrears,
    certified_anew,
    corrected_denial,
    denied,
    duplicate,
    found_long_ago,
    lapsed,
    messages_refused,
    more_evidence,
    nonsense_refused,
    not_listed,
    objected,
    objection_upheld,
    silent_experts,
    tie_and_recusal,
    too_many_diseases,
    uninsured_before_decision,
    withdrawn,
    withdrawn_in_publicity,
)
from tests.replay.benefit_scenes import (
    ended_by_order,
    expired,
    quiet_years,
    recheck_failed,
    recheck_late,
    recheck_missed,
    superseded,
    uninsured_months,
    with_records,
)
from tests.replay.calendar_scenes import notice_comes, notice_moves_a_recheck
from tests.replay.delivery_scenes import counted_from_delivery
from tests.replay.import_scenes import imported, imported_too_late
from tests.replay.notice_scenes import notice_unknown, notices
from tests.replay.originals_scenes import counter, originals, originals_differ, originals_never_seen
from tests.replay.stage import Stage
from tests.replay.succession_scenes import renewal, swap, unfit
from tests.replay.telling_scenes import telling

SCENES: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    notice_moves_a_recheck,
    notice_comes,
    counted_from_delivery,
    telling,
    renewal,
    swap,
    unfit,
    originals,
    originals_never_seen,
    originals_differ,
    counter,
    imported,
    imported_too_late,
    expired,
    too_many_diseases,
    notices,
    recheck_missed,
    recheck_late,
    recheck_failed,
    with_records,
    uninsured_months,
    quiet_years,
    ended_by_order,
    superseded,
    objected,
    objection_upheld,
    certified_anew,
    found_long_ago,
    silent_experts,
    more_evidence,
    tie_and_recusal,
    messages_refused,
    appeal_lost,
    appeal_won,
    corrected_denial,
    uninsured_before_decision,
    denied,
    withdrawn,
    withdrawn_in_publicity,
    lapsed,
    duplicate,
    not_listed,
    arrears,
    notice_unknown,
    nonsense_refused,
)
"""The longest first, so that none is left to run alone at the end."""
