"""What the delivery of a notice does to a period, and that it never touches what a clock counts."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import CalendarSlice
from domain.case import CaseState, Limit
from domain.case_dates import CaseDates, dates_of
from domain.case_rules import CaseRules, with_digest
from domain.clock import Ground, Ledger, deadline, explain, is_running, left, used, warn_at
from domain.commands import NoticeDelivered, NoticeFailed, NoticeWaived
from domain.delivery import AWAITED, Delivery
from domain.judging import judge, possible
from domain.moments import CST
from domain.notice_word import CLOCKS_APART
from domain.policy_tables import PeriodStarts
from domain.vocabulary import DATE_ZH, DateKind, NoticePeriod, Status
from storage.calendars import shipped_calendar
from storage.policies import policy_for

CALENDAR: CalendarSlice = shipped_calendar().slice(date(2025, 1, 1), date(2027, 12, 31))
CLOSE = time(17)
SENT = datetime(2026, 3, 2, 10, tzinfo=CST)

lengths = st.timedeltas(timedelta(0), timedelta(days=60))
instants = st.integers(0, 400 * 86400).map(
    lambda seconds: datetime(2025, 3, 1, tzinfo=CST) + timedelta(seconds=seconds)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CST)


# --- the period ---


@given(instants, st.timedeltas(timedelta(days=-5), timedelta(days=60)), st.integers(1, 30), st.booleans())
def test_delivery_never_makes_a_period_end_earlier_than_the_sending_would(
    sent_at: datetime, after: timedelta, days: int, midnight: bool
) -> None:
    counted = Limit(started_at=sent_at, working_days=days, midnight=midnight)
    waiting = counted.model_copy(update={"awaits_delivery": True, "notice_seq": 3})
    begun = waiting.delivered(sent_at + after)
    assert begun.due(CALENDAR, CLOSE) >= counted.due(CALENDAR, CLOSE)
    assert (begun.awaits_delivery, begun.notice_seq, begun.working_days) == (False, 3, days)
    if after >= timedelta(0):
        assert begun.started_at == sent_at + after
        first_on = CALENDAR.add_working_days(begun.started_at.astimezone(CST).date(), 1)
        assert first_on > begun.started_at.astimezone(CST).date(), "the day of delivery is not counted"


def test_a_period_that_has_not_begun_has_no_end_and_is_none_of_the_dates() -> None:
    waiting = Limit(started_at=SENT, working_days=10, midnight=True, awaits_delivery=True, notice_seq=1)
    with pytest.raises(AssertionError):
        waiting.due(CALENDAR, CLOSE)
    for status, kind in ((Status.SUPPLEMENT, DateKind.SUPPLEMENT), (Status.DENIED, DateKind.APPEAL)):
        case = state(status, window=waiting, rules=rules("supplement", "appeal"), calendar=CALENDAR)
        assert dates_of(case, SENT) == CaseDates()
        case.window = waiting.delivered(SENT + timedelta(days=9))
        (found,) = dates_of(case, SENT).dates
        assert found.kind is kind


def test_a_limit_of_an_earlier_release_has_begun() -> None:
    old = Limit.model_validate({"started_at": SENT, "working_days": 10, "midnight": True})
    assert (old.awaits_delivery, old.notice_seq) == (False, 0)


# --- the ledger ---


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    started_at = draw(instants)
    ledger = Ledger(
        started_at=started_at,
        limit=draw(st.integers(1, 30)),
        unit=draw(st.sampled_from(("working_days", "calendar_days"))),
    )
    for _ in range(draw(st.integers(0, 3))):
        began_at = started_at + draw(lengths)
        ledger = ledger.stopped(draw(st.sampled_from(list(Ground))), "system", began_at)
        if draw(st.booleans()):
            ledger = ledger.resumed(ledger.stops[-1].ground, began_at + draw(lengths))
    return ledger.ended(started_at + draw(lengths)) if draw(st.booleans()) else ledger


@given(ledgers(), st.lists(st.tuples(lengths, st.none() | lengths), min_size=1, max_size=4), lengths)
def test_a_delivery_beside_a_clock_changes_nothing_that_is_counted(
    ledger: Ledger, waits: list[tuple[timedelta, timedelta | None]], seen_after: timedelta
) -> None:
    annotated, seen_at = ledger, ledger.started_at + seen_after
    for number, (sent_after, waited) in enumerate(waits, 1):
        period: NoticePeriod = "supplement" if number % 2 else "appeal"
        sent_at = ledger.started_at + sent_after
        annotated = annotated.awaiting(period, number, sent_at)
        annotated = annotated if waited is None else annotated.delivered(number, sent_at + waited)
    assert len(annotated.deliveries) == len(waits)
    assert deadline(annotated, CALENDAR, seen_at) == deadline(ledger, CALENDAR, seen_at)
    assert warn_at(annotated, CALENDAR, seen_at) == warn_at(ledger, CALENDAR, seen_at)
    for count in (used, left):
        assert count(annotated, CALENDAR, seen_at) == count(ledger, CALENDAR, seen_at)
    assert is_running(annotated, seen_at) == is_running(ledger, seen_at)
    until = seen_at.astimezone(CST).date()
    lines, plain = explain(annotated, CALENDAR, until), explain(ledger, CALENDAR, until)
    assert [line.model_copy(update={"why": line.why.removesuffix(AWAITED)}) for line in lines] == list(plain)


def test_the_first_word_on_a_delivery_stays_and_none_is_before_the_sending() -> None:
    ledger = Ledger(started_at=SENT, limit=20).awaiting("supplement", 2, SENT)
    assert ledger.awaiting("appeal", 2, SENT + timedelta(days=1)) == ledger
    assert ledger.delivered(1, SENT) == ledger
    early = ledger.delivered(2, SENT - timedelta(days=1))
    assert early.deliveries == (Delivery(period="supplement", notice_seq=2, sent_at=SENT, delivered_at=SENT),)
    assert early.delivered(2, SENT + timedelta(days=3)) == early


def test_a_notice_that_comes_back_is_awaited_anew_and_both_stretches_stay() -> None:
    days = [SENT + timedelta(days=number) for number in range(10)]
    ledger = Ledger(started_at=SENT, limit=20).awaiting("supplement", 2, SENT)
    assert ledger.bounced(2, days[1]) is ledger, "what has not arrived cannot come back"
    back = ledger.delivered(2, days[1]).bounced(2, days[3])
    assert back.bounced(2, days[4]) is back
    again = back.delivered(2, days[6], "officer:O1")
    first, second = again.deliveries
    assert (first.sent_at, first.delivered_at, first.failed_at) == (SENT, days[1], days[3])
    assert (second.sent_at, second.delivered_at, second.by) == (days[3], days[6], "officer:O1")
    assert again.bounced(2, days[7]) is again, "what an officer handed over does not come back"


def test_a_ledger_of_an_earlier_release_waited_for_nothing() -> None:
    assert Ledger.model_validate({"started_at": SENT, "limit": 20}).deliveries == ()


def test_the_days_of_waiting_say_so_and_those_of_another_round_do_not() -> None:
    ledger = (
        Ledger(started_at=at("2026-03-02T09:00"), limit=20)
        .awaiting("supplement", 1, at("2026-03-03T10:00"))
        .stopped(Ground.SUPPLEMENT, "system", at("2026-03-03T10:00"))
        .resumed(Ground.SUPPLEMENT, at("2026-03-05T10:00"))
        .awaiting("supplement", 2, at("2026-03-06T10:00"))
        .stopped(Ground.SUPPLEMENT, "system", at("2026-03-06T10:00"))
        .delivered(2, at("2026-03-10T16:00"))
    )
    why = {line.on.isoformat()[-2:]: line.why for line in explain(ledger, CALENDAR, date(2026, 3, 11))}
    assert why["03"] == why["04"] == f"停止计时：补正材料{AWAITED}"
    assert why["05"] == "工作日", "the first round is over, its notice never delivered"
    assert why["06"] == why["09"] == f"停止计时：补正材料{AWAITED}"
    assert why["10"] == why["11"] == "停止计时：补正材料"


# --- what may be said of a notice ---


def state(status: Status, **fields: object) -> CaseState:
    known = {"acceptance_no": "n", "region": "510400", "disease_id": "d", "channel": "app", "received_at": SENT}
    return CaseState.model_validate({**known, "status": status, **fields})


NOW = SENT + timedelta(days=5)


def word(model: type[NoticeDelivered] | type[NoticeFailed], **fields: object) -> NoticeDelivered | NoticeFailed:
    base = {
        "command_id": "c",
        "actor": "system",
        "notice_seq": 1,
        "delivered_at": NOW,
        "failed_at": NOW,
        "reason": "x",
    }
    return model.model_validate({**base, **fields})


@pytest.mark.parametrize("model", [NoticeDelivered, NoticeFailed])
def test_a_notice_is_spoken_of_that_exists_at_an_instant_that_can_be(
    model: type[NoticeDelivered] | type[NoticeFailed],
) -> None:
    case = state(Status.REVIEW, notice_seq=2)
    name = {NoticeDelivered: "delivered_at", NoticeFailed: "failed_at"}[model]

    def field_of(**fields: object) -> str | None:
        refusal = judge(case, word(model, **fields), NOW)
        return refusal.field if refusal else None

    assert field_of(notice_seq=2) is None
    assert field_of(notice_seq=3) == "notice_seq"
    for instant in (SENT, NOW, SENT - CLOCKS_APART, NOW + CLOCKS_APART):
        assert field_of(**{name: instant}) is None
    for instant in (SENT - CLOCKS_APART - timedelta(seconds=1), NOW + CLOCKS_APART + timedelta(seconds=1)):
        assert field_of(**{name: instant}) == name
    case.closed = True
    assert field_of() == "acceptance_no"


def test_an_officer_may_deliver_a_notice_and_only_the_system_gives_one_up() -> None:
    case = state(Status.SUPPLEMENT, notice_seq=1)
    assert judge(case, word(NoticeDelivered, actor="officer:O1"), NOW) is None
    refusal = judge(case, word(NoticeFailed, actor="officer:O1"), NOW)
    assert refusal is not None
    assert refusal.field == "actor"
    assert "notice_delivered" in possible(case)
    assert "notice_failed" not in possible(case)


def test_only_an_officer_waives_a_notice_and_none_that_a_period_waits_for() -> None:
    waits = Limit(started_at=SENT, working_days=10, notice_seq=2, awaits_delivery=True)

    def field_of(status: Status, seq: int, *, actor: str = "officer:O1") -> str | None:
        case = state(status, notice_seq=3, window=waits)
        refusal = judge(case, NoticeWaived(command_id="c", actor=actor, notice_seq=seq), NOW)
        return refusal.field if refusal else None

    for status in (Status.SUPPLEMENT, Status.DENIED):
        assert field_of(status, 2) == "notice_seq"
        assert field_of(status, 1) is None
    assert field_of(Status.REVIEW, 2) is None, "the papers have come"
    assert field_of(Status.REVIEW, 4) == "notice_seq"
    assert field_of(Status.REVIEW, 1, actor="system") == "actor"


@pytest.mark.parametrize("reason", ["", "号码13900000000", "two words", "x" * 65])
def test_why_a_notice_failed_is_a_short_word(reason: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        word(NoticeFailed, reason=reason)
    assert word(NoticeFailed, reason="isv.MOBILE_NUMBER_ILLEGAL")


def test_a_case_needs_a_person_for_its_process_or_for_a_notice() -> None:
    assert not state(Status.REVIEW).needs_attention
    assert state(Status.REVIEW, attention=True).needs_attention
    assert state(Status.REVIEW, undelivered=(3,)).needs_attention


# --- the policy ---


def rules(*periods: NoticePeriod) -> CaseRules:
    return (
        policy_for("510400", date(2026, 1, 5))
        .rules_for("510400-003")
        .model_copy(update={"starts_at_delivery": periods})
    )


def test_a_city_says_which_period_begins_with_the_delivery() -> None:
    said = {"value": "delivered", "source": "made up"}
    sent = {"value": "sent", "source": "made up"}
    for given_, expected in (
        ({}, ()),
        ({"supplement": sent, "appeal": sent}, ()),
        ({"supplement": said}, ("supplement",)),
        ({"appeal": said, "supplement": said}, ("supplement", "appeal")),
    ):
        starts = PeriodStarts.model_validate(given_)
        assert starts.at_delivery == expected
        shipped = policy_for("510400", date(2026, 1, 5))
        notices = shipped.notices.model_copy(update={"starts": starts})
        found = shipped.model_copy(update={"notices": notices}).rules_for("510400-003")
        assert found.starts_at_delivery == expected
    with pytest.raises(ValueError, match="value"):
        PeriodStarts.model_validate({"appeal": {"value": "read", "source": "made up"}})


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_both_cities_count_from_the_sending(region: str) -> None:
    policy = policy_for(region, datetime(2026, 1, 5, tzinfo=UTC).date())
    assert policy.notices.starts.at_delivery == ()
    assert policy.notices.starts.supplement is not None
    assert policy.notices.starts.supplement.assumed


def test_a_slice_that_counts_from_the_sending_keeps_the_digest_of_earlier_releases() -> None:
    plain, other = with_digest(rules()), with_digest(rules("appeal"))
    content = plain.model_dump(mode="json")
    del content["starts_at_delivery"]
    assert with_digest(CaseRules.model_validate(content)).digest == plain.digest
    assert other.digest != plain.digest


def test_each_period_is_the_name_of_its_date() -> None:
    assert [DATE_ZH[DateKind(each)] for each in ("supplement", "appeal")] == ["补正期限", "申诉期限"]
