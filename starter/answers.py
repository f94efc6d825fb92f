"""What a call to Temporal that failed means to whoever made it."""

from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.refusal import Refusal, Refused
from worker.connection import Unreachable


class Unanswered(Exception):
    """Nobody answered in time. The command may still be carried out; repeating it with the same id is safe."""


UNANSWERED = "暂时没有应答。命令可能稍后办理；以同一命令编号（--command-id）重试是安全的。"


def unreached(error: RPCError) -> Exception:
    """Return what a failed call means to its sender: nobody answered, or nobody is there."""
    if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
        return Unanswered(UNANSWERED)
    return Unreachable(f"Temporal 服务未能处理请求（{error.status.name}），请稍后以同一编号重试。")


def refusal_of(error: WorkflowUpdateFailedError) -> Exception:
    """Return the refusal a case answered with; `Unanswered` where it failed to answer."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "Refused" and cause.details:
        return Refused(Refusal.model_validate(cause.details[0]))
    return Unanswered(UNANSWERED)
