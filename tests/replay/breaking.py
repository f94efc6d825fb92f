"""Broken histories: what today's code would have to have done otherwise, so that replaying them must fail."""

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.replay.histories import BROKEN, Events, dumped, path_of


class Breach(NamedTuple):
    """Which history is broken, and how."""

    source: str
    breaking: Callable[[Events], None]


def _attributes(events: Events, kind: str) -> list[dict[str, Any]]:
    key = f"{kind}EventAttributes"
    return [event[key] for event in events if key in event]


def _another_activity(events: Events) -> None:
    _attributes(events, "activityTaskScheduled")[0]["activityType"]["name"] = "weigh_materials"


def _another_order(events: Events) -> None:
    first, second = _attributes(events, "activityTaskScheduled")[:2]
    first["activityType"], second["activityType"] = second["activityType"], first["activityType"]


def _another_local_activity(events: Events) -> None:
    payload = _attributes(events, "markerRecorded")[0]["details"]["data"]["payloads"][0]
    told = json.loads(base64.b64decode(payload["data"]))
    told["activity_type"] = "weigh_materials"
    payload["data"] = base64.b64encode(json.dumps(told).encode()).decode()


def _another_timer(events: Events) -> None:
    started = _attributes(events, "timerStarted")[0]
    fired = [each for each in _attributes(events, "timerFired") if each["timerId"] == started["timerId"]]
    for each in (started, *fired):
        each["timerId"] = "99"


def _no_upsert(events: Events) -> None:
    """The search attributes are written as a marker of a patch that does not exist."""
    event = next(event for event in events if "upsertWorkflowSearchAttributesEventAttributes" in event)
    written = event.pop("upsertWorkflowSearchAttributesEventAttributes")
    event["eventType"] = "EVENT_TYPE_MARKER_RECORDED"
    event["markerRecordedEventAttributes"] = {
        "markerName": "another-marker",
        "workflowTaskCompletedEventId": written["workflowTaskCompletedEventId"],
    }


BREACHES: dict[str, Breach] = {
    "application-another-activity": Breach("application-granted", _another_activity),
    "application-another-order": Breach("application-granted", _another_order),
    "notice-no-rest": Breach("notice-delivered-after-rest", _another_timer),
    "application-another-local-activity": Breach("application-granted", _another_local_activity),
    "entitlement-another-timer": Breach("entitlement-passed-quietly", _another_timer),
    "entitlement-no-search-attributes": Breach("entitlement-passed-quietly", _no_upsert),
}


def write_broken() -> None:
    """Make the broken histories anew from the recorded ones."""
    BROKEN.mkdir(exist_ok=True)
    for stale in BROKEN.glob("*.json"):
        stale.unlink()
    for name, breach in BREACHES.items():
        events: Events = json.loads(path_of(breach.source).read_text("utf-8"))["events"]
        breach.breaking(events)
        (BROKEN / f"{name}.json").write_text(dumped(events), "utf-8")
