"""What a transition writes beside its entries: seats, objections, the public entry, certificates, notices."""

from typing import Any

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import AGENT_SMS, Recipient
from domain.identity import mask_name
from storage.database import insert_rows
from storage.tables import certificate, notice, objection, public_entry, verdict
from storage.transition import NoticeToSend, PublicPeriod, Transition

ASSIGNED = "assigned"
GIVEN = "given"
"""States of a seat; the others are the values of `SeatLeft`."""


async def write_effects(connection: AsyncConnection, stored: RowMapping, transition: Transition) -> None:
    """Write the effects of a transition inside its transaction. `stored` is the case row before it."""
    await _write_seats(connection, transition)
    objections = [{"acceptance_no": transition.acceptance_no, **each.model_dump()} for each in transition.objections]
    ruled = ["upheld", "ruling_reason", "ruled_at"]
    await insert_rows(connection, objection, objections, update=ruled)
    if transition.public_entry is not None:
        await _write_public_entry(connection, stored, transition.public_entry)
    if transition.revoke_certificates:
        await _revoke(connection, transition)
    await _write_notices(connection, stored, transition)


async def _write_seats(connection: AsyncConnection, transition: Transition) -> None:
    if not transition.verdicts:
        return
    number, seq = transition.acceptance_no, transition.events[0].seq
    taken = await connection.scalar(select(func.max(verdict.c.position)).where(verdict.c.acceptance_no == number))
    rows: list[dict[str, Any]] = []
    for position, change in enumerate(transition.verdicts, start=(-1 if taken is None else taken) + 1):
        state = change.left or (GIVEN if change.decision else ASSIGNED)
        moved = state != ASSIGNED
        rows.append(
            {
                "acceptance_no": number,
                **change.model_dump(include={"panel", "round", "expert_id", "decision", "reason"}),
                "position": position,
                "state": state,
                "assigned_seq": seq,
                "assigned_at": change.at,
                "changed_seq": seq if moved else None,
                "changed_at": change.at if moved else None,
            }
        )
    changed = ["state", "decision", "reason", "changed_seq", "changed_at"]
    await insert_rows(connection, verdict, rows, update=changed)


async def _write_public_entry(connection: AsyncConnection, stored: RowMapping, period: PublicPeriod) -> None:
    entry = {
        **{key: stored[key] for key in ("acceptance_no", "region", "disease_id")},
        "masked_name": mask_name(stored["applicant_name"]),
        **period.model_dump(),
    }
    await insert_rows(connection, public_entry, [entry], update=["starts_at", "ends_at", "withdrawn_at"])


async def _revoke(connection: AsyncConnection, transition: Transition) -> None:
    mine = certificate.c.acceptance_no == transition.acceptance_no
    valid = update(certificate).where(mine, certificate.c.revoked_at.is_(None))
    reason = transition.revoke_certificates
    await connection.execute(valid.values(revoked_at=transition.events[0].at, revoke_reason=reason))


async def _write_notices(connection: AsyncConnection, stored: RowMapping, transition: Transition) -> None:
    rows = [
        {
            "acceptance_no": transition.acceptance_no,
            **each.model_dump(exclude={"at", "channels", "key"}),
            "key": each.key or f"#{each.seq}",
            "channels": _channels(stored, each),
            "created_at": each.at,
            "state": "queued",
        }
        for each in transition.notices
    ]
    await insert_rows(connection, notice, rows)


def _channels(stored: RowMapping, to_send: NoticeToSend) -> list[str]:
    """Return where a notice goes: whoever applies for another hears what the applicant hears, by SMS."""
    told = list(to_send.channels)
    agent = stored["agent"] or {}
    another = agent.get("phone", stored["phone"]) != stored["phone"]
    if another and to_send.recipient is Recipient.APPLICANT and "sms" in told:
        told.append(AGENT_SMS)
    return told
