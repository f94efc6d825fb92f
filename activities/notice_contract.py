"""What a notice's workflow and its activities hand each other. Texts and addresses stay in storage.

Imports nothing but the domain, like `activities.contract`.
"""

from datetime import datetime
from enum import StrEnum

from domain.application import Model
from domain.events import NoticeEvent
from domain.notice_plan import NoticePlan

SAID_TODAY = "same-text-today"
"""Why a message was not sent: its number has been told the very same today."""


class StartNotice(Model):
    """Start argument of `Notice`: which notice of which case. Texts and addresses stay in storage.

    `plan` says how it goes out; None, as in payloads of 0.2.0, is every channel once and no word awaited. `intent` is
    above 0 where an officer has ordered it sent anew. Neither is in payloads of 0.2.0.
    """

    acceptance_no: str
    seq: int
    event: NoticeEvent
    channels: tuple[str, ...]
    plan: NoticePlan | None = None
    intent: int = 0


class SendNotice(Model):
    """Send one notice over one channel: claim, send, record. Also: end that, or ask what became of it.

    `provider` is the SMS provider it goes through, empty for the outbox and other channels; `intent` is that of
    `StartNotice`. Neither is in payloads of 0.2.0.
    """

    acceptance_no: str
    seq: int
    channel: str
    attempt: int = 1
    provider: str = ""
    intent: int = 0


class NoticeState(StrEnum):
    """Where one notice stands on one channel. `unknown`: it may have arrived; never resent blindly."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class NoticeSent(Model):
    """What came of one channel, or of the notice.

    `at` is when the person's telephone received it, or when we learned of it, and None unless it is delivered.
    `task` says why somebody must reach the person otherwise, `had_task` that somebody was asked to before, whatever
    came of it. None of these is in payloads of 0.2.0.
    """

    state: NoticeState
    detail: str = ""
    at: datetime | None = None
    task: str = ""
    had_task: bool = False


class ReportNotice(Model):
    """Tell the case that a notice arrived (`reason` empty), or that no channel reached the person, and when.

    `intent` is that of `StartNotice`.
    """

    acceptance_no: str
    seq: int
    at: datetime
    reason: str = ""
    intent: int = 0
