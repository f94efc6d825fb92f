"""One notice to one person: `Notice`, id `<acceptance number>.n<seq>`, queue `mente-notices`.

1. It is started with the transition it tells of; the case never waits for it.
2. Every channel the city chose is tried, started in the city's order; one that is down does not hold up another.
3. No telephone rings in the hours of rest. What surely was not sent is sent again, then by the next provider; a
   doubtful message never blindly. A provider's word is awaited for three days.
4. Where none of that reached the person: the city's fall-back channels, then a task for a person.
5. At the end the notice is settled: delivered, sent, unknown, failed or skipped. Texts and addresses stay in storage.
"""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.notice_contract import NoticeSent, StartNotice
    from workflows.telling import Telling, send_once


@workflow.defn(name="Notice")
class NoticeWorkflow:
    """Tell one person one thing."""

    def __init__(self) -> None:
        self._nudges = 0

    @workflow.signal(dynamic=True, description="Whatever its name: a provider has reported, look now")
    def nudge(self, name: str, args: Sequence[RawValue]) -> None:
        """Take any signal as word that storage knows more; never read it, never raise."""
        self._nudges += 1

    @workflow.run
    async def run(self, start: StartNotice) -> NoticeSent:
        """Tell the notice whole; a request to cancel it is refused, for the decision it tells of stands."""
        telling = asyncio.create_task(self._tell(start))
        while not telling.done():
            try:
                await asyncio.shield(telling)
            except asyncio.CancelledError:
                workflow.set_current_details("取消请求未予采纳：通知所告知的事项已经发生，通知继续发送")
        return telling.result()

    async def _tell(self, start: StartNotice) -> NoticeSent:
        """Send, follow what was sent, then settle; returns the overall state."""
        workflow.set_current_details(f"正在发送通知（{start.event.value}），无需人工处理")
        if start.plan is None:
            overall = await send_once(start)
        else:
            overall = await Telling(start, start.plan, nudges=lambda: self._nudges).tell()
        asked = "，已转人工告知" if overall.task else ""
        workflow.set_current_details(f"通知已办结：{overall.state.value}{asked}")
        return overall
