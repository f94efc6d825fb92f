"""How a workflow calls activities: retry policies named by meaning, with the reason beside each."""

from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

from activities.contract import CASE_QUEUE, EXTERNAL_QUEUE, ActivityName
from domain.application import Model

Answer = TypeVar("Answer", bound=Model)

# The database is the record of law: a case waits for it as long as it takes rather than go on unrecorded. It waits
# on the server: a local activity retried through a long outage would fill the history until Temporal ends the case.
RECORD = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
)

# A busy database answers a moment later, and within one workflow task that costs no history.
AT_ONCE = RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=2.0, maximum_attempts=4)

# Registries and file stores come back; asking again harms nobody, but not every second.
ASK = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
)

RECORD_TIMEOUT = timedelta(seconds=10)
ASK_TIMEOUT = timedelta(seconds=30)


async def record(name: ActivityName, request: Model, answer: type[Answer], *, summary: str) -> Answer:
    """Write what has been decided, as an activity that is retried for ever.

    Its request stands in the history before anything is written. A workflow task that a killed worker or a late
    message undoes is worked out anew, perhaps to another decision; so a decision is never written inside the task
    that takes it. Raises `FailureError` for what no repetition can mend.
    """
    result: Answer = await workflow.execute_activity(
        name.value,
        request,
        result_type=answer,
        task_queue=CASE_QUEUE,
        start_to_close_timeout=RECORD_TIMEOUT,
        retry_policy=RECORD,
        summary=summary,
    )
    return result


async def record_at_once(name: ActivityName, request: Model, answer: type[Answer], *, summary: str) -> Answer:
    """Read, or write what comes out the same however often it is worked out: a local activity, cheap in history.

    In an outage it goes on as `record` does. Raises `FailureError` for what no repetition can mend.
    """
    try:
        result: Answer = await workflow.execute_local_activity(
            name.value,
            request,
            result_type=answer,
            start_to_close_timeout=RECORD_TIMEOUT,
            retry_policy=AT_ONCE,
            summary=summary,
        )
    except FailureError as error:
        # A local activity fails with its own error, unwrapped.
        if isinstance(error, ApplicationError) and error.non_retryable:
            raise
        return await record(name, request, answer, summary=summary)
    return result


async def ask(name: ActivityName, request: Model, answer: type[Answer], *, summary: str) -> Answer:
    """Run an activity that reads files, renders or asks a registry."""
    options: dict[str, Any] = {"task_queue": CASE_QUEUE}
    if name is ActivityName.LOOK_UP_INSURED:
        options["task_queue"] = EXTERNAL_QUEUE
    result: Answer = await workflow.execute_activity(
        name.value,
        request,
        result_type=answer,
        start_to_close_timeout=ASK_TIMEOUT,
        retry_policy=ASK,
        summary=summary,
        **options,
    )
    return result
