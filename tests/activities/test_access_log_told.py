"""What is said to whoever asks while the access log cannot be written."""

import pytest

from starter.web.auditing import LONGEST_WAIT_SECONDS, AccessBuffer
from starter.web.problems import Stopped
from storage.database import Database

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("case.read", "不能显示"),
        ("command.withdraw", "没有发出"),
        ("application.hand_in", "可能已经收到"),
        ("file.upload", "可能已经收到"),
        ("notice.resend", "可能已经收到"),
        ("task.done", "可能已经收到"),
    ],
)
async def test_who_did_something_hears_whether_it_may_have_been_done(action: str, said: str) -> None:
    at = [0.0]
    buffer = AccessBuffer(lambda: Database("sqlite+aiosqlite:///nowhere"), clock=lambda: at[0])
    buffer.note(actor="key:a", action=action, acceptance_no="1")
    at[0] = LONGEST_WAIT_SECONDS + 1
    with pytest.raises(Stopped) as refused:
        buffer.note(actor="key:a", action=action, acceptance_no="1")
    assert refused.value.status == 503
    assert refused.value.refusal.field == "database"
    assert said in refused.value.refusal.message
    assert ("不会重复办理" in refused.value.refusal.remedy) is (said != "不能显示")
