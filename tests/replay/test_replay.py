"""The replay gate: today's workflow code must accept every recorded history, and refuse the broken ones."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.common import HeaderCodecBehavior
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain.vocabulary import FINAL_STATUSES, Status
from storage.keys import Keys
from tests.replay.breaking import BREACHES
from tests.replay.fixed_keys import lay_test_keys
from tests.replay.histories import (
    BROKEN,
    FOLDER,
    LIVES,
    Events,
    Life,
    ending_of,
    last_status,
    load,
    path_of,
    workflow_of,
)
from worker.payloads import data_converter
from worker.running import ALL_WORKFLOWS

MAX_BYTES = 160 * 1024
MAX_TOTAL_BYTES = 5 * 1024 * 1024
OPEN_STATUSES = {
    "Application": {"supplement", "verifying", "review", "publicity", "objected", "denied", "appealing"},
    "Entitlement": {"effective", "recheck", "suspended"},
}
"""What an open case waits in; `submitted` is no wait."""

SETTLED = {"delivered", "sent", "unknown", "failed", "skipped"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return lay_test_keys(tmp_path_factory.mktemp("replay") / "keys")


@pytest.fixture(scope="module")
def replayer(keys: Keys) -> Replayer:
    return Replayer(
        workflows=ALL_WORKFLOWS,
        data_converter=data_converter(keys),
        header_codec_behavior=HeaderCodecBehavior.CODEC,
    )


def events_of(name: str) -> Events:
    events: Events = json.loads(path_of(name).read_text("utf-8"))["events"]
    return events


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.asyncio
async def test_a_recorded_history_replays(replayer: Replayer, name: str) -> None:
    await replayer.replay_workflow(load(path_of(name)))


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.asyncio
async def test_a_recorded_history_shows_the_life_it_is_named_after(keys: Keys, name: str) -> None:
    events = events_of(name)
    status = await settled_state(keys, name) if LIVES[name].workflow == "Notice" else last_status(events)
    assert Life(workflow_of(events), ending_of(events), status) == LIVES[name]


async def settled_state(keys: Keys, name: str) -> str:
    last = load(path_of(name)).events[-1]
    result = last.workflow_execution_completed_event_attributes.result
    if not result.payloads:
        return ""
    settled: list[dict[str, Any]] = await data_converter(keys).decode(list(result.payloads))
    return str(settled[0]["state"])


def test_every_registered_workflow_has_recorded_histories() -> None:
    registered = {str(each.__temporal_workflow_definition.name) for each in ALL_WORKFLOWS}
    assert registered == {life.workflow for life in LIVES.values()}


def test_every_end_and_every_waiting_status_has_a_recorded_history() -> None:
    closed = {life.status for life in LIVES.values() if life.workflow != "Notice" and life.ending == "completed"}
    assert closed == {*FINAL_STATUSES, Status.DENIED}
    for workflow, statuses in OPEN_STATUSES.items():
        shown = {life.status for life in LIVES.values() if (life.workflow, life.ending) == (workflow, "open")}
        assert shown == statuses
        assert Life(workflow, "continued", "effective") in LIVES.values()
    notices = [life for life in LIVES.values() if life.workflow == "Notice"]
    assert {life.status for life in notices if life.ending == "completed"} == SETTLED
    assert any(life.ending == "open" for life in notices)


def test_no_history_is_kept_that_nobody_replays() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(LIVES)


def test_histories_are_small_and_name_no_machine() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("*.json")}
    assert {name: size for name, size in sizes.items() if size > MAX_BYTES} == {}
    assert sum(sizes.values()) <= MAX_TOTAL_BYTES
    for name in LIVES:
        for event in events_of(name):
            assert set(found(event, "identity")) <= {"recorded"}
            queues = [queue for queue in found(event, "taskQueue") if queue.get("kind") == "TASK_QUEUE_KIND_STICKY"]
            assert all(queue["name"] == "recorded-sticky" for queue in queues)


def found(value: Any, key: str) -> Iterator[Any]:
    """Yield every value under a key, at any depth."""
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from found(each, key)
    if isinstance(value, dict) and key in value:
        yield value[key]


@pytest.mark.parametrize("name", BREACHES)
@pytest.mark.asyncio
async def test_a_broken_history_is_refused(replayer: Replayer, name: str) -> None:
    # each is one recorded history with one command changed; that history itself replays, see above
    assert BREACHES[name].source in LIVES
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(load(BROKEN / f"{name}.json"))


def test_no_broken_history_is_kept_that_nobody_replays() -> None:
    assert {path.stem for path in BROKEN.glob("*.json")} == set(BREACHES)
