"""The steps of one notice: over each channel and provider, at a lawful hour, until it is known what became of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, RetryState

from activities.contract import CASE_QUEUE, FOLLOW_QUEUE, NOTICE_QUEUE, ActivityName
from activities.notice_contract import SAID_TODAY, NoticeSent, NoticeState, ReportNotice, SendNotice, StartNotice
from domain.events import INBOX
from domain.moments import rfc3339
from domain.notice_plan import BY_SMS, NoticePlan

# What the activity raises surely did not happen, or is looked up first: repeating it cannot send twice.
REPEAT = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=30),
)
# Where another provider waits its turn: tries over ten minutes. Tries are counted, not time, because a message that
# stood in a long queue, or waited for a worker, has not been refused by anybody.
REPEAT_SOON = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=13,
)
# The database is ours and comes back; a notice without an end would look like one still under way.
RECORD = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))

ONE_SEND = timedelta(seconds=20)
GIVE_UP_AFTER = timedelta(days=3)
FOLLOWED_AFTER = (
    timedelta(minutes=2),
    timedelta(minutes=16),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=48),
    timedelta(hours=72),
)
"""When the provider of a silent message is asked, counted from its hand-over: an ordinary telephone answers within
minutes; what Alibaba Cloud does not list after 15 minutes it never took; carriers give up within 72 hours."""

_KNOWN = frozenset({NoticeState.DELIVERED, NoticeState.FAILED, NoticeState.SKIPPED})
_NOT_SENT = frozenset({NoticeState.FAILED, NoticeState.SKIPPED})
_CHANNEL_ZH = {"sms": "短信", "agent_sms": "代办人短信", "email": "电子邮件", "inbox": "站内信", "push": "推送"}


async def send_once(start: StartNotice) -> NoticeSent:
    """Send over every channel once and await no word: what a notice started by 0.2.0 does to its end."""
    await asyncio.gather(*(_send_once(start, channel) for channel in start.channels))
    return await _settle(start, queue=NOTICE_QUEUE)


async def _send_once(start: StartNotice, channel: str) -> NoticeSent:
    try:
        return await _send(start, SendNotice(acceptance_no=start.acceptance_no, seq=start.seq, channel=channel))
    except ActivityError:
        return NoticeSent(state=NoticeState.FAILED, detail="given-up")


class Telling:
    """One notice that is followed until it is known what became of it."""

    def __init__(self, start: StartNotice, plan: NoticePlan, *, nudges: Callable[[], int]) -> None:
        self._start = start
        self._plan = plan
        self._nudges = nudges
        self._reported = False

    async def tell(self) -> NoticeSent:
        """Send over every channel, fall back where nobody was reached, settle, and tell the case."""
        sent = await asyncio.gather(*(self._over(channel) for channel in self._start.channels))
        tried = dict(zip(self._start.channels, sent, strict=True))
        for channel in self._plan.fallback:
            if channel not in tried and _reached_nobody(tried, legal=self._plan.legal):
                tried[channel] = await self._over(channel)
        overall = await _settle(self._start.model_copy(update={"channels": tuple(tried)}), queue=CASE_QUEUE)
        if overall.task:
            # Also where it was reported delivered before: then it has come back since.
            await self._report(workflow.now(), reason=overall.task)
        elif overall.state is NoticeState.DELIVERED:
            # A receipt may have come between the last look and the end.
            await self._report_delivered(overall)
        return overall

    async def _over(self, channel: str) -> NoticeSent:
        """Send over one channel, by its providers in order; the next one only where nothing can have been sent."""
        providers = self._plan.providers_of(channel)
        sent = NoticeSent(state=NoticeState.SKIPPED)
        for provider in providers:
            sent = await self._through(channel, provider, last=provider == providers[-1])
            if sent.state is not NoticeState.FAILED:
                break
        return sent

    async def _through(self, channel: str, provider: str, *, last: bool) -> NoticeSent:
        start = self._start
        way = SendNotice(
            acceptance_no=start.acceptance_no, seq=start.seq, channel=channel, provider=provider, intent=start.intent
        )
        sent = await self._hand_over(way, repeat=REPEAT if last else REPEAT_SOON)
        if channel in BY_SMS and provider and sent.state not in _KNOWN:
            sent = await self._follow(way)
        if sent.state is NoticeState.DELIVERED:
            await self._report_delivered(sent)
        return sent

    async def _report_delivered(self, sent: NoticeSent) -> None:
        # Where somebody was asked to tell the person, the case was told that nobody had been reached.
        if (self._plan.legal or sent.had_task) and not self._reported:
            self._reported = True
            await self._report(sent.at or workflow.now())

    async def _hand_over(self, way: SendNotice, *, repeat: RetryPolicy) -> NoticeSent:
        """Try outside the hours of rest until it is sent, known to be lost, or tries or patience are used up."""
        patience = GIVE_UP_AFTER
        while True:
            await self._rest(way.channel)
            begun = workflow.now()
            rest = self._plan.quiet_from(way.channel, begun)
            allowed = min(patience, rest - begun) if rest is not None else patience
            try:
                return await _send(self._start, way, allowed=allowed, repeat=repeat)
            except ActivityError as failure:
                patience -= allowed
                refused = failure.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED
            if refused or patience <= timedelta(0):
                return await self._conclude(way)
            # The server gives up as soon as its next try would come too late, which is before the hours begin.
            await self._pass(begun + allowed, "静默时段将至，之后再发送")

    async def _rest(self, channel: str) -> None:
        until = self._plan.quiet_until(channel, workflow.now())
        if until is not None:
            await self._pass(until, f"静默时段，{rfc3339(until)} 后发送")

    async def _pass(self, until: datetime, why: str) -> None:
        if until > workflow.now():
            await workflow.sleep(until - workflow.now(), summary=why)

    async def _conclude(self, way: SendNotice) -> NoticeSent:
        name = ActivityName.CONCLUDE_SEND
        return await _until_done(name, way, queue=CASE_QUEUE, summary=f"结束发送{_named(way)}")

    async def _follow(self, way: SendNotice) -> NoticeSent:
        """Await the provider's word; a nudge says that storage may have it."""
        handed_over, seen = workflow.now(), 0
        sent = NoticeSent(state=NoticeState.UNKNOWN)
        for after in FOLLOWED_AFTER:
            due = handed_over + after
            while sent.state not in _KNOWN and workflow.now() < due:
                await self._nudged_or(due, way, seen=seen)
                seen = self._nudges()
                sent = await self._look(way)
        return sent

    async def _nudged_or(self, due: datetime, way: SendNotice, *, seen: int) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._nudges() > seen,
                timeout=due - workflow.now(),
                timeout_summary=f"等待{_named(way)}的送达回执",
            )
        except TimeoutError:
            return

    async def _look(self, way: SendNotice) -> NoticeSent:
        name = ActivityName.FOLLOW_NOTICE
        return await _until_done(name, way, queue=FOLLOW_QUEUE, summary=f"查询{_named(way)}是否送达")

    async def _report(self, at: datetime, *, reason: str = "") -> None:
        await workflow.execute_activity(
            ActivityName.REPORT_NOTICE.value,
            ReportNotice(
                acceptance_no=self._start.acceptance_no,
                seq=self._start.seq,
                at=at,
                reason=reason,
                intent=self._start.intent,
            ),
            task_queue=CASE_QUEUE,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RECORD,
            summary="告知案件：通知未能送达" if reason else "告知案件：通知已送达",
        )


async def _send(
    start: StartNotice, way: SendNotice, *, allowed: timedelta = GIVE_UP_AFTER, repeat: RetryPolicy = REPEAT
) -> NoticeSent:
    """Send over one way. Raises `ActivityError` where it was not sent in the time allowed."""
    sent: NoticeSent = await workflow.execute_activity(
        ActivityName.SEND_NOTICE.value,
        way,
        result_type=NoticeSent,
        task_queue=NOTICE_QUEUE,
        start_to_close_timeout=ONE_SEND,
        schedule_to_close_timeout=allowed,
        retry_policy=repeat,
        summary=f"发送{_named(way)}（{start.event.value}）",
    )
    return sent


async def _settle(start: StartNotice, *, queue: str) -> NoticeSent:
    return await _until_done(ActivityName.SETTLE_NOTICE, start, queue=queue, summary="办结通知")


async def _until_done(
    name: ActivityName, request: SendNotice | StartNotice, *, queue: str, summary: str
) -> NoticeSent:
    """Write or ask until it is done: the database comes back, and a provider that is silent raises nothing."""
    done: NoticeSent = await workflow.execute_activity(
        name.value,
        request,
        result_type=NoticeSent,
        task_queue=queue,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RECORD,
        summary=summary,
    )
    return done


def _named(way: SendNotice) -> str:
    return _CHANNEL_ZH.get(way.channel, way.channel) + (f"（{way.provider}）" if way.provider else "")


def _reached_nobody(tried: dict[str, NoticeSent], *, legal: bool) -> bool:
    """Tell whether nothing was sent to the person; a doubtful message may have been, and the inbox is no answer.

    Whoever was told the same that day has been told, unless a period begins with this very notice.
    """
    told = [sent for channel, sent in tried.items() if channel != INBOX]
    return all(sent.state in _NOT_SENT and (legal or sent.detail != SAID_TODAY) for sent in told)
