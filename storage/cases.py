"""Writes of a case's state, each one transaction that its caller opens with `Database.write`.

Every write is idempotent by a key that comes from the workflow, because activities run at least once.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import ApplicationForm, Material
from domain.events import EventKind
from domain.moments import local_date
from domain.refusal import Refused, refuse
from domain.succession import keeps_disease
from domain.vocabulary import Sla, Status, WaitingOn
from storage.audit import event_hash, first_hash
from storage.database import insert_rows
from storage.effects import write_effects
from storage.entitlements import judge_application, supersede
from storage.guards import guard
from storage.tables import case, case_event, insured_person, material, notice
from storage.transition import Entry, NewCase, NoticeToSend, Outcome, QueuedNotice, Transition


class CaseNotFound(Exception):
    """No case has this number (yet); carries the number only."""


async def open_case(connection: AsyncConnection, new: NewCase) -> str | None:
    """Write the case, its person, papers and first entry; return the number of the case that is in its way.

    What an application follows is judged once more, now that the person is locked; `opened_as` tells the result.
    Idempotent by acceptance number. Raises `Refused` when the number belongs to a request of other content.
    """
    stored = await _stored_case(connection, new.acceptance_no)
    if stored is not None:
        _must_be_same(stored, new)
        return str(stored["duplicate_of"]) if stored["duplicate_of"] else None
    # The upsert also locks the person on PostgreSQL, so that two applications cannot both find the place free.
    await _write_person(connection, new)
    duplicate_of, replaces, unfit = await _judged(connection, new)
    entry = _submitted(new, replaces)
    head = first_hash(new.acceptance_no)
    link = _chained(new.acceptance_no, (entry,), head)
    follows: dict[str, Any] = {"replaces": replaces, "denial_reason": unfit}
    if unfit or keeps_disease(new.form.kind, new.form.change):
        # Its predecessor keeps the place until this one is granted.
        follows["occupies"] = False
    await insert_rows(connection, case, [_case_values(new, duplicate_of, link[-1]["hash"]) | follows])
    await insert_rows(connection, case_event, link)
    await _write_materials(connection, new.acceptance_no, new.materials, round_=0, seq=entry.seq)
    return duplicate_of


async def _judged(connection: AsyncConnection, new: NewCase) -> tuple[str | None, str | None, str]:
    """Return the case in the way, the entitlement that is followed, and why the application fits neither."""
    try:
        following = await judge_application(
            connection,
            new.form,
            new.person_key,
            span=new.span,
            on=local_date(new.received_at),
            besides=new.acceptance_no,
        )
    except Refused as error:
        return None, None, error.refusal.message
    if following.rival is not None or following.predecessor is None:
        return following.rival, None, ""
    return None, following.predecessor.acceptance_no, ""


async def adopt_case(connection: AsyncConnection, new: NewCase, transition: Transition) -> Outcome:
    """Write a case that was decided elsewhere with its first transition; nothing of it if a guard refuses.

    Idempotent as `record_events`. Raises `Refused` when the number belongs to a request of other content.
    """
    stored = await _stored_case(connection, new.acceptance_no)
    if stored is not None:
        _must_be_same(stored, new)
        return await record_events(connection, transition)
    async with connection.begin_nested() as everything:
        # The upsert also locks the person on PostgreSQL, as in `open_case`.
        await _write_person(connection, new)
        bare = {"occupies": False, "last_seq": 0}
        await insert_rows(connection, case, [_case_values(new, None, first_hash(new.acceptance_no)) | bare])
        outcome = await record_events(connection, transition)
        if outcome.refused is not None:
            await everything.rollback()
    return outcome


def _must_be_same(stored: RowMapping, new: NewCase) -> None:
    if stored["fingerprint"] == new.fingerprint:
        return
    raise refuse(
        field="request_id",
        rule="同一请求编号只能对应同一份申请",
        remedy="请核对原申请，或者用新的请求编号提交",
        message=f"该请求编号已用于另一份内容不同的申请，受理号 {new.acceptance_no}。",
    )


async def record_events(connection: AsyncConnection, transition: Transition) -> Outcome:
    """Write one transition; the caller must roll back when the outcome is refused or an exception is raised.

    A worker killed after this transaction and before its workflow task ended leaves entries the workflow does not
    know of. The task is then worked out anew: at a later instant, and with messages that have come since between
    the ones it had. So neither instant nor number can tell a repeat; each entry's key does. What is stored stays as
    it is, what is new is numbered behind it, and the caller learns every number.

    Guards run before the first write, so a refused outcome leaves nothing behind even when committed. Raises
    `CaseNotFound`.
    """
    stored = await _stored_case(connection, transition.acceptance_no)
    if stored is None:
        raise CaseNotFound(f"case {transition.acceptance_no} is not stored")
    known = await _known(connection, transition)
    fresh = [entry for entry in transition.events if _key(entry) not in known]
    if fresh:
        outcome = await guard(connection, stored, transition)
        if outcome is not None:
            return outcome
    numbered = [
        entry.model_copy(update={"seq": seq, "key": _key(entry)})
        for seq, entry in enumerate(fresh, stored["last_seq"] + 1)
    ]
    seqs = known | {_key(entry): entry.seq for entry in numbered}
    first = transition.events[0].model_copy(update={"seq": seqs[_key(transition.events[0])]})
    notices, unsaid = await _numbered_notices(connection, transition)
    written = transition.model_copy(update={"events": (first, *transition.events[1:]), "notices": unsaid})
    if numbered or _base(transition) >= stored["row_seq"]:
        await _append(connection, stored, written, numbered, base=_base(transition))
    last = numbered[-1].seq if numbered else int(stored["last_seq"])
    own = tuple(seqs[_key(entry)] for entry in transition.events)
    return Outcome(seqs=own, last_seq=last, notices=await _queued(connection, transition.acceptance_no, notices))


def _base(transition: Transition) -> int:
    # The number the workflow had reached: an attempt that comes late, behind a newer one, must not turn the row back.
    return transition.events[0].seq - 1


def _key(entry: Entry | NoticeToSend) -> str:
    return entry.key or f"#{entry.seq}"


async def _known(connection: AsyncConnection, transition: Transition) -> dict[str, int]:
    query = select(case_event.c.key, case_event.c.seq).where(
        case_event.c.acceptance_no == transition.acceptance_no,
        case_event.c.key.in_([_key(entry) for entry in transition.events]),
    )
    return {row.key: row.seq for row in await connection.execute(query)}


Notices = tuple[NoticeToSend, ...]


async def _numbered_notices(connection: AsyncConnection, transition: Transition) -> tuple[Notices, Notices]:
    """Return all notices with their numbers, and those not stored yet."""
    if not transition.notices:
        return (), ()
    query = select(notice.c.key, notice.c.seq).where(notice.c.acceptance_no == transition.acceptance_no)
    known = {row.key: row.seq for row in await connection.execute(query)}
    stored = frozenset(known)
    for each in transition.notices:
        known.setdefault(_key(each), max(known.values(), default=0) + 1)
    notices = tuple(
        each.model_copy(update={"seq": known[_key(each)], "key": _key(each)}) for each in transition.notices
    )
    return notices, tuple(each for each in notices if _key(each) not in stored)


async def _stored_case(connection: AsyncConnection, acceptance_no: str) -> RowMapping | None:
    query = select(case).where(case.c.acceptance_no == acceptance_no).with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


async def _write_person(connection: AsyncConnection, new: NewCase) -> None:
    who = new.form.applicant
    person = {
        "person_key": new.person_key,
        "name": who.name,
        "id_number": who.id_number,
        "category": who.insured_category,
        "tier": who.tier,
        "updated_at": new.at,
    }
    await insert_rows(connection, insured_person, [person], update=["updated_at"])
    # Whoever knows a number may apply under it: another name than the first changes nothing that is known of the
    # person, and no case but its own.
    same = insured_person.c.person_key == new.person_key, insured_person.c.name == who.name
    known = {"category": who.insured_category, "tier": who.tier}
    await connection.execute(update(insured_person).where(*same).values(**known))


def _submitted(new: NewCase, replaces: str | None) -> Entry:
    papers = [{"kind": str(paper.kind), "sha256": paper.sha256} for paper in new.materials]
    taken_over = {"taken_over": new.taken_over.model_dump(mode="json")} if new.taken_over else {}
    by_agent = {"by_agent": True} if new.form.applicant.agent else {}
    form = new.form
    follows = {"replaces": replaces, "change": form.change, "offregion": form.offregion and form.offregion.region}
    return Entry(
        seq=1,
        kind=EventKind.SUBMITTED,
        at=new.at,
        actor=f"channel:{new.form.channel}",
        status_from=Status.SUBMITTED,
        status_to=Status.SUBMITTED,
        detail={
            "kind": str(new.form.kind),
            "hospital_id": new.form.hospital_id,
            "materials": [*papers],
            **taken_over,
            **by_agent,
            **{name: str(value) for name, value in follows.items() if value},
        },
    )


def _case_values(new: NewCase, duplicate_of: str | None, last_hash: str) -> dict[str, Any]:
    form: ApplicationForm = new.form
    agent = form.applicant.agent
    return {
        **form.model_dump(include={"region", "channel", "request_id", "kind", "disease_id", "hospital_id"}),
        **new.model_dump(include={"acceptance_no", "fingerprint", "person_key", "received_at"}),
        **new.model_dump(include={"phone_digest", "agent_phone_digest"}),
        "applicant_name": form.applicant.name,
        "category": form.applicant.insured_category,
        "tier": form.applicant.tier,
        "phone": form.applicant.phone,
        "email": form.applicant.email,
        "agent": agent.model_dump(mode="json") if agent else None,
        "status": Status.SUBMITTED,
        "waiting_on": WaitingOn.NONE,
        "sla": Sla.OK,
        "round": 0,
        "attention": False,
        "closed": False,
        "occupies": duplicate_of is None,
        "live": False,
        "duplicate_of": duplicate_of,
        "calendar_version": "",
        "policy_version": "",
        "denial_reason": "",
        "end_ground": "",
        "last_seq": 1,
        "row_seq": 0,
        "last_hash": last_hash,
        "updated_at": new.at,
    }


def _chained(acceptance_no: str, entries: Sequence[Entry], previous: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for entry in entries:
        row: dict[str, Any] = {"acceptance_no": acceptance_no, **entry.model_dump(), "prev_hash": previous}
        row["key"] = _key(entry)
        previous = row["hash"] = event_hash(previous, row)
        rows.append(row)
    return rows


async def _append(
    connection: AsyncConnection, stored: RowMapping, transition: Transition, fresh: Sequence[Entry], *, base: int
) -> None:
    number, row = transition.acceptance_no, transition.row
    links = _chained(number, fresh, stored["last_hash"])
    await insert_rows(connection, case_event, links)
    contact = _contact(transition, fresh)
    values = row.model_dump(exclude={"ledger", "past_ledgers", "dates", "hospital_id"}) | contact
    values |= {
        "ledger": row.ledger.model_dump(mode="json") if row.ledger else None,
        "past_ledgers": [each.model_dump(mode="json") for each in row.past_ledgers] or None,
        "dates": row.dates.model_dump(mode="json") if row.dates else None,
        "dates_from_on": row.dates.from_on if row.dates else None,
        "dates_to_on": row.dates.to_on if row.dates else None,
        "hospital_id": row.hospital_id or stored["hospital_id"],
        # A superseded entitlement lives out its days without a place of its own.
        "occupies": transition.occupies and stored["superseded_by"] is None,
        "live": transition.live and stored["superseded_by"] is None,
        "row_seq": base,
    }
    if links:
        values |= {"last_seq": links[-1]["seq"], "last_hash": links[-1]["hash"], "updated_at": links[-1]["at"]}
    if transition.replaces is not None:
        await supersede(connection, transition.replaces, number)
    await connection.execute(update(case).where(case.c.acceptance_no == number).values(values))
    seq = transition.events[0].seq
    await _write_materials(connection, number, transition.materials, round_=row.round, seq=seq)
    await write_effects(connection, stored, transition)


def _contact(transition: Transition, fresh: Sequence[Entry]) -> dict[str, Any]:
    # A case that has forgotten a command does it again: no number is changed without an entry that says so.
    said = any(entry.kind is EventKind.CONTACT_CHANGED for entry in fresh)
    return transition.contact.model_dump(exclude_none=True) if transition.contact and said else {}


async def _write_materials(
    connection: AsyncConnection, acceptance_no: str, papers: Sequence[Material], *, round_: int, seq: int
) -> None:
    keyed = {(paper.kind, paper.sha256): paper for paper in papers}
    rows = [
        {"acceptance_no": acceptance_no, "round": round_, "position": position, "seq": seq, **paper.model_dump()}
        for position, paper in enumerate(keyed.values())
    ]
    # what decoding found may be filled in later; what was declared, and when, stays
    found = ["size", "media_type", "pages", "width", "height", "colour"]
    await insert_rows(connection, material, rows, update=found)


async def _queued(connection: AsyncConnection, acceptance_no: str, notices: Notices) -> tuple[QueuedNotice, ...]:
    if not notices:
        return ()
    query = select(notice.c.seq, notice.c.event, notice.c.channels, notice.c.legal).where(
        notice.c.acceptance_no == acceptance_no,
        notice.c.seq.in_([each.seq for each in notices]),
    )
    rows = (await connection.execute(query.order_by(notice.c.seq))).mappings()
    return tuple(QueuedNotice.model_validate(row) for row in rows)
