"""The register's load and statistics, and that nobody with a conflict of interest is ever seated."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from domain.application import Material
from domain.case import CaseState
from domain.events import EventKind
from domain.refusal import Refused
from domain.vocabulary import Decision, MaterialKind, Status
from storage import panels, registers
from storage.calendars import shipped_calendar
from storage.database import Database, insert_rows
from storage.expert_register import ExpertLine, counted_statistics, list_experts
from storage.panels import SeatsWanted
from storage.tables import case, case_event, expert, material, verdict
from tests.activities.case_samples import (
    AT,
    DISEASE,
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
from workflows.panel import conflicting_hospitals

pytestmark = pytest.mark.asyncio

HEADER = "expert_id,name,region,specialty,hospital_id"


async def imported(database: Database, *lines: str, header: str = HEADER) -> None:
    async with database.write() as connection:
        await registers.import_experts(connection, "\n".join((header, *lines)))


async def register(database: Database, region: str | None = None) -> dict[str, ExpertLine]:
    async with database.read() as connection:
        return {each.expert_id: each for each in await list_experts(connection, region=region)}


async def seated(database: Database, number: str = NUMBER, **changes: Any) -> tuple[str, ...]:
    values = {"acceptance_no": number, "seq": 2, "call": 1, "at": AT, "region": "620900", "specialty": "cardiology"}
    seats = SeatsWanted.model_validate(values | {"panel": 1, "round": 0, "count": 3} | changes)
    async with database.write() as connection:
        return await panels.assign_panel(connection, seats)


async def test_declared_interests_are_kept_by_a_file_that_does_not_speak_of_them(database: Database) -> None:
    await imported(database, "E1,甲,620900,cardiology,H1,H2；H3 H2", header=HEADER + ",interests")
    assert (await register(database))["E1"].interests == ("H2", "H3")
    await imported(database, "E1,甲,620900,cardiology,H9", "E2,乙,620900,cardiology,H1")
    found = await register(database)
    assert (found["E1"].interests, found["E1"].hospital_id) == (("H2", "H3"), "H9")
    assert found["E2"].interests == ()
    await imported(database, "E1,甲,620900,cardiology,H9,", header=HEADER + ",interests")
    assert (await register(database))["E1"].interests == ()


async def test_an_expert_is_taken_off_the_register_and_put_back(database: Database) -> None:
    await opened(database)
    await imported(
        database, "E1,甲,620900,cardiology,H1,no", "E2,乙,620900,cardiology,H1,", header=HEADER + ",active"
    )
    assert [(each.expert_id, each.active) for each in (await register(database)).values()] == [
        ("E1", False),
        ("E2", True),
    ]
    assert await seated(database) == ("E2",)
    await imported(database, "E1,甲,620900,cardiology,H1")
    assert (await register(database))["E1"].active


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [("active", "maybe", "lines[2].active"), ("interests", "H" * 65, "lines[2].interests")],
)
async def test_a_bad_option_is_named_and_nothing_is_imported(
    database: Database, column: str, value: str, field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await imported(database, f"E1,甲,620900,cardiology,H1,{value}", header=f"{HEADER},{column}")
    assert refused.value.refusal.field == field
    assert value not in refused.value.refusal.message
    assert await register(database) == {}


async def test_nobody_is_seated_who_declared_an_interest_in_a_hospital_of_the_case(database: Database) -> None:
    await opened(database)
    lines = ("E1,甲,620900,cardiology,H1,H7", "E2,乙,620900,cardiology,H2,H8;H9", "E3,丙,620900,cardiology,H3,")
    await imported(database, *lines, header=HEADER + ",interests")
    assert set(await seated(database, avoid_hospitals=("H7", "H9"))) == {"E3"}


async def test_the_register_shows_the_verdicts_awaited_and_no_others(database: Database) -> None:
    await register_experts(database, *((f"E{n}", "cardiology", f"H{n}") for n in range(1, 4)))
    await register_experts(database, ("E9", "cardiology", "H9"), region="510400")
    await opened(database)
    await opened(database, OTHER, disease_id="620900-018")
    await seated(database)
    await seated(database, OTHER)
    given = seat("E1", decision=Decision.GRANT, reason="是")
    await recorded(database, transition(2, verdicts=(given,)))
    assert {name: each.open_seats for name, each in (await register(database)).items()} == {
        "E1": 1, "E2": 2, "E3": 2, "E9": 0,
    }  # fmt: skip
    assert set(await register(database, "510400")) == {"E9"}
    await recorded(database, transition(3, row=standing(status=Status.WITHDRAWN, closed=True), occupies=False))
    assert {each.open_seats for each in (await register(database, "620900")).values()} == {1}


def count_of(seq: int, panel: int = 1, round_: int = 0, days: int = 0) -> Any:
    tally = {"grant": 2, "deny": 1, "more_evidence": 0}
    detail = {"panel": panel, "round": round_, "tally": tally}
    return entry(seq, EventKind.PANEL_COUNTED, detail=detail, at=AT + timedelta(days=days))


async def statistics(database: Database, **span: Any) -> Any:
    async with database.read() as connection:
        return await counted_statistics(connection, shipped_calendar(), **span)


async def test_statistics_know_counted_panels_only(database: Database) -> None:
    await register_experts(database, *((f"E{n}", "cardiology", f"H{n}") for n in range(1, 4)))
    await opened(database)
    await seated(database)
    answered = AT + timedelta(days=2)
    given = {"E1": Decision.GRANT, "E2": Decision.GRANT, "E3": Decision.DENY}
    verdicts = tuple(seat(each, at=answered, decision=said, reason="是") for each, said in given.items())
    await recorded(database, transition(2, verdicts=verdicts, events=(entry(2, at=answered),)))
    assert (await statistics(database)).model_dump()["panels"]["panels"] == 0, "all have spoken, nobody has counted"
    assert (await statistics(database)).experts == ()

    await recorded(database, transition(3, events=(count_of(3, days=2),)))
    found = await statistics(database)
    assert (found.panels.majority, found.panels.panels) == (1, 1)
    by_id = {each.expert_id: each for each in found.experts}
    assert (by_id["E1"].agreement, by_id["E3"].agreement) == (Decimal("100.0"), Decimal("0.0"))
    assert by_id["E1"].median_working_days == 2.0

    # A second panel of the case sits and is not counted.
    await seated(database, seq=4, call=2, panel=2)
    later = tuple(seat(each, panel=2, at=answered, decision=Decision.DENY, reason="否") for each in given)
    await recorded(database, transition(5, verdicts=later))
    assert await statistics(database) == found


async def test_statistics_are_of_a_city_and_of_the_days_on_which_was_counted(database: Database) -> None:
    await register_experts(database, *((f"E{n}", "cardiology", f"H{n}") for n in range(1, 4)))
    await opened(database)
    await seated(database)
    verdicts = tuple(seat(f"E{n}", decision=Decision.GRANT, reason="是") for n in range(1, 4))
    await recorded(database, transition(2, verdicts=verdicts))
    await recorded(database, transition(3, events=(count_of(3),)))
    counted_on = date(2026, 3, 2)

    async def panels_of(**span: Any) -> int:
        return int((await statistics(database, **span)).panels.panels)

    assert await panels_of() == await panels_of(region="620900") == 1
    assert await panels_of(region="510400") == 0
    assert await panels_of(from_on=counted_on, to_on=counted_on) == 1
    assert await panels_of(from_on=counted_on + timedelta(days=1)) == 0
    assert await panels_of(to_on=counted_on - timedelta(days=1)) == 0


HOSPITALS = st.sampled_from([f"H{n}" for n in range(1, 6)])
EXPERT = st.fixed_dictionaries(
    {
        "specialty": st.sampled_from(["cardiology", "cardiology", "oncology", "general"]),
        "hospital_id": HOSPITALS,
        "interests": st.lists(HOSPITALS, max_size=2),
        "active": st.sampled_from([True, True, True, False]),
        "region": st.sampled_from(["620900", "620900", "620900", "510400"]),
    }
)
WORLD = st.fixed_dictionaries(
    {
        "experts": st.lists(EXPERT, min_size=1, max_size=14),
        "hospital": st.one_of(st.just(""), HOSPITALS),
        "papers": st.lists(st.one_of(st.none(), HOSPITALS), max_size=3),
        "moves": st.lists(st.sampled_from(["leaves", "appeals", "retries"]), max_size=5),
        "count": st.integers(1, 4),
    }
)


async def emptied(database: Database) -> None:
    async with database.write() as connection:
        for table in (verdict, material, case_event, case, expert):
            await connection.execute(delete(table))


async def test_the_least_loaded_sit_and_no_expert_has_two_seats_more_than_another(database: Database) -> None:
    everyone = [f"E{n}" for n in range(1, 8)]
    await register_experts(database, *((each, "cardiology", f"H{each}") for each in everyone))
    for position in range(20):
        number = f"620900-AAAA-BBBB-{position:04}-D"
        await opened(database, number, person_key=f"{position:032x}")
        assert len(set(await seated(database, number))) == 3
        load = {name: each.open_seats for name, each in (await register(database)).items()}
        assert max(load.values()) - min(load.values()) <= 1, load
    assert sum(load.values()) == 60


@example(  # the only specialist declared an interest, and one of general works there
    world={
        "experts": [
            {"specialty": "cardiology", "hospital_id": "H1", "interests": ["H5"], "active": True, "region": "620900"},
            {"specialty": "general", "hospital_id": "H5", "interests": [], "active": True, "region": "620900"},
        ],
        "hospital": "H5",
        "papers": [],
        "moves": ["retries"],
        "count": 2,
    }
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=WORLD)
async def test_an_expert_with_a_conflict_is_never_seated(database: Database, world: dict[str, Any]) -> None:
    await emptied(database)
    rows = [{"expert_id": f"E{n}", "name": "专家", **each} for n, each in enumerate(world["experts"])]
    async with database.write() as connection:
        await insert_rows(connection, expert, rows)
    await opened(database)
    state = CaseState(
        acceptance_no=NUMBER,
        region="620900",
        disease_id=DISEASE,
        channel="app",
        received_at=AT,
        hospital_id=world["hospital"],
        materials=tuple(
            Material(kind=MaterialKind.OTHER, sha256=f"{n}" * 64, hospital_id=each)
            for n, each in enumerate(world["papers"])
        ),
    )
    avoided = set(conflicting_hospitals(state))
    assert {*world["papers"], world["hospital"]} - {None, ""} == avoided

    panel, judged, sat = 1, set[str](), list[str]()
    sat += await seated(database, count=world["count"], avoid_hospitals=tuple(avoided))
    wanted: dict[str, Any] = {"count": world["count"], "call": 1}
    for move_no, move in enumerate(world["moves"], 2):
        if move == "retries":
            again = await seated(
                database, panel=panel, avoid_hospitals=tuple(avoided), avoid_experts=tuple(judged), **wanted
            )
            assert list(again) == sat[len(sat) - len(again) :]
            continue
        if move == "leaves" and sat:
            left = seat(sat[-1], panel=panel, left="replaced")
            await recorded(database, transition(move_no, verdicts=(left,)))
        if move == "appeals":
            panel, judged, sat = panel + 1, judged | set(sat), []
        wanted = {"count": 1, "call": move_no}
        fresh = await seated(
            database, panel=panel, avoid_hospitals=tuple(avoided), avoid_experts=tuple(judged), **wanted
        )
        assert not set(fresh) & {*sat, *judged}, "sat on this panel, left it, or judged before the appeal"
        sat += fresh
    assert len(sat) == len(set(sat))

    async with database.read() as connection:
        everyone = (await connection.scalars(select(verdict.c.expert_id))).all()
    by_id = {row["expert_id"]: row for row in rows}
    for each in everyone:
        row = by_id[each]
        assert row["active"]
        assert row["region"] == "620900"
        assert row["specialty"] in ("cardiology", "general")
        assert avoided.isdisjoint({row["hospital_id"], *row["interests"]})
    counted = Counter(everyone)
    assert max(counted.values(), default=1) == 1
