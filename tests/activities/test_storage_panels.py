import pytest
from sqlalchemy import func, select

from domain.events import EventKind
from domain.vocabulary import Decision, Status, WaitingOn
from storage import panels, reading
from storage.cases import CaseNotFound
from storage.database import Database
from storage.panels import SeatsWanted
from storage.tables import expert, verdict
from tests.activities.case_samples import (
    AT,
    NUMBER,
    OTHER,
    entry,
    opened,
    recorded,
    register_experts,
    seat,
    standing,
    transition,
)

pytestmark = pytest.mark.asyncio

CARDIOLOGISTS = tuple((f"E{n}", "cardiology", f"H{n}") for n in range(1, 7))


def wanted(number: str = NUMBER, **changes: object) -> SeatsWanted:
    values = {"acceptance_no": number, "seq": 2, "call": 1, "at": AT, "region": "620900", "specialty": "cardiology"}
    return SeatsWanted.model_validate(values | {"panel": 1, "round": 0, "count": 3} | changes)


async def assigned(database: Database, seats: SeatsWanted) -> tuple[str, ...]:
    async with database.write() as connection:
        return await panels.assign_panel(connection, seats)


async def test_a_retry_returns_the_same_experts_even_when_others_are_free_now(database: Database) -> None:
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS)
    first = await assigned(database, wanted())
    await register_experts(database, ("E0", "cardiology", "H0"))

    assert len(set(first)) == 3
    assert await assigned(database, wanted()) == first
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(verdict)) == 3


async def test_nobody_with_a_conflict_of_interest_is_seated(database: Database) -> None:
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS, ("E7", "cardiology", "H1"))
    await register_experts(database, ("E8", "cardiology", "H8"), region="510400")
    await register_experts(database, ("E9", "oncology", "H9"))
    seats = wanted(count=9, avoid_hospitals=("H1",), avoid_experts=("E2",))
    assert set(await assigned(database, seats)) == {"E3", "E4", "E5", "E6"}


async def test_an_expert_who_is_not_active_is_not_seated(database: Database) -> None:
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS[:2])
    async with database.write() as connection:
        await connection.execute(expert.update().where(expert.c.expert_id == "E1").values(active=False))
    assert await assigned(database, wanted()) == ("E2",)


async def test_the_least_loaded_come_first_and_closed_cases_are_no_load(database: Database) -> None:
    await register_experts(database, *CARDIOLOGISTS)
    await opened(database)
    busy = await assigned(database, wanted())
    await opened(database, OTHER, disease_id="620900-018")
    free = await assigned(database, wanted(OTHER))
    assert set(busy) | set(free) == {each[0] for each in CARDIOLOGISTS}

    given = [seat(each, decision=Decision.GRANT, reason="是") for each in free[:1]]
    await recorded(database, transition(2, number=OTHER, verdicts=tuple(given)))
    ended = standing(status=Status.WITHDRAWN, closed=True)
    await recorded(database, transition(2, occupies=False, row=ended))
    third = "620900-AAAA-BBBB-CCCC-F"
    await opened(database, third, disease_id="620900-019")
    assert set(await assigned(database, wanted(third, count=4))) == {*busy, free[0]}


async def test_the_draw_differs_by_case_and_not_by_the_order_of_the_register(database: Database) -> None:
    await register_experts(database, *reversed(CARDIOLOGISTS))
    draws = {}
    for n in range(6):
        number = f"620900-AAAA-BBBB-CCC{n}-D"
        await opened(database, number, person_key=f"{n:032x}")
        draws[number] = await assigned(database, wanted(number, count=1))
        done = seat(draws[number][0], decision=Decision.DENY, reason="否")
        await recorded(database, transition(2, number=number, verdicts=(done,)))
    everyone = [each[0] for each in CARDIOLOGISTS]
    for number, draw in draws.items():
        assert draw == (min(everyone, key=lambda each: panels._draw(number, each)),)
    assert len(set(draws.values())) > 1


async def test_general_experts_fill_up_and_then_there_are_fewer(database: Database) -> None:
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS[:1], ("G1", "general", "H8"))
    assert await assigned(database, wanted()) == ("E1", "G1")


async def test_a_replacement_is_not_somebody_who_sat_on_the_panel(database: Database) -> None:
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS[:4])
    first = await assigned(database, wanted())
    await recorded(database, transition(2, verdicts=(seat(first[0], left="replaced"),)))
    assert not set(await assigned(database, wanted(seq=3, call=2, count=1))) & set(first)
    assert await assigned(database, wanted(seq=4, call=3, count=1)) == ()


async def test_a_panel_needs_a_stored_case(database: Database) -> None:
    with pytest.raises(CaseNotFound):
        await assigned(database, wanted())


async def verdicts_shown(database: Database) -> list[tuple[str, Decision | None, str]]:
    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
    assert view is not None
    told = [each for each in view.timeline if each.kind is EventKind.VERDICT_GIVEN]
    assert all(("decision" in each.detail) == (view.seats[0].decision is not None) for each in told)
    return [(each.state, each.decision, each.reason) for each in view.seats]


async def test_a_verdict_is_hidden_until_the_panel_is_counted_and_a_tie_is_no_count(database: Database) -> None:
    await opened(database)
    spoken = entry(2, EventKind.VERDICT_GIVEN, detail={"expert_id": "E1", "decision": "grant", "reason": "符合"})
    given = seat("E1", decision=Decision.GRANT, reason="符合")
    await recorded(database, transition(2, events=(spoken,), verdicts=(given, seat("E2"))))
    assert await verdicts_shown(database) == [("given", None, ""), ("assigned", None, "")]

    tie = entry(3, EventKind.PANEL_COUNTED, detail={"outcome": "tie"})
    await recorded(database, transition(3, events=(tie,)))
    assert (await verdicts_shown(database))[0] == ("given", None, "")

    count = entry(4, EventKind.PANEL_COUNTED, detail={"outcome": "grant"})
    await recorded(database, transition(4, events=(count,)))
    assert (await verdicts_shown(database))[0] == ("given", Decision.GRANT, "符合")

    await recorded(database, transition(5, verdicts=(seat("E1", round_=1, decision=Decision.DENY, reason="新"),)))
    assert (await verdicts_shown(database))[2] == ("given", None, "")


async def test_lists_filter_by_everything_an_operator_asks_for(database: Database) -> None:
    await opened(database)
    await opened(database, OTHER, disease_id="620900-018")
    await register_experts(database, *CARDIOLOGISTS[:1])
    await assigned(database, wanted(count=1))
    await recorded(database, transition(2, row=standing(attention=True)))

    async def numbers(**filters: object) -> list[str]:
        async with database.read() as connection:
            return [each.acceptance_no for each in await reading.list_cases(connection, **filters)]  # type: ignore[arg-type] # one dict for all filters

    assert await numbers() == [NUMBER, OTHER]
    assert await numbers(limit=1) == [NUMBER]
    assert await numbers(expert="E1") == [NUMBER]
    assert await numbers(expert="E2") == []
    assert await numbers(attention=True) == [NUMBER]
    assert await numbers(attention=False, region="620900") == [OTHER]
    assert await numbers(region="510400") == []
    assert await numbers(status=Status.SUBMITTED) == [OTHER]
    assert await numbers(waiting_on=WaitingOn.EXPERT, status=Status.REVIEW) == [NUMBER]


async def test_a_repeat_that_wants_fewer_frees_the_others_again(database: Database) -> None:
    # The task that wanted two was worked out anew after a verdict had come, and wants one.
    await opened(database)
    await register_experts(database, *CARDIOLOGISTS)
    two = await assigned(database, wanted(count=2))
    assert await assigned(database, wanted(count=1)) == two[:1]
    assert await assigned(database, wanted(count=2)) == two[:1]
