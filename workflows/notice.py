"""One notice to one person: `Notice`, id `<acceptance number>.n<seq>`, queue `mente-notices`.

1. It is started with the transition it tells of; the case never waits for it.
2. Every channel the city chose is tried, started in the city's order; one that is down does not hold up another.
3. A send that surely did not happen is repeated for three days, ever more rarely; a doubtful one never blindly.
4. Text and addresses stay in storage: this workflow knows the notice's number and event alone.
5. At the end the notice is settled: delivered, sent, unknown, failed or skipped.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.contract import (
        NOTICE_QUEUE,
        ActivityName,
        NoticeSent,
        NoticeState,
        SendNotice,
        StartNotice,
    )

# What the activity raises surely did not happen, or is looked up first: repeating it cannot send twice.
REPEAT = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=30),
)
# The database is ours and comes back; a notice without an end would look like one still under way.
RECORD = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))

ONE_SEND = timedelta(seconds=20)
GIVE_UP_AFTER = timedelta(days=3)

_CHANNEL_ZH = {"sms": "短信", "agent_sms": "代办人短信", "email": "电子邮件", "inbox": "站内信", "push": "推送"}


@workflow.defn(name="Notice")
class NoticeWorkflow:
    """Tell one person one thing."""

    @workflow.run
    async def run(self, start: StartNotice) -> NoticeSent:
        """Send over every channel, then settle; returns the overall state."""
        workflow.set_current_details(f"正在发送通知（{start.event.value}），无需人工处理")
        await asyncio.gather(*(self._send(start, channel) for channel in start.channels))
        overall = await self._settle(start)
        workflow.set_current_details(f"通知已办结：{overall.state.value}")
        return overall

    async def _send(self, start: StartNotice, channel: str) -> NoticeSent:
        """Send over one channel; one that could not be reached in three days has failed."""
        try:
            sent: NoticeSent = await workflow.execute_activity(
                ActivityName.SEND_NOTICE.value,
                SendNotice(acceptance_no=start.acceptance_no, seq=start.seq, channel=channel),
                result_type=NoticeSent,
                task_queue=NOTICE_QUEUE,
                start_to_close_timeout=ONE_SEND,
                schedule_to_close_timeout=GIVE_UP_AFTER,
                retry_policy=REPEAT,
                summary=f"发送{_CHANNEL_ZH.get(channel, channel)}（{start.event.value}）",
            )
        except ActivityError:
            return NoticeSent(state=NoticeState.FAILED, detail="given-up")
        return sent

    async def _settle(self, start: StartNotice) -> NoticeSent:
        settled: NoticeSent = await workflow.execute_activity(
            ActivityName.SETTLE_NOTICE.value,
            start,
            result_type=NoticeSent,
            task_queue=NOTICE_QUEUE,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RECORD,
            summary="办结通知",
        )
        return settled
