"""What a letter says: one entry of a case's audit trail, put into the city's words.

Nothing is asked of the present: dates, reasons and lists are those of the entry, the limits those of the policy the
case is judged by, so that a letter printed again years later is the same letter.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from pydantic import JsonValue

from activities.letters.kinds import LetterKind
from activities.letters.register import LetterEntry
from activities.letters.told import ToldItem, read_told
from activities.letters.wording import ground_words, template_of, worded
from activities.notices.texts import city_of
from domain.application import Model
from domain.calendar import PROJECTED
from domain.certificate import certificate_number, printed_date
from domain.events import EventKind
from domain.identity import mask_id_number
from domain.moments import CST, local_date
from domain.policy import RegionPolicy
from storage.people import InsuredPerson
from storage.policies import policy_book, policy_for
from storage.reading import CaseView, TimelineEntry

_NOTICE_YEAR = re.compile(r"CN-(\d{4})(?:\.\w+)?@")
_REASONED = frozenset({LetterKind.NOT_ACCEPTED, LetterKind.DENIED, LetterKind.SUSPENDED, LetterKind.ENDED})


class LetterContent(Model):
    """A letter ready to be set; every text is plain text. `dated_on` is the day of the entry it is about."""

    kind: LetterKind
    letter_no: str
    acceptance_no: str
    bureau: str
    title: str
    addressee: str
    dated_on: date
    opening: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    reason: str = ""
    items: tuple[ToldItem, ...] = ()
    remarks: str = ""
    closing: tuple[str, ...]

    def __repr__(self) -> str:
        return f"LetterContent(letter_no={self.letter_no!r})"

    __str__ = __repr__


def letter_content(
    view: CaseView, letter: LetterEntry, person: InsuredPerson, *, notice_facts: Mapping[str, str] | None = None
) -> LetterContent:
    """Return what a letter says.

    `notice_facts` are those of the notice sent with the same entry: of a denial by 0.1.0 the last day of the appeal
    window stands only there. Raises `PolicyError` where the region has no policy for the case any more.
    """
    event = next(each for each in view.timeline if each.seq == letter.seq)
    judged_by = policy_for(view.region, local_date(view.received_at))
    words = _words(view, letter, event, person, judged_by, notice_facts or {})
    template = template_of(letter.kind, view.region)
    ground = ground_words(template, _ground_of(letter.kind, event.detail), words)
    wording = worded(template, {**words, "rule": ground.rule, "possible": ground.possible})
    told = read_told(_text(event, "told"))
    return LetterContent(
        kind=letter.kind,
        letter_no=letter.letter_no,
        acceptance_no=view.acceptance_no,
        bureau=str(words["bureau"]),
        title=wording.title,
        addressee=person.name,
        dated_on=local_date(event.at),
        opening=wording.opening,
        facts=wording.facts,
        reason=_text(event, "reason") if letter.kind in _REASONED else "",
        items=told.items,
        remarks=told.remarks,
        closing=wording.closing,
    )


def _words(
    view: CaseView,
    letter: LetterEntry,
    event: TimelineEntry,
    person: InsuredPerson,
    policy: RegionPolicy,
    notice_facts: Mapping[str, str],
) -> dict[str, object]:
    """Every fact a template may ask for; what an entry does not say is empty."""
    stops = policy.clock.stops
    return {
        "number": view.acceptance_no,
        "name": person.name,
        "id_number": mask_id_number(person.id_number),
        "agent": person.agent_name,
        "disease": policy_book().disease_name(view.disease_id) or view.disease_id,
        "received_on": printed_date(local_date(view.received_at)),
        "dated_on": printed_date(local_date(event.at)),
        "limit_days": event.detail.get("limit_days"),
        "round": event.detail.get("round"),
        "final": bool(event.detail.get("final")),
        "existing": _text(event, "existing"),
        "stops": (stops.originals if letter.kind is LetterKind.ORIGINALS else stops.supplement).value,
        "appeal_days": policy.appeal.window.value,
        "answer_days": policy.appeal.answer.value,
        "recheck": policy.recheck.enabled.value,
        "renewal_before": policy.validity.renewal_before.value,
        "effect_on": _date_zh(event, "effect_on"),
        # entries of the first release do not say it: theirs is the day of the entry
        "ended_on": _date_zh(event, "ended_on") or printed_date(local_date(event.at)),
        "end_on": _date_zh(event, "end_on"),
        "certificate_no": _certificate(view, event),
        **_bureau_words(view.region, local_date(event.at)),
        "days_from_delivery": event.detail.get("working_days") if event.detail.get("starts") == "delivered" else None,
        **_due_words(view, event, notice_facts),
    }


def _bureau_words(region: str, on: date) -> dict[str, object]:
    """Who answers: of the policy of the letter's day, which may be years after the application's."""
    policy = policy_for(region, on)
    hotline, national = policy.hotline.value, policy.national_hotline.value
    return {
        "city": city_of(region),
        "bureau": policy.bureau.value,
        "hotline": hotline,
        "other_hotline": "" if national == hotline else f"、{national}",
        "counter_hours": "、".join(policy.filing.counter_hours.value),
        "agent_allowed": policy.filing.agent_allowed.value,
    }


def _due_words(view: CaseView, event: TimelineEntry, notice_facts: Mapping[str, str]) -> dict[str, object]:
    """The last day of the limit an entry set, and the mark of a day that no notice had settled by then."""
    due = _text(event, "due") or _text(event, "ends")
    if not due:
        named = event.kind is EventKind.DENIED and event.detail.get("starts") != "delivered"
        told = notice_facts.get("appeal_until", "") if named else ""
        return {"due_on": told.removesuffix(PROJECTED), "due_note": PROJECTED if told.endswith(PROJECTED) else ""}
    # a limit that ends at 24:00 belongs to the day before
    due_on = (datetime.fromisoformat(due).astimezone(CST) - timedelta(microseconds=1)).date()
    version = _text(event, "calendar_version") or view.calendar_version
    # entries of the first release do not say that a date is projected: the notices of their calendar do
    projected = event.detail.get("projected") is True or not _settled(due_on, version)
    return {"due_on": printed_date(due_on), "due_note": PROJECTED if projected else ""}


def _settled(on: date, calendar_version: str) -> bool:
    """Whether the notices a calendar was made of settle a day; a notice settles its year up to 26 December."""
    years = [int(year) for year in _NOTICE_YEAR.findall(calendar_version)]
    return bool(years) and on <= date(max(years), 12, 26)


def _ground_of(kind: LetterKind, detail: Mapping[str, JsonValue]) -> str:
    """Which of a template's grounds an entry is about."""
    match kind:
        case LetterKind.NOT_ACCEPTED | LetterKind.DENIED:
            return str(detail.get("code", ""))
        case LetterKind.ENDED:
            return str(detail.get("ground", ""))
        case LetterKind.SUSPENDED:
            # only a suspension for missing records has an end of its own
            return "recheck" if "ends" in detail else "insurance"
        case _:
            return ""


def _certificate(view: CaseView, event: TimelineEntry) -> str:
    version = event.detail.get("certificate_version")
    return certificate_number(view.acceptance_no, version) if isinstance(version, int) else ""


def _date_zh(event: TimelineEntry, name: str) -> str:
    text = _text(event, name)
    return printed_date(date.fromisoformat(text)) if text else ""


def _text(event: TimelineEntry, name: str) -> str:
    value = event.detail.get(name)
    return value if isinstance(value, str) else ""
