"""Accounts and API keys from the command line: secrets only through standard input, and printed once."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update

from domain.access import Role
from starter.cli import program
from storage.account_rows import Account
from storage.accounts import Accounts
from storage.api_keys import ApiKey, authenticate_key
from storage.database import Database
from storage.keys import load_keys
from storage.passwords import Passwords
from storage.phone_index import cases_by_phone
from storage.tables import access_log, account, case
from tests.activities.case_samples import NUMBER, opened
from worker import logs

CITY = "510400"
ID_NUMBER = "11010519491231002X"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    assert run("keys", "init").exit_code == 0
    assert run("migrate").exit_code == 0
    return tmp_path / "home"


def run(*line: str, given: str = "") -> Result:
    return CliRunner().invoke(program, list(line), input=given, prog_name="mente")


def answer(*line: str, code: int = 0, given: str = "") -> Any:
    result = run(*line, "--output", "json", given=given)
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def officer(login: str = "zhang.wei", *more: str, given: str = f"{ID_NUMBER}\n", code: int = 0) -> Any:
    line = ("accounts", "add", login, "--role", "officer", "--name", "张伟", "--region", CITY, "--id-number-stdin")
    return answer(*line, *more, given=given, code=code)


def with_database(home: Path, ask: Any) -> Any:
    async def asked() -> Any:
        database = Database(f"sqlite+aiosqlite:///{home / 'mente.db'}")
        try:
            return await ask(database)
        finally:
            await database.close()

    return asyncio.run(asked())


def log_in(home: Path, login: str, password: str) -> Account | None:
    async def verify(database: Database) -> Account | None:
        return await Accounts(database, Passwords(), lambda: datetime.now(UTC)).verify(login, password)

    found: Account | None = with_database(home, verify)
    return found


def present(home: Path, key: str) -> ApiKey | None:
    async def ask(database: Database) -> ApiKey | None:
        return await authenticate_key(database, key, at=datetime.now(UTC))

    found: ApiKey | None = with_database(home, ask)
    return found


def test_an_account_gets_a_password_that_is_printed_once_and_opens(home: Path) -> None:
    made = officer()
    assert (made["login"], made["role"], made["regions"], made["must_change_password"]) == (
        "zhang.wei",
        "officer",
        [CITY],
        True,
    )
    entered = log_in(home, "zhang.wei", made["password"])
    assert entered is not None
    assert entered.role is Role.OFFICER
    (listed,) = answer("accounts", "list", "--role", "officer", "--region", CITY)["accounts"]
    assert listed["id"] == made["id"]
    assert made["password"] not in json.dumps(listed)
    assert "password_hash" not in listed
    assert answer("accounts", "list", "--region", "620900")["accounts"] == []


def test_a_person_reads_the_password_on_one_line_and_it_opens(home: Path) -> None:
    line = ("accounts", "add", "zhang.wei", "--role", "officer", "--name", "张伟", "--region", CITY)
    shown = run(*line, "--id-number-stdin", given=f"{ID_NUMBER}\n")
    assert shown.exit_code == 0
    password = shown.stdout.strip().rpartition("：")[2]
    assert log_in(home, "zhang.wei", password) is not None
    table = run("accounts", "list").stdout
    assert "经办人员" in table
    assert password not in table


def test_a_password_comes_by_standard_input_and_is_not_shown_again(home: Path) -> None:
    made = officer("zhang.wei", "--password-stdin", given=f"correct horse battery\n{ID_NUMBER}\n")
    assert "password" not in made
    assert made["must_change_password"] is False
    assert log_in(home, "zhang.wei", "correct horse battery") is not None
    refused = officer("li.si", "--password-stdin", given="short\n", code=1)["error"]
    assert refused["field"] == "password"
    assert "short" not in json.dumps(refused)
    assert officer("li.si", "--password-stdin", given="", code=1)["error"]["field"] == "password"


def test_the_own_id_number_becomes_a_digest_and_is_kept_nowhere(home: Path) -> None:
    made = officer("zhang.wei", "--password-stdin", given=f"correct horse battery\n{ID_NUMBER}\n")
    assert made["own_cases_known"] is True

    async def kept(database: Database) -> tuple[str | None, str]:
        async with database.read() as connection:
            key = await connection.scalar(select(account.c.person_key))
            log = (await connection.execute(select(access_log))).all()
        return key, str(log)

    key, log = with_database(home, kept)
    assert key == load_keys(home / "keys").person_key(ID_NUMBER)
    assert ID_NUMBER not in (home / "mente.db").read_bytes().decode("latin-1")
    assert "account.added" in log
    assert "zhang.wei" not in log
    wrong = officer("li.si", given="123\n", code=1)["error"]
    assert wrong["field"] == "id_number"
    assert run("accounts", "list").stdout.count("li.si") == 0


@pytest.mark.parametrize("role", ["counter", "officer", "auditor"])
def test_an_officials_account_is_made_with_an_id_number_or_not_at_all(role: str) -> None:
    line = ("accounts", "add", "li.si", "--role", role, "--name", "李四", "--region", CITY)
    told = answer(*line, code=1)["error"]
    assert told["field"] == "id_number"
    assert answer(*line, "--id-number-stdin", given=f"{ID_NUMBER}\n")["own_cases_known"] is True


def test_an_account_from_before_is_named_and_gets_its_id_number_once(home: Path) -> None:
    officer()

    async def forget(database: Database) -> None:
        async with database.write() as connection:
            await connection.execute(update(account).values(person_key=None))

    with_database(home, forget)
    assert "未登记" in run("accounts", "list").stdout
    assert answer("accounts", "list")["accounts"][0]["own_cases_known"] is False
    assert answer("accounts", "identify", "zhang.wei", given="123\n", code=1)["error"]["field"] == "id_number"
    assert answer("accounts", "identify", "zhang.wei", given=f"{ID_NUMBER}\n")["own_cases_known"] is True
    assert "未登记" not in run("accounts", "list").stdout
    again = answer("accounts", "identify", "zhang.wei", given=f"{ID_NUMBER}\n", code=1)["error"]
    assert again["field"] == "id_number"
    assert ID_NUMBER not in json.dumps(again)


def test_accounts_that_do_not_fit_together_are_refused() -> None:
    officer()
    add = ("accounts", "add")
    common = ("--name", "李四", "--region", CITY)
    assert officer(code=1)["error"]["field"] == "login"
    assert answer(*add, "li.si", "--role", "officer", "--name", "李四", code=1)["error"]["field"] == "regions"
    elsewhere = ("--name", "李四", "--region", "990100")
    assert answer(*add, "li.si", "--role", "officer", *elsewhere, code=1)["error"]["field"] == "region"
    assert (
        answer(
            *add,
            "li.si",
            "--role",
            "expert",
            *common,
            "--expert-id",
            "E9",
            "--id-number-stdin",
            given=f"{ID_NUMBER}\n",
            code=1,
        )["error"]["field"]
        == "expert_id"
    )
    assert answer(*add, "li.si", "--role", "backend", *common, code=2)["error"]["field"] == "--role"
    assert answer("accounts", "disable", "nobody", code=1)["error"]["field"] == "login"
    assert answer("accounts", "reset-password", "nobody", code=1)["error"]["field"] == "login"


def test_disabling_and_resetting_take_effect_at_once(home: Path) -> None:
    first = officer()
    reset = answer("accounts", "reset-password", "zhang.wei", "--actor", "operator:a1")
    assert reset["password"] != first["password"]
    assert log_in(home, "zhang.wei", first["password"]) is None
    assert log_in(home, "zhang.wei", reset["password"]) is not None
    assert answer("accounts", "disable", "ZHANG.WEI") == {"id": first["id"], "sessions_ended": 0}
    assert log_in(home, "zhang.wei", reset["password"]) is None
    (listed,) = answer("accounts", "list")["accounts"]
    assert listed["disabled_at"] is not None
    made = answer("accounts", "add", "root1", "--role", "operator", "--name", "管理员", "--region", CITY)
    assert answer("accounts", "disable", "root1", code=1)["error"]["field"] == "login"
    assert log_in(home, "root1", made["password"]) is not None


def test_a_key_is_printed_once_listed_without_itself_and_revoked(home: Path) -> None:
    line = ("api-keys", "add", "--region", CITY, "--channel", "panzhihua-app", "--label", "市民云后台")
    made = answer(*line, "--scope", "read", "--scope", "apply")
    assert made["scopes"] == ["apply", "read"]
    found = present(home, made["key"])
    assert found is not None
    assert (found.region, found.channel) == (CITY, "panzhihua-app")
    (listed,) = answer("api-keys", "list")["keys"]
    assert listed["id"] == made["id"]
    assert made["key"] not in json.dumps(listed)
    assert made["key"] not in run("api-keys", "list").stdout
    assert answer("api-keys", "revoke", made["id"])["revoked_at"] is not None
    assert present(home, made["key"]) is None
    assert answer("api-keys", "revoke", "nobody", code=1)["error"]["field"] == "id"
    shown = run(*line, "--scope", "read").stdout
    assert present(home, shown.strip().splitlines()[-1]) is not None


def test_a_key_for_no_city_or_for_a_channel_of_ours_is_refused() -> None:
    add = ("api-keys", "add", "--label", "测试", "--scope", "read")
    assert answer(*add, "--region", "990100", "--channel", "app", code=1)["error"]["field"] == "region"
    assert answer(*add, "--region", CITY, "--channel", "counter", code=1)["error"]["field"] == "channel"
    assert answer("api-keys", "add", "--region", CITY, "--channel", "app", "--label", "x", code=2)["error"]


def test_migrating_makes_the_digests_of_numbers_there_were_before(home: Path) -> None:
    async def ask(database: Database) -> tuple[str, ...]:
        digest = load_keys(home / "keys").phone_digest("13900000001")
        async with database.read() as connection:
            return await cases_by_phone(connection, digest, region="620900")

    async def write(database: Database) -> None:
        await opened(database)
        async with database.read() as connection:
            assert await connection.scalar(select(case.c.phone_digest)) is None

    with_database(home, write)
    assert with_database(home, ask) == ()
    assert run("migrate").exit_code == 0
    assert with_database(home, ask) == (NUMBER,)
