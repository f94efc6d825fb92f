"""Sending a notice anew, by an officer's order: refused where it could only repeat what the person already has.

An order is a new intent of the notice: its own workflow `<acceptance number>.n<seq>.r<intent>`, its own references
at the providers. What was sent before stays as it is.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client
from temporalio.service import RPCError

from activities.notice_contract import StartNotice
from activities.starting import notice_workflow_id, plan_of, start_notice
from domain.application import Model
from domain.events import AGENT_SMS, INBOX, PUSH, Recipient
from domain.notice_plan import BY_SMS, EMAIL, SMS
from domain.refusal import Refused, refuse
from starter.answers import CALL, CALL_SECONDS, answered_within, unreached
from starter.client import new_command_id
from starter.lost_notices import give_up_lost, is_under_way
from starter.refusals import checked_officer, has_arrived, id_taken, still_under_way, unknown_notice
from storage.database import Database
from storage.notice_orders import (
    ResendOrder,
    keep_order,
    lock_notice,
    next_intent,
    orders_of,
    told_today,
    usual_channels,
)
from storage.notice_standing import AttemptState
from storage.notice_views import NoticeWhole, whole_notice
from storage.notices import CertificateMissing, NoticeRecord, load_notice

CHANNELS = (SMS, AGENT_SMS, EMAIL, INBOX, PUSH)
"""Channels a notice can be sent over anew."""


class ResendReason(StrEnum):
    """Why a notice is sent anew. A code: what is logged holds nothing personal."""

    NOT_RECEIVED = "not_received"
    CONTACT_CHANGED = "contact_changed"
    PROVIDER_FAULT = "provider_fault"
    OTHER = "other"


class Resend(Model):
    """An officer's order. Without `channels`: those of the notice, but not the inbox, where it still lies.

    `although_unknown` says that the officer knows the person may receive it twice. `command_id` makes a repetition
    safe: the same id is one order.
    """

    acceptance_no: str
    seq: int
    reason: ResendReason
    actor: str
    channels: tuple[str, ...] = ()
    although_unknown: bool = False
    command_id: str = ""


class Resent(Model):
    """What became of an order. `repeated`: it had been given before under the same command id."""

    acceptance_no: str
    seq: int
    intent: int
    channels: tuple[str, ...]
    workflow_id: str
    command_id: str
    repeated: bool


async def resend_notice(database: Database, client: Client, wanted: Resend, *, now: datetime) -> Resent:
    """Order a notice sent anew and start it, once for a command id; one whose workflow was terminated is ended first.

    Raises `Refused` where it is under way, was delivered, may have arrived (unless `although_unknown`), or would say
    the same to the same number on the same day; `Unreachable` or `Unanswered` where Temporal does not take it: then
    the order stands, and repeating it with the same command id starts it.
    """
    checked_officer(wanted.actor)
    _check_channels(wanted.channels)
    wanted = wanted.model_copy(update={"command_id": wanted.command_id or new_command_id()})
    await give_up_lost(database, client, wanted.acceptance_no, wanted.seq, actor=wanted.actor, now=now)
    async with database.write() as connection:
        found, orders = await _locked(connection, wanted)
        known = next((each for each in orders if each.command_id == wanted.command_id), None)
        under_way = known is None and is_under_way(found)
        order: ResendOrder | None
        if known is not None:
            _check_same(known, wanted)
            order = known
        elif under_way:
            order = orders[-1] if orders else None
        else:
            order = await _new_order(connection, found, wanted, at=now)
    if order is None:
        raise still_under_way()
    # Also the order of somebody who died before starting it: it is carried out now at the latest.
    workflow_id = await _start(client, found, order, at=now)
    if under_way:
        raise still_under_way()
    return Resent(
        acceptance_no=found.acceptance_no,
        seq=found.seq,
        intent=order.intent,
        channels=order.channels,
        workflow_id=workflow_id,
        command_id=order.command_id,
        repeated=known is not None,
    )


async def _locked(connection: AsyncConnection, wanted: Resend) -> tuple[NoticeWhole, tuple[ResendOrder, ...]]:
    if not await lock_notice(connection, wanted.acceptance_no, wanted.seq):
        raise unknown_notice()
    found = await whole_notice(connection, wanted.acceptance_no, wanted.seq)
    assert found is not None, "it was there a moment ago"
    return found, await orders_of(connection, wanted.acceptance_no, wanted.seq)


async def _new_order(connection: AsyncConnection, found: NoticeWhole, wanted: Resend, *, at: datetime) -> ResendOrder:
    _check_standing(found, wanted)
    channels = tuple(dict.fromkeys(wanted.channels)) or _usual(found)
    if not channels:
        raise _channels_refused("该通知只发往站内信，仍在收件箱中。")
    if found.recipient is Recipient.SUPERVISOR and set(channels) != {EMAIL}:
        raise _channels_refused("发给督办人员的通知只能经电子邮件发送。")
    await _check_day(connection, found, channels, at=at)
    order = ResendOrder(
        seq=found.seq,
        intent=await next_intent(connection, found.acceptance_no, found.seq),
        command_id=wanted.command_id,
        channels=channels,
        reason=wanted.reason,
        although_unknown=wanted.although_unknown,
        actor=wanted.actor,
    )
    await keep_order(connection, found.acceptance_no, order, at=at)
    return order


async def _start(client: Client, found: NoticeWhole, order: ResendOrder, *, at: datetime) -> str:
    number, seq = found.acceptance_no, found.seq
    plan = plan_of(number, found.event, at=at, legal=found.legal)
    if set(order.channels) != set(_usual(found)):
        # Whoever chose the channels wanted these.
        plan = plan.model_copy(update={"fallback": ()})
    task = StartNotice(
        acceptance_no=number,
        seq=seq,
        event=found.event,
        channels=order.channels,
        plan=plan,
        intent=order.intent,
    )
    workflow_id = f"{notice_workflow_id(number, seq)}.r{order.intent}"
    try:
        async with answered_within(CALL_SECONDS + 1):
            await start_notice(client, task, workflow_id, rpc_timeout=CALL)
    except RPCError as error:
        raise unreached(error) from None
    return workflow_id


def _usual(found: NoticeWhole) -> tuple[str, ...]:
    return usual_channels(found.channels)


def _check_channels(channels: Iterable[str]) -> None:
    if not set(channels) <= set(CHANNELS):
        raise _channels_refused("渠道名称不在允许的取值之内。")


def _check_standing(found: NoticeWhole, wanted: Resend) -> None:
    if found.state is AttemptState.DELIVERED:
        raise has_arrived()
    doubtful = any(each.state is AttemptState.UNKNOWN for each in found.ways)
    if doubtful and not wanted.although_unknown:
        raise refuse(
            field="although_unknown",
            rule="结果不明的通知可能已经到达，须确认后才能重新发送",
            remedy="请先向当事人核实；确需发送的，请写明 although_unknown，当事人可能收到两次",
            message="该通知有一次发送结果不明。",
        )


async def _check_day(
    connection: AsyncConnection, found: NoticeWhole, channels: tuple[str, ...], *, at: datetime
) -> None:
    by_sms = [each for each in channels if each in BY_SMS]
    if not by_sms:
        return
    try:
        notice = await load_notice(connection, found.acceptance_no, found.seq)
    except CertificateMissing:
        # It has never been sent, then.
        return
    assert notice is not None, "it was there a moment ago"
    for channel in by_sms:
        if await told_today(
            connection,
            found.acceptance_no,
            found.seq,
            channel=channel,
            phone=_phone(notice, channel),
            at=at,
        ):
            raise refuse(
                field="channels",
                rule="同一内容的短信对同一号码每天最多发送一次",
                remedy="请明日再发，或改用其他渠道；号码已变更的，请先更正联系方式",
                message="该号码今天已收到同一内容的短信，再次发送会被拦下。",
            )


def _phone(notice: NoticeRecord, channel: str) -> str:
    if channel == AGENT_SMS:
        return notice.agent.phone.strip() if notice.agent else ""
    return notice.phone.strip()


def _check_same(known: ResendOrder, wanted: Resend) -> None:
    same = known.reason == wanted.reason and (not wanted.channels or set(known.channels) == set(wanted.channels))
    if not same:
        raise id_taken()


def _channels_refused(message: str) -> Refused:
    return refuse(
        field="channels",
        rule=f"渠道须为：{'、'.join(CHANNELS)}；督办人员只经 email",
        remedy="请指明其中的渠道",
        message=message,
    )
