"""Recorded histories: which there must be, how they are kept, and what a kept one says of itself."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from temporalio.client import WorkflowHistory

FOLDER = Path(__file__).with_name("histories")
BROKEN = Path(__file__).with_name("broken")

Ending = Literal["completed", "continued", "open"]


class Life(NamedTuple):
    """What a history must show: workflow type, how the run stands, and the status at its end.

    Of a case the status is the last `MenteStatus`, of a notice the state it was settled in (empty while it waits).
    """

    workflow: str
    ending: Ending
    status: str


LIVES: dict[str, Life] = {
    # every way an application ends
    "application-not-accepted-arrears": Life("Application", "completed", "not_accepted"),
    "application-not-accepted-not-listed": Life("Application", "completed", "not_accepted"),
    "application-not-accepted-duplicate": Life("Application", "completed", "not_accepted"),
    "application-not-accepted-duplicate-told": Life("Application", "completed", "not_accepted"),
    "application-lapsed": Life("Application", "completed", "lapsed"),
    "application-withdrawn-in-review": Life("Application", "completed", "withdrawn"),
    "application-withdrawn-in-publicity": Life("Application", "completed", "withdrawn"),
    "application-denied-window-over": Life("Application", "completed", "denied"),
    "application-denied-on-appeal": Life("Application", "completed", "denied"),
    "application-denied-objection-upheld": Life("Application", "completed", "denied"),
    "application-denied-too-many-diseases": Life("Application", "completed", "denied"),
    "application-denied-uninsured": Life("Application", "completed", "denied"),
    "application-granted": Life("Application", "continued", "effective"),
    "application-granted-after-supplement": Life("Application", "continued", "effective"),
    "application-granted-after-more-evidence": Life("Application", "continued", "effective"),
    "application-granted-after-publicity": Life("Application", "continued", "effective"),
    "application-granted-after-objection": Life("Application", "continued", "effective"),
    "application-granted-after-breach": Life("Application", "continued", "effective"),
    "application-granted-after-tie-and-recusal": Life("Application", "continued", "effective"),
    "application-granted-on-appeal": Life("Application", "continued", "effective"),
    "application-granted-by-correction": Life("Application", "continued", "effective"),
    "application-granted-certified-anew": Life("Application", "continued", "effective"),
    "application-granted-found-long-ago": Life("Application", "continued", "effective"),
    # one open application for each status it can wait in
    "application-open-supplement": Life("Application", "open", "supplement"),
    "application-open-review": Life("Application", "open", "review"),
    "application-open-messages-refused": Life("Application", "open", "review"),
    "application-open-nonsense-refused": Life("Application", "open", "review"),
    "application-denied-without-words": Life("Application", "completed", "denied"),
    "application-open-publicity": Life("Application", "open", "publicity"),
    "application-open-objected": Life("Application", "open", "objected"),
    "application-open-denied": Life("Application", "open", "denied"),
    # originals are compared
    "application-open-verifying": Life("Application", "open", "verifying"),
    "application-granted-after-originals": Life("Application", "continued", "effective"),
    "application-lapsed-originals-never-seen": Life("Application", "completed", "lapsed"),
    "application-not-accepted-originals-differ": Life("Application", "completed", "not_accepted"),
    "application-not-accepted-at-the-counter": Life("Application", "completed", "not_accepted"),
    "application-granted-from-the-counter": Life("Application", "continued", "effective"),
    # a notice begins a period when it is delivered
    "application-open-delivery-awaited": Life("Application", "open", "supplement"),
    "application-denied-counted-from-delivery": Life("Application", "completed", "denied"),
    "application-open-appealing": Life("Application", "open", "appealing"),
    # a notice on holidays comes
    "application-open-calendar-amended": Life("Application", "open", "review"),
    "application-granted-after-learning-of-a-calendar": Life("Application", "continued", "effective"),
    "entitlement-open-calendar-amended": Life("Entitlement", "open", "effective"),
    "entitlement-open-recheck-by-a-new-calendar": Life("Entitlement", "open", "recheck"),
    "entitlement-passed-by-a-new-calendar": Life("Entitlement", "continued", "effective"),
    # a qualification comes in at the go-live
    "entitlement-open-imported": Life("Entitlement", "open", "effective"),
    "entitlement-passed-imported": Life("Entitlement", "continued", "effective"),
    "entitlement-not-accepted-imported": Life("Entitlement", "completed", "not_accepted"),
    # one entitlement follows another
    "application-granted-renewal": Life("Application", "continued", "effective"),
    "application-granted-swap": Life("Application", "continued", "effective"),
    "application-not-accepted-unfit": Life("Application", "completed", "not_accepted"),
    "entitlement-open-renewal-due": Life("Entitlement", "open", "effective"),
    "entitlement-superseded-by-a-renewal": Life("Entitlement", "completed", "superseded"),
    "entitlement-superseded-by-a-swap": Life("Entitlement", "completed", "superseded"),
    # every way a year of benefit ends
    "entitlement-passed-quietly": Life("Entitlement", "continued", "effective"),
    "entitlement-passed-with-records": Life("Entitlement", "continued", "effective"),
    "entitlement-passed-after-suspension": Life("Entitlement", "continued", "effective"),
    "entitlement-passed-after-uninsured-months": Life("Entitlement", "continued", "effective"),
    "entitlement-ended-recheck-missed": Life("Entitlement", "completed", "ended"),
    "entitlement-ended-recheck-failed": Life("Entitlement", "completed", "ended"),
    "entitlement-ended-by-order": Life("Entitlement", "completed", "ended"),
    "entitlement-ended-by-correction": Life("Entitlement", "completed", "ended"),
    "entitlement-ended-expired": Life("Entitlement", "completed", "ended"),
    "entitlement-superseded": Life("Entitlement", "completed", "superseded"),
    # one open entitlement for each status it can wait in
    "entitlement-open-effective": Life("Entitlement", "open", "effective"),
    "entitlement-open-recheck": Life("Entitlement", "open", "recheck"),
    "entitlement-open-failed": Life("Entitlement", "open", "recheck"),
    "entitlement-open-suspended": Life("Entitlement", "open", "suspended"),
    "entitlement-open-uninsured": Life("Entitlement", "open", "suspended"),
    # every way a notice is settled
    "notice-delivered": Life("Notice", "completed", "delivered"),
    "notice-sent": Life("Notice", "completed", "sent"),
    "notice-unknown": Life("Notice", "completed", "unknown"),
    "notice-failed": Life("Notice", "completed", "failed"),
    "notice-given-up": Life("Notice", "completed", "failed"),
    "notice-skipped": Life("Notice", "completed", "skipped"),
    "notice-open-waiting": Life("Notice", "open", ""),
    # notices of a city with SMS providers
    "notice-open-resting": Life("Notice", "open", ""),
    "notice-open-followed": Life("Notice", "open", ""),
    "notice-delivered-after-rest": Life("Notice", "completed", "delivered"),
    "notice-delivered-by-the-second-provider": Life("Notice", "completed", "delivered"),
    "notice-delivered-after-ten-minutes": Life("Notice", "completed", "delivered"),
    "notice-sent-over-the-fall-back": Life("Notice", "completed", "sent"),
    "notice-sent-and-unconfirmed": Life("Notice", "completed", "sent"),
    "notice-unknown-and-a-task": Life("Notice", "completed", "unknown"),
}

OF_OLDER_CODE = frozenset({"application-denied-without-words", "application-not-accepted-duplicate"})
"""Recorded by 0.3.0 or before; no code of today lives such a life.

Without words: the limit is extended twice, the phone number is none, and three verdicts deny without a word. The
duplicate: nobody is told.
"""

Events = list[dict[str, Any]]


def path_of(name: str) -> Path:
    """Return where a history is kept."""
    return FOLDER / f"{name}.json"


def load(path: Path) -> WorkflowHistory:
    """Return a kept history."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return WorkflowHistory.from_json(workflow_id_of(content["events"]), content)


def workflow_id_of(events: Events) -> str:
    """Return the workflow's id; for a case its acceptance number."""
    return str(events[0]["workflowExecutionStartedEventAttributes"]["workflowId"])


def workflow_of(events: Events) -> str:
    """Return the workflow's type."""
    return str(events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])


def ending_of(events: Events) -> Ending:
    """Return how the run stands; raises `ValueError` if it ended in a way no case may end."""
    kind = str(events[-1]["eventType"])
    match kind:
        case "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED":
            return "completed"
        case "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW":
            return "continued"
        case "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED" | "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED":
            raise ValueError(kind)
        case "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED" | "EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT":
            raise ValueError(kind)
        case _:
            return "open"


def last_status(events: Events) -> str:
    """Return the last `MenteStatus` a case's run showed; empty for a notice, which has none."""
    shown = [indexed["MenteStatus"] for event in events for indexed in _indexed(event) if "MenteStatus" in indexed]
    return str(json.loads(base64.b64decode(shown[-1]["data"]))) if shown else ""


def _indexed(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("workflowExecutionStartedEventAttributes", "upsertWorkflowSearchAttributesEventAttributes"):
        yield event.get(key, {}).get("searchAttributes", {}).get("indexedFields", {})


def scrubbed(value: Any) -> Any:
    """Return history JSON without what tells of the machine it was recorded on."""
    if isinstance(value, list):
        return [scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
        # the name holds the process and the host
        value = {**value, "name": "recorded-sticky"}
    return {key: "recorded" if key == "identity" else scrubbed(each) for key, each in value.items()}


def dumped(events: Events) -> str:
    """Return the file of a history: JSON, one event a line."""
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    return f'{{"events":[\n{lines}\n]}}\n'
