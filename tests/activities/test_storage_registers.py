import pytest
from sqlalchemy import select

from domain.identity import check_character
from domain.refusal import Refused
from domain.vocabulary import InsuredState
from storage import registers
from storage.database import Database
from storage.keys import generate_keys
from storage.tables import expert, registry_entry

pytestmark = pytest.mark.asyncio

KEYS = generate_keys()
ID_NUMBER = "62090219500101123" + check_character("62090219500101123")
EXPERTS = (
    "\ufeffexpert_id,name,region,specialty,hospital_id\r\nE1,甲,620900,cardiology,H1\r\nE2,乙,620900,oncology,H2\r\n"
)


async def import_experts(database: Database, text: str) -> int:
    async with database.write() as connection:
        return await registers.import_experts(connection, text)


async def import_registry(database: Database, *lines: str) -> int:
    async with database.write() as connection:
        text = "\n".join(("id_number,region,state", *lines))
        return await registers.import_registry(connection, text, KEYS.person_key)


async def test_importing_experts_again_changes_only_what_changed(database: Database) -> None:
    assert await import_experts(database, EXPERTS) == 2
    assert await import_experts(database, EXPERTS.replace("H2", "H9")) == 2

    async with database.read() as connection:
        rows = (await connection.execute(select(expert).order_by(expert.c.expert_id))).all()
    assert [(row.expert_id, row.hospital_id, row.active) for row in rows] == [("E1", "H1", True), ("E2", "H9", True)]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (EXPERTS.replace("specialty", "fach"), "lines[1].specialty"),
        (EXPERTS.replace("E2,乙", ",乙"), "lines[3].expert_id"),
        (EXPERTS.replace("620900,onc", "62,onc"), "lines[3].region"),
        (EXPERTS.replace("oncology", "o" * 65), "lines[3].expert_id"),
        ("", "lines[1].expert_id"),
        (EXPERTS + "E3,丙\r\n", "lines[4].region"),
    ],
)
async def test_a_bad_line_is_named_and_nothing_is_imported(database: Database, text: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        await import_experts(database, text)
    assert refused.value.refusal.field == field
    async with database.read() as connection:
        assert (await connection.execute(select(expert))).all() == []


async def test_the_registry_keeps_states_by_person_key_and_never_the_number(database: Database) -> None:
    await import_registry(database, f"{ID_NUMBER},620900,normal", f"{ID_NUMBER},510400,elsewhere")
    await import_registry(database, f"{ID_NUMBER},620900,normal", f"{ID_NUMBER},620900,arrears")

    key = KEYS.person_key(ID_NUMBER)
    async with database.read() as connection:
        assert (await registers.registered_state(connection, person_key=key, region="620900")) is InsuredState.ARREARS
        assert await registers.registered_state(connection, person_key="0" * 32, region="620900") is None
        rows = (await connection.execute(select(registry_entry))).all()
    assert len(rows) == 2
    assert ID_NUMBER not in str(rows)


async def test_a_bad_registry_line_is_refused_without_repeating_the_number(database: Database) -> None:
    wrong = ID_NUMBER[:-1] + ("1" if ID_NUMBER[-1] != "1" else "2")
    with pytest.raises(Refused) as refused:
        await import_registry(database, f"{wrong},620900,normal")
    assert refused.value.refusal.field == "lines[2].id_number"
    assert wrong not in refused.value.refusal.model_dump_json()
    with pytest.raises(Refused, match="state"):
        await import_registry(database, f"{ID_NUMBER},620900,paid")
