"""What the API takes and answers about notices, their tasks and their counters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from domain.commands import COMMAND_ID_PATTERN
from domain.events import NoticeEvent, Recipient
from starter.notice_tasks import MOST_NOTE
from starter.resending import ResendReason
from starter.web.asking import Instant
from starter.web.paging import write_cursor
from starter.web.shapes import Asked, Shape
from storage.notice_counters import NoticeCounter
from storage.notice_standing import AttemptState
from storage.notice_tasks import NoticeTask, TaskOutcome, TaskReason
from storage.notice_views import NoticeLine, NoticePage, NoticeWhole, ReceiptView, WayView

CommandId = Annotated[
    str, Field(pattern=COMMAND_ID_PATTERN, description="Made by the sender: the same id is carried out once.")
]
Channel = Literal["sms", "agent_sms", "email", "inbox", "push"]


class NoticeLinesOut(Shape):
    """A page of notices, the newest first; `next_cursor` None on the last page."""

    notices: tuple[NoticeLine, ...]
    next_cursor: str | None = None


class TaskOut(Shape):
    """Whom no channel reached. `outcome` is empty while the task is open; no telephone number stands here."""

    acceptance_no: str
    seq: int
    region: str
    reason: TaskReason
    raised_at: datetime
    done_at: datetime | None
    done_by: str
    outcome: TaskOutcome
    note: str


class TasksOut(Shape):
    """A page of tasks; `next_cursor` None on the last page."""

    tasks: tuple[TaskOut, ...]
    next_cursor: str | None = None


class NoticeOut(Shape):
    """One notice with all that is known of its sending; `task` only for who works tasks, and for auditors."""

    acceptance_no: str
    seq: int
    region: str
    event: NoticeEvent
    recipient: Recipient
    state: AttemptState
    legal: bool
    channels: tuple[str, ...]
    created_at: datetime
    settled_at: datetime | None
    ways: tuple[WayView, ...]
    receipts: tuple[ReceiptView, ...]
    task: TaskOut | None = None

    @classmethod
    def of(cls, found: NoticeWhole, *, inside: bool) -> "NoticeOut":
        """Return a notice as it is shown to officials (`inside`) or to anybody else who may see it."""
        said = found.model_dump()
        return cls.model_validate(said if inside else {**said, "task": None})


class CountersOut(Shape):
    """What became of a city's messages."""

    region: str
    counters: tuple[NoticeCounter, ...]


class ResendIn(Asked):
    """An order to send a notice anew; without `channels` those of the notice, but not the inbox.

    `although_unknown` says that the officer knows the person may receive it twice.
    """

    command_id: CommandId
    reason: ResendReason
    channels: tuple[Channel, ...] = Field(default=(), max_length=5)
    although_unknown: bool = False


class FinishIn(Asked):
    """What came of a task. `reached_at`, with `reached` only, is when the person was told; without offset +08:00."""

    command_id: CommandId
    outcome: Literal["reached", "not_reached", "not_needed"]
    reached_at: Instant | None = None
    note: str = Field(default="", max_length=MOST_NOTE, description="Nothing personal.")


def page_of(page: NoticePage) -> NoticeLinesOut:
    """Return a page of notices with its cursor."""
    return NoticeLinesOut(notices=page.notices, next_cursor=write_cursor(*page.place) if page.place else None)


def tasks_of(found: Sequence[NoticeTask], limit: int) -> TasksOut:
    """Return a page of tasks of which one more than `limit` was looked up."""
    shown = tuple(TaskOut.model_validate(each.model_dump()) for each in found[:limit])
    more = len(found) > limit
    last = shown[-1] if more else None
    return TasksOut(
        tasks=shown,
        # To the microsecond: what a page ended with must not come again.
        next_cursor=write_cursor(last.done_at or last.raised_at, last.acceptance_no, last.seq) if last else None,
    )
