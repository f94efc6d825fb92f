"""Whatever comes of a message, in whatever order and however often it is said, ends the same."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.attempts import Attempt, Way, learn, record_outcome
from storage.database import Database
from storage.notice_standing import AttemptState
from tests.activities.case_samples import opened
from tests.activities.receipt_samples import AT, leave, queue, stands, way

SENT, DELIVERED, FAILED, UNKNOWN = (
    AttemptState.SENT,
    AttemptState.DELIVERED,
    AttemptState.FAILED,
    AttemptState.UNKNOWN,
)
RANK = [UNKNOWN, SENT, DELIVERED, FAILED]
"""The higher wins among what providers say; what we think ourselves is below all of it."""

Said = tuple[str, AttemptState]
"""`ours`, or `report`, and the state."""

REPORTS = st.lists(st.tuples(st.just("report"), st.sampled_from([SENT, DELIVERED, FAILED])), max_size=4)
# no provider answers a hand-over with `delivered`: that it only reports
OURS = st.lists(st.just(("ours", UNKNOWN)), max_size=2).flatmap(
    lambda doubts: st.sampled_from([SENT, FAILED, UNKNOWN]).map(
        lambda last: [*doubts, ("ours", last), ("ours", last)]
    )
)


@pytest.fixture
def many(request: pytest.FixtureRequest, database_url: str) -> Iterator[Callable[..., Any]]:
    """Run one scene after another in one loop and database, each with a message of its own."""
    runner = asyncio.Runner()
    database = Database(database_url)
    numbers = itertools.count(1)
    runner.run(opened(database))

    def play(scene: Callable[[Database, Way, Attempt], Any]) -> tuple[str, str]:
        async def once() -> tuple[str, str]:
            number = next(numbers)
            await queue(database, number)
            of = way(number)
            await scene(database, of, await leave(database, of))
            return await stands(database, of)

        return runner.run(once())

    yield play
    runner.run(database.close())
    runner.close()


async def say(database: Database, of: Way, held: Attempt, said: Said) -> None:
    who, state = said
    async with database.write() as connection:
        if who == "ours":
            await record_outcome(connection, held, state=state, detail="", at=AT, provider_id="biz-1")
        else:
            await learn(connection, of.reference, said=state, detail="", at=AT)  # type: ignore[arg-type]


def end_of(reports: list[Said], ours: list[Said]) -> tuple[str, str]:
    """Say how it must end: the best-ranked report; without one, what we think last."""
    if reports:
        best = max((state for _, state in reports), key=RANK.index)
        return best.value, "" if best is SENT else best.value
    return ours[-1][1].value, ""


def merged(draw: st.DrawFn, reports: list[Said], ours: list[Said]) -> list[Said]:
    """Mix the two: reports in any order, our own in theirs."""
    order = list(draw(st.permutations(reports)))
    places = sorted(draw(st.lists(st.integers(0, len(order)), min_size=len(ours), max_size=len(ours))))
    for place, mine in reversed(list(zip(places, ours, strict=True))):
        order.insert(place, mine)
    return order


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Said], list[Said], list[Said]]:
    reports, ours = draw(REPORTS), draw(OURS)
    return reports, ours, merged(draw, reports, ours)


@pytest.mark.parametrize("own", [SENT, FAILED, UNKNOWN])
def test_every_short_order_ends_the_same(many: Callable[..., Any], own: AttemptState) -> None:
    for length, place in ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)):
        for states in itertools.product([SENT, DELIVERED, FAILED], repeat=length):
            reports: list[Said] = [("report", state) for state in states]
            order = [*reports[:place], ("ours", own), *reports[place:]]

            async def scene(database: Database, of: Way, held: Attempt, order: list[Said] = order) -> None:
                for said in order:
                    await say(database, of, held, said)

            assert many(scene) == end_of(reports, [("ours", own)]), order


@given(story=stories())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_order_of_reports_and_outcomes_of_our_own_ends_the_same(
    many: Callable[..., Any], story: tuple[list[Said], list[Said], list[Said]]
) -> None:
    reports, ours, order = story

    async def scene(database: Database, of: Way, held: Attempt) -> None:
        for said in order:
            await say(database, of, held, said)

    assert many(scene) == end_of(reports, ours)


@given(story=stories())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reports_and_an_outcome_of_our_own_at_the_same_moment_end_the_same(
    many: Callable[..., Any], story: tuple[list[Said], list[Said], list[Said]]
) -> None:
    reports, ours, _ = story

    async def ourselves(database: Database, of: Way, held: Attempt) -> None:
        for said in ours:
            await say(database, of, held, said)

    async def scene(database: Database, of: Way, held: Attempt) -> None:
        told = [say(database, of, held, said) for said in reports]
        await asyncio.gather(*told, ourselves(database, of, held))

    assert many(scene) == end_of(reports, ours)
