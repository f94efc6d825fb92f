"""The activity edge: domain refusals become final errors, everything else stays retryable, no text leaks.

An exception's text ends in the worker's log and in Temporal. Database drivers and validators quote the values
they fail on, so an unknown error crosses this edge as its type, the case and the place in our code, no more.
"""

import functools
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, FailureError

from domain.policy import PolicyError
from domain.refusal import Refused
from storage.calendar_store import CalendarDamaged
from storage.cases import CaseNotFound
from storage.objects import NotStored, StoreAway, Tampered

P = ParamSpec("P")
Owner = TypeVar("Owner")
Answer = TypeVar("Answer")

_TELLING = (CalendarDamaged, CaseNotFound, NotStored, StoreAway, Tampered)
"""Our own retryable errors, whose texts hold ids only."""


def edge(
    activity_method: Callable[Concatenate[Owner, P], Awaitable[Answer]],
) -> Callable[Concatenate[Owner, P], Awaitable[Answer]]:
    """Wrap a method of an activity class; put it under `@activity.defn`.

    `Refused` becomes a non-retryable `ApplicationError` of type `Refused` with the refusal as its detail,
    `PolicyError` a retryable one; any other exception a retryable one named after its class.
    """

    @functools.wraps(activity_method)
    async def guarded(owner: Owner, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return await activity_method(owner, *args, **kwargs)
        except FailureError:
            raise
        except Refused as error:
            detail = error.refusal.model_dump()
            raise ApplicationError(
                f"refused: {error.refusal.field}", detail, type="Refused", non_retryable=True
            ) from None
        except PolicyError:
            # A city's file can be mended while the case waits; nothing is gained by giving up.
            raise ApplicationError(f"no policy for {_case_of(args)}", type="PolicyError") from None
        except Exception as error:
            # `from None`: the cause would carry the very text that is kept back here
            raise ApplicationError(_told(error, args), type=type(error).__name__) from None

    return guarded


def _told(error: Exception, args: tuple[Any, ...]) -> str:
    if isinstance(error, _TELLING):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    if ours and frames and ours[-1] is not frames[-1]:
        place += f" called by {ours[-1].name}:{ours[-1].lineno}"
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    code = f" ({state})" if state else ""
    return f"{type(error).__name__}{code} in {_case_of(args)}{place}"


def _case_of(args: tuple[Any, ...]) -> str:
    task = args[0] if args else None
    number = getattr(getattr(task, "start", task), "acceptance_no", None)
    return f"case {number}" if number else "no case"
