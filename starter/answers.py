"""What a call to Temporal that failed means to whoever made it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.refusal import Refusal, Refused
from worker.connection import Unreachable

logger = logging.getLogger("mente.answers")


class Unanswered(Exception):
    """Nobody answered in time. The command may still be carried out; repeating it with the same id is safe."""


class NothingSent(SQLAlchemyError):
    """The database could not be asked before anything was sent: whatever it was for has not happened."""


UNANSWERED = "暂时没有应答。命令可能稍后办理；以同一命令编号重复发送是安全的。"
UNCERTAIN = "没有得到应答，不能确定是否已经收到。以同一编号重新发送是安全的，不会重复办理。"

CALL_SECONDS = 3.0
"""For so long a call is waited for that only hands something over; a server that lives takes milliseconds."""

CALL = timedelta(seconds=CALL_SECONDS)

_CROWDED = (RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.RESOURCE_EXHAUSTED)
"""How a server refuses an update where too many wait for a worker already."""


@asynccontextmanager
async def answered_within(seconds: float, told: str = UNCERTAIN) -> AsyncIterator[None]:
    """Raise `Unanswered` if what is done inside takes longer; a client tries again for much longer by itself."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unanswered(told) from None


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Raise `NothingSent` where the database fails inside: nothing that is done inside has left this process."""
    try:
        yield
    except SQLAlchemyError as error:
        raise NothingSent(type(error).__name__) from error


def is_crowded(error: RPCError) -> bool:
    """Whether a case takes no more updates now; a signal it still takes."""
    return error.status in _CROWDED


def unreached(error: RPCError) -> Exception:
    """Return what a failed call means to its sender: nobody answered, or nobody is there."""
    if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
        return Unanswered(UNCERTAIN)
    logger.warning("temporal did not take a request (%s)", error.status.name)
    return Unreachable("流程服务未能处理请求，请稍后以同一编号重试。")


def refusal_of(error: WorkflowUpdateFailedError) -> Exception:
    """Return the refusal a case answered with; `Unanswered` where it failed to answer."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "Refused" and cause.details:
        return Refused(Refusal.model_validate(cause.details[0]))
    return Unanswered(UNANSWERED)
