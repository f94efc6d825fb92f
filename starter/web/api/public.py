"""What needs no log-in: the public list, the query by number and digits, and the verification of certificates."""

import asyncio
import hmac
from datetime import datetime
from typing import Annotated

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from activities.certificates.verify import CertificateVerdict, verify_certificate, verify_text
from domain.acceptance import parse_acceptance_number
from domain.access import Action
from domain.application import ApplicationForm
from domain.case_status import CaseStatus
from domain.events import EVENT_ZH, EventKind
from domain.moments import aware, local_date
from domain.policy import PolicyError
from domain.public_list import PublicLine, PublicList
from domain.refusal import Refused
from domain.vocabulary import STATUS_ZH, Status
from starter.answers import Unanswered
from starter.new_cases import form_of_new, must_exist
from starter.publicity import published
from starter.status import read_status
from starter.web.answering import NO_STORE, PUBLIC, answer
from starter.web.api.reference import policy_in_force
from starter.web.asking import Instant
from starter.web.callers import caller_of, check_session, unknown_asker
from starter.web.doors import Doors, Doorway, now
from starter.web.guarding import address_of
from starter.web.messages import read_body, takes, takes_file
from starter.web.paging import MOST_LINES, Cursor, Limit, read_cursor, write_cursor
from starter.web.permission import permit_in
from starter.web.problems import Stopped, away, stopped
from starter.web.shapes import (
    CertificateState,
    KeyOut,
    PublicListOut,
    PublicStepOut,
    QrIn,
    QueriedOut,
    QueryIn,
    VerifiedOut,
)
from storage import reading
from storage.person_views import person_behind
from worker.connection import Unreachable

router = APIRouter(prefix="/public", tags=["public"])
Region = Annotated[str, Path(pattern=r"^[0-9]{6}$", examples=["620900"])]
_STEPS = frozenset(
    {
        EventKind.SUBMITTED,
        EventKind.NOT_ACCEPTED,
        EventKind.ACCEPTED,
        EventKind.SUPPLEMENT_REQUESTED,
        EventKind.MATERIALS_SUPPLIED,
        EventKind.ORIGINALS_REQUESTED,
        EventKind.ORIGINALS_VERIFIED,
        EventKind.PANEL_ASSIGNED,
        EventKind.PANEL_COUNTED,
        EventKind.APPROVED,
        EventKind.DENIED,
        EventKind.PUBLICITY_STARTED,
        EventKind.GRANTED,
        EventKind.APPEALED,
        EventKind.LAPSED,
        EventKind.WITHDRAWN,
        EventKind.RECHECK_STARTED,
        EventKind.RECHECK_PASSED,
        EventKind.SUSPENDED,
        EventKind.RESUMED,
        EventKind.ENDED,
    }
)
"""What the public query shows of a timeline: the steps, and nothing of why."""

_STATE_ZH: dict[CertificateState, str] = {
    "in_force": "凭证有效",
    "not_yet": "尚未生效",
    "over": "有效期已过或资格已终止",
    "suspended": "待遇暂停",
    "replaced": "已签发新版凭证",
    "revoked": "凭证已作废",
}
_OF_NOBODY = "-"
_IN_FORCE = frozenset({Status.EFFECTIVE, Status.RECHECK})


@router.get(
    "/lists/{region}",
    operation_id="publicList",
    response_model=PublicListOut,
    openapi_extra={"security": [{}, {"session": []}]},
)
async def public_list(
    request: Request,
    doors: Doorway,
    region: Region,
    at: Annotated[
        Instant | None,
        Query(description="As it stood then, for officers and auditors of the city; without an offset +08:00."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = MOST_LINES,
) -> Response:
    """A city's masked public list as it stands now, page by page, with the SHA-256 a printed list is compared by.

    `digest` and `total` are those of the whole list. What it once showed is for the city's officers and auditors.
    """
    policy_in_force(region)
    if at is not None:
        await permit_past(request, doors, region)
    seen, found = await _published(doors, region, at)
    shown, following = list_page(found, cursor, limit)
    listed = PublicListOut(
        region=found.region,
        city=found.city,
        bureau=found.bureau,
        as_of=seen,
        entries=shown,
        digest=found.digest,
        total=len(found.entries),
        next_cursor=following,
    )
    # Without `at` the instant is no part of the answer's identity: whoever has the same list is told so.
    return answer(request, listed, cache=NO_STORE if at else PUBLIC, apart_from="" if at else "as_of")


async def _published(doors: Doors, region: str, at: datetime | None) -> tuple[datetime, PublicList]:
    """Return the list of an instant, now without one, and the instant."""
    try:
        seen = aware(at).astimezone(now().tzinfo) if at else now()
        async with doors.database.read(long=True) as connection:
            return seen, await published(connection, doors.keys, region, seen)
    except (OverflowError, PolicyError):
        raise stopped(
            422,
            field="at",
            rule="时间按 RFC 3339 填写，不早于本市最早的政策版本",
            remedy="请更正时间",
            message="所问的时间不在可查询的范围内。",
        ) from None


def list_page(found: PublicList, cursor: str | None, limit: int) -> tuple[tuple[PublicLine, ...], str | None]:
    """Return one page of a list and the cursor of the next. Raises `Stopped` (422) on a cursor that is none."""
    place = read_cursor(cursor, str, str) if cursor else ["", ""]
    left = [each for each in found.entries if [each.starts_on.isoformat(), each.entry] > [p or "" for p in place]]
    shown = tuple(left[:limit])
    return shown, write_cursor(shown[-1].starts_on.isoformat(), shown[-1].entry) if len(left) > limit else None


async def permit_past(request: Request, doors: Doors, region: str) -> None:
    """Refuse (401, 403) whoever may not see what a city's list once showed; the look is noted.

    Who was denied after an objection is on no list any more, and must not be found on an old one by everybody.
    """
    caller = await caller_of(request)
    if caller is None:
        raise unknown_asker()
    if caller.session is not None:
        check_session(request, caller.session)
    reader = caller.principal.reader
    request.scope["state"]["headers"] |= doors.principals.take(reader).headers()
    permit_in(caller.principal, Action.READ_PAST_LIST, region)
    await doors.accesses.record(actor=reader, action="list.past", acceptance_no=None, detail={"region": region})


@router.post("/status", operation_id="queryStatus", response_model=QueriedOut, openapi_extra=takes(QueryIn))
async def query_status(request: Request, doors: Doorway) -> Response:
    """Where a case stands, for whoever knows its number and the last four characters of the ID number.

    A wrong number and wrong digits get the same answer. Tries are limited by address, failed ones by number too.
    """
    request.scope["state"]["headers"] |= doors.public_queries.take(address_of(request.scope)).headers()
    return answer(request, await queried(doors, await read_body(request, QueryIn), address_of(request.scope)))


async def queried(doors: Doors, query: QueryIn, address: str) -> QueriedOut:
    """Answer a public query. Raises `Stopped`: 404 where number and digits do not belong together, 429, 503."""
    number = parse_acceptance_number(query.acceptance_no)
    doors.queried_cases.check(f"{number} {address}")
    doors.queried_numbers.check(number)
    async with doors.database.read() as connection:
        person = await person_behind(connection, number)
    if person is not None and _fits(person.id_number, query):
        async with doors.database.read() as connection:
            view = await reading.case_status(connection, number)
            history = await doors.calendars.history(connection)
        if view is not None:
            doors.accesses.note(actor="public", action="case.query", acceptance_no=number)
            return _queried(read_status(view, now(), history))
    # Wrong digits cost as much as a wrong number, which nobody has written down: the time an answer takes must not
    # tell which numbers there are. What is stored is therefore asked for under a name that nothing has.
    form = await _handed_in(doors, number, f"{number}{_OF_NOBODY}" if person is not None else number)
    if person is not None or form is None or not _fits(form.applicant.id_number, query):
        doors.queried_cases.take(f"{number} {address}")
        doors.queried_numbers.take(number)
        raise not_together()
    doors.accesses.note(actor="public", action="case.query", acceptance_no=number)
    return _queried(await (await doors.mente()).status(number))


def _fits(id_number: str, query: QueryIn) -> bool:
    return hmac.compare_digest(id_number[-4:].encode(), query.id_last4.upper().encode())


async def _handed_in(doors: Doors, number: str, asked: str) -> ApplicationForm | None:
    """Return what a case was opened with, before any worker has written it down; None for a number nobody was given.

    `asked` is the name under which Temporal is asked.

    Raises `Stopped` (503) where nobody can say now: that costs no try at the number, but has as many of its own.
    """
    try:
        client = (await doors.mente()).client
        await must_exist(client, asked)
        return await form_of_new(client, asked)
    except Refused:
        return None
    except (Unreachable, Unanswered):
        doors.queried_cases.take(f"unanswered {number}")
        raise away(
            field="temporal",
            rule="刚提交、尚未登记的申请须向流程服务查询",
            remedy="请核对受理号和后四位，稍后再试",
            message="暂时查不到相符的申请，流程服务没有应答。",
        ) from None


def _queried(found: CaseStatus) -> QueriedOut:
    steps = [line for line in found.timeline if line.kind in _STEPS]
    return QueriedOut(
        acceptance_no=found.acceptance_no,
        status=found.status,
        status_zh=STATUS_ZH[found.status],
        waiting_on=found.waiting_on,
        due=found.due,
        due_on=found.due_on,
        due_confirmed=found.due_confirmed,
        steps=tuple(PublicStepOut(at=line.at, kind=line.kind, what=EVENT_ZH[line.kind]) for line in steps),
    )


def not_together() -> Stopped:
    """Return what a public query gets that does not fit, whichever of the two was wrong."""
    return stopped(
        404,
        field="acceptance_no",
        rule="受理号须与申请人身份证号码的后四位相符",
        remedy="请对照受理通知书核对受理号，并核对身份证号码后四位",
        message="没有查到相符的申请。",
    )


@router.post("/certificates/verify", operation_id="verifyQr", response_model=VerifiedOut, openapi_extra=takes(QrIn))
async def verify_qr(request: Request, doors: Doorway) -> Response:
    """Whether the text of a QR code is a certificate of ours, and whether that stands now."""
    request.scope["state"]["headers"] |= doors.verifications.take(address_of(request.scope)).headers()
    wanted = await read_body(request, QrIn)
    key = doors.keys.certificate_signing_key().public_key()
    return answer(request, await judged(doors, verify_text(wanted.qr, key)))


@router.post(
    "/certificates/verify-file",
    operation_id="verifyFile",
    response_model=VerifiedOut,
    openapi_extra=takes_file("application/pdf"),
)
async def verify_file(request: Request, doors: Doorway) -> Response:
    """Whether a PDF is a certificate of ours exactly as issued, and whether that stands now. At most 4 MB."""
    request.scope["state"]["headers"] |= doors.verifications.take(address_of(request.scope)).headers()
    key = doors.keys.certificate_signing_key().public_key()
    content = await request.body()
    async with doors.verifying:
        verdict = await asyncio.to_thread(verify_certificate, content, key)
    return answer(request, await judged(doors, verdict))


async def judged(doors: Doors, verdict: CertificateVerdict) -> VerifiedOut:
    """Return a verdict with what has become of the certificate since."""
    content = verdict.content
    if content is None:
        return VerifiedOut(genuine=False, reason=verdict.reason)
    number = content.acceptance_no
    async with doors.database.read() as connection:
        issued = await reading.certificates_of(connection, number)
        view = await reading.case_status(connection, number)
    own = next((each for each in issued if each.version == content.version), None)
    state = _state(own, issued[-1].version if issued else 0, view.status if view else None)
    return VerifiedOut(
        genuine=True,
        reason=verdict.reason,
        content=content.model_dump(mode="json"),
        state=state,
        state_zh=_STATE_ZH[state] if state else None,
        revoked_at=own.revoked_at if own else None,
    )


def _state(own: reading.CertificateView | None, newest: int, status: Status | None) -> CertificateState | None:
    if own is None or status is None:
        return None
    today = local_date(now())
    match status:
        case _ if own.revoked_at is not None:
            return "revoked"
        case _ if own.version != newest:
            return "replaced"
        case _ if own.end_on is not None and own.end_on < today:
            return "over"
        case Status.SUSPENDED:
            return "suspended"
        case _ if status in _IN_FORCE:
            return "in_force" if own.effect_on <= today else "not_yet"
        case Status.PUBLICITY | Status.OBJECTED:
            return "not_yet"
        case _:
            return "over"


@router.get("/certificate-key", operation_id="certificateKey", response_model=KeyOut)
async def certificate_key(request: Request, doors: Doorway) -> Response:
    """The public key that verifies our certificates, for whoever verifies them offline."""
    key = doors.keys.certificate_signing_key().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return answer(request, KeyOut(key_id=doors.keys.certificate_key_id, public_key=pem), cache=PUBLIC)
