"""The program as its users run it: a process of its own against a real house, exit codes and JSON read back."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from samples.make import StoryPaths, make_person, make_story, quick_application
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage.keys import load_keys
from storage.tables import access_log
from worker.settings import Settings

# Each process takes seconds to load the program, many on a busy machine.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

PROGRAM = str(Path(sys.executable).parent / "mente")


class Shell:
    """Runs `mente` in the home of a house: as a process of its own, or, because that takes seconds, in a thread."""

    def __init__(self, home: Path) -> None:
        self._home = str(home)
        self._environment = {**os.environ, "MENTE_HOME": str(home)}
        # Without compiled files every start compiles the libraries again.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    async def start(self, *line: str) -> asyncio.subprocess.Process:
        """Start a command."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            PROGRAM, *line, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def run(self, *line: str, stdin: str = "") -> tuple[int, str, str]:
        """Run a command; return exit code, stdout and stderr."""
        process = await self.start(*line)
        async with asyncio.timeout(120):
            out, err = await process.communicate(stdin.encode())
        assert b"Traceback" not in out + err
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def process_json(self, *line: str, code: int = 0) -> Any:
        """Run a process with `--output json`; stdout must be one document."""
        found, out, err = await self.run(*line, "--output", "json")
        assert found == code, (line, out, err)
        return json.loads(out)

    async def json(self, *line: str, code: int = 0, stdin: str = "") -> Any:
        """Run a command in a thread with `--output json`; stdout must be one document."""
        runner = CliRunner(env={"MENTE_HOME": self._home})
        result = await asyncio.to_thread(runner.invoke, program, [*line, "--output", "json"], input=stdin)
        assert result.exit_code == code, (line, result.stdout, result.stderr)
        return json.loads(result.stdout)

    async def refused(self, *line: str, code: int = 1) -> dict[str, str]:
        """Run a command that is refused; return the refusal."""
        document = await self.json(*line, code=code)
        assert set(document) == {"error"}
        error: dict[str, str] = document["error"]
        assert set(error) == {"field", "rule", "remedy", "message"}
        return error

    async def until(self, number: str, status: str) -> Any:
        """Wait until a case has a status."""
        async with asyncio.timeout(120):
            while (found := await self.json("status", number))["status"] != status:
                await asyncio.sleep(0.1)
        return found


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shell(city: House) -> Shell:
    return Shell(city.settings.home)


def story(name: str, seed: int, folder: Path) -> StoryPaths:
    """Write a sample of another person, so that no other test meets an open case of the same one."""
    paths = make_story(name, folder, received_at=datetime.now(UTC) - timedelta(minutes=1))
    raw = json.loads(paths.application.read_text("utf-8"))
    raw |= {"request_id": f"CLI-{seed}", "applicant": make_person(seed, raw["region"])}
    paths.application.write_text(json.dumps(raw))
    return paths


def quick(seed: int, folder: Path) -> Path:
    """Write a complete hypertension application; return its file."""
    raw, papers = quick_application(seed, "510400", "510400-003", datetime.now(UTC) - timedelta(minutes=1))
    raw["request_id"] = f"CLI-{seed}"
    (folder / "materials").mkdir(parents=True)
    for name, content in papers.items():
        (folder / "materials" / name).write_bytes(content)
    (folder / "application.json").write_text(json.dumps(raw))
    return folder / "application.json"


async def granted(shell: Shell, number: str) -> Any:
    for seat in (await shell.until(number, "review"))["panel"]:
        await shell.json("verdict", number, "--expert", seat["expert"], "--decision", "grant", "--reason", "符合")
    return await shell.until(number, "effective")


async def test_an_application_is_supplied_decided_certified_and_lives_on(shell: Shell, tmp_path: Path) -> None:
    paths = story("panzhihua-diabetes", 3_100_001, tmp_path)
    applied = await shell.process_json("apply", str(paths.application), "--materials", str(paths.materials))
    assert set(applied) == {"acceptance_no", "status", "created"}
    assert (applied["status"], applied["created"]) == ("supplement", True)
    number = applied["acceptance_no"]
    again = await shell.json("apply", str(paths.application), "--materials", str(paths.materials))
    assert again == {"acceptance_no": number, "status": "supplement", "created": False}

    status = await shell.process_json("status", number)
    assert set(status["timeline"][0]) == {"seq", "at", "kind", "from", "to", "actor", "detail"}
    assert status["timeline"][0]["at"].endswith("+08:00")
    assert (status["waiting_on"], status["sla"], status["round"]) == ("applicant", "ok", 1)

    await _supply_by_single_papers(shell, number, paths)
    await _decide(shell, number)
    await _fetch_and_verify(shell, number, tmp_path)
    notices = await shell.json("notices", number)
    assert {"supplement", "granted"} <= {each["event"] for each in notices["notices"]}

    skipped = await shell.process_json("fast-forward", number, "--days", "10")
    assert (skipped["ended"], skipped["status"]["status"]) == (False, "effective")
    assert datetime.fromisoformat(skipped["now"]) > datetime.now(UTC) + timedelta(days=9)
    ended = await shell.json("end", number, "--ground", "cured", "--officer", "O9")
    assert ended["acceptance_no"] == number
    final = await shell.until(number, "ended")
    assert final["timeline"][-2]["actor"] == "officer:O9"
    assert (await shell.refused("fast-forward", number, "--days", "1"))["field"] == "acceptance_no"
    assert (await shell.refused("withdraw", number))["field"] == "acceptance_no"


async def _supply_by_single_papers(shell: Shell, number: str, paths: StoryPaths) -> None:
    assert paths.supplement is not None
    declared = json.loads((paths.supplement / "supplement.json").read_text())
    specs = []
    for paper in declared:
        kind, file = paper.pop("kind"), paths.supplement / paper.pop("file")
        specs.append(
            ",".join(
                [
                    f"{kind}={file}",
                    *(
                        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
                        for name, value in paper.items()
                    ),
                ]
            )
        )
    line = ["supply", number, "--material", *specs, "--actor", "channel:panzhihua-app", "--command-id", "s-1"]
    receipt = await shell.json(*line)
    assert (receipt["command"], receipt["repeated"]) == ("supply_materials", False)
    assert (await shell.json(*line))["seq"] == receipt["seq"]
    assert (await shell.until(number, "review"))["waiting_on"] == "expert"


async def _decide(shell: Shell, number: str) -> None:
    seats = [seat["expert"] for seat in (await shell.json("status", number))["panel"]]
    mine = await shell.json("list", "--expert", seats[0], "--limit", "10000")
    assert number in [each["acceptance_no"] for each in mine["cases"]]
    first = [
        "verdict",
        number,
        "--expert",
        seats[0],
        "--decision",
        "grant",
        "--reason",
        "符合",
        "--command-id",
        "v-1",
    ]
    await shell.process_json(*first)
    await shell.process_json(*first)
    assert (await shell.process_json(*first[:-2], code=1))["error"]["field"] == "actor"
    assert (await shell.refused(*[*first[:-4], "--reason", "另", "--command-id", "v-1"]))["field"] == "command_id"
    assert (await shell.refused("recuse", number, "--expert", "E999", "--reason", "x"))["field"] == "actor"
    assert (await shell.refused("appeal", number, "--reason", "x"))["field"] == "status"
    assert (await shell.refused("extend", number, "--working-days", "3", "--ground", "x", "--actor", "channel:a"))[
        "field"
    ] == "actor"
    for expert in seats[1:]:
        body = json.dumps({"decision": "grant", "reason": "符合", "actor": f"expert:{expert}"})
        await shell.json("send", number, "give_verdict", "--input", "-", stdin=body)
    assert (await shell.until(number, "effective"))["effect_on"]


async def _fetch_and_verify(shell: Shell, number: str, folder: Path) -> None:
    file, pem = folder / "out" / "certificate.pdf", folder / "key.pem"
    got = await shell.json("certificate", "get", number, "--out", str(file))
    assert got["version"] == 1
    assert file.read_bytes().startswith(b"%PDF-")
    pem.write_text((await shell.json("certificate", "public-key"))["public_key"])
    elsewhere = Shell(folder / "nothing-here")
    verdict = await elsewhere.json("certificate", "verify", str(file), "--public-key", str(pem))
    assert verdict["genuine"] is True
    assert verdict["content"]["acceptance_no"] == number
    missing = await shell.refused("certificate", "get", number, "--out", str(file), "--version", "9")
    assert missing["field"] == "version"


async def test_people_read_chinese(shell: Shell, tmp_path: Path) -> None:
    code, out, _ = await shell.run("apply", str(quick(3_100_011, tmp_path)))
    assert code == 0
    assert "申请已提交" in out
    number = out.split("受理号 ")[1].split("，")[0]
    await shell.until(number, "review")
    code, out, err = await shell.run("status", number)
    assert (code, err) == (0, "")
    assert "专家评审" in out
    assert "一次性告知" not in out
    code, out, _ = await shell.run("list", "--status", "review", "--limit", "10000")
    assert number in out
    code, out, err = await shell.run("appeal", number, "--reason", "x")
    assert (code, out) == (1, "")
    assert "案件目前为“专家评审”" in err
    assert "办法：" in err
    code, out, _ = await shell.run("withdraw", number, "--reason", "[bold]不办了[/bold]")
    assert code == 0
    assert "撤回" in out
    code, out, _ = await shell.run("status", number)
    assert "[bold]" in out


async def test_a_message_without_an_answer_is_carried_out_all_the_same(shell: Shell, tmp_path: Path) -> None:
    number = (await shell.json("apply", str(quick(3_100_012, tmp_path)), "--no-wait"))["acceptance_no"]
    await shell.until(number, "review")
    sent = await shell.json("withdraw", number, "--no-wait", "--command-id", "w-1")
    assert sent == {"acceptance_no": number, "command_id": "w-1", "command": "withdraw", "sent": True}
    await shell.until(number, "withdrawn")


async def test_a_skip_past_the_end_of_a_case_is_done_and_says_so(shell: Shell, tmp_path: Path) -> None:
    paths = story("panzhihua-lapsed", 3_100_002, tmp_path)
    number = (await shell.json("apply", str(paths.application)))["acceptance_no"]
    assert (await shell.json("fast-forward", number, "--days", "90")) | {"status": None} == {
        "acceptance_no": number,
        "days": 90,
        "ended": True,
        "now": None,
        "status": None,
    }
    assert (await shell.json("status", number))["status"] == "lapsed"


async def test_the_audit_trail_is_whole_until_somebody_touches_it(shell: Shell, city: House, tmp_path: Path) -> None:
    import sqlite3

    number = (await shell.json("apply", str(quick(3_100_013, tmp_path))))["acceptance_no"]
    await shell.until(number, "review")
    assert await shell.process_json("audit", "verify", number) == {"whole": True, "faults": []}
    touched = sqlite3.connect(city.settings.home / "mente.db", timeout=60)
    try:
        touched.execute("UPDATE case_event SET actor = 'officer:x' WHERE acceptance_no = ? AND seq = 2", (number,))
        touched.commit()
        found = await shell.json("audit", "verify", code=1)
        assert found["whole"] is False
        assert {"acceptance_no": number, "seq": 2, "fault": "changed"} in found["faults"]
        code, out, _ = await shell.run("audit", "verify", number)
        assert code == 1
        assert "第 2 条：内容被改动" in out
        touched.execute("UPDATE case_event SET actor = 'system' WHERE acceptance_no = ? AND seq = 2", (number,))
        touched.commit()
    finally:
        touched.close()
    assert (await shell.json("audit", "verify", number))["whole"] is True


async def test_an_unknown_number_is_refused_by_every_command(shell: Shell, mente: Mente) -> None:
    from domain.acceptance import acceptance_number

    number = acceptance_number(b"k" * 32, region="510400", channel="c", request_id="r")
    for line in (
        ("status", number),
        ("notices", number),
        ("audit", "verify", number),
        ("certificate", "get", number, "--out", "/nowhere/x.pdf"),
        ("withdraw", number),
        ("withdraw", number, "--no-wait"),
        ("fast-forward", number, "--days", "1"),
    ):
        assert (await shell.refused(*line))["field"] == "acceptance_no", line


async def test_bad_papers_and_second_cases_are_refused_with_the_existing_number(shell: Shell, tmp_path: Path) -> None:
    file = quick(3_100_014, tmp_path / "a")
    number = (await shell.json("apply", str(file)))["acceptance_no"]
    raw = json.loads(file.read_text())
    raw["request_id"] = "CLI-second"
    file.write_text(json.dumps(raw))
    second = await shell.refused("apply", str(file))
    assert second["field"] == "disease_id"
    assert number in second["message"]
    raw["request_id"], raw["hospital_id"] = "CLI-3100014", "H510400-99"
    file.write_text(json.dumps(raw))
    assert (await shell.refused("apply", str(file)))["field"] == "request_id"
    bad = quick(3_100_015, tmp_path / "b")
    named = json.loads(bad.read_text())["materials"][0]["file"]
    (bad.parent / "materials" / named).write_bytes(b"")
    assert (await shell.refused("apply", str(bad)))["field"] == "materials[0].file"


async def test_everything_is_healthy_and_the_namespace_may_be_set_up_again(shell: Shell) -> None:
    found = await shell.json("health")
    assert found["healthy"] is True
    assert (await shell.json("namespace"))["namespace"] == "mente"


@asynccontextmanager
async def running(shell: Shell, *line: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await shell.start(*line)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worker_says_nothing_on_stdout_and_ends_on_sigterm(shell: Shell) -> None:
    async with running(shell, "worker") as process, asyncio.timeout(200):
        assert process.stderr is not None
        while b"working" not in (line := await process.stderr.readline()):
            assert line, "the worker ended"
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert process.returncode == 0
    assert out == b""
    assert b"Traceback" not in err


async def test_the_codec_endpoint_alone_audits_every_decode(shell: Shell, city: House, mente: Mente) -> None:
    token = load_keys(city.settings.keys).codec_token
    before = await decodes(mente)
    async with running(shell, "codec", "--port", "0", "--output", "json") as process, asyncio.timeout(200):
        assert process.stdout is not None
        url = json.loads(await process.stdout.readuntil(b"}"))["codec"]
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            assert (await client.post(f"{url}/{token}/decode", json={"payloads": []})).status_code == 200
            assert (await client.post(f"{url}/wrong/decode", json={"payloads": []})).status_code == 404
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert process.returncode == 0
    assert token.encode() not in out + err
    assert await decodes(mente) == before + 1


async def decodes(mente: Mente) -> int:
    query = select(func.count()).select_from(access_log).where(access_log.c.action == "codec.decode")
    async with mente.database.read() as connection:
        return (await connection.scalar(query)) or 0


async def test_up_prints_one_document_when_ready_and_ends_cleanly(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    async with running(shell, "up", "--demo", "--output", "json") as process, asyncio.timeout(350):
        assert process.stdout is not None
        document = json.loads(await process.stdout.readuntil(b"}"))
        assert {"temporal", "namespace", "ui", "codec", "database", "smtp", "mail_dir", "home"} <= set(document)
        number = (await shell.json("apply", str(quick(3_100_016, tmp_path / "a"))))["acceptance_no"]
        assert (await granted(shell, number))["status"] == "effective"
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()
    assert process.returncode == 0, err
    assert rest.strip() == b""
    assert b"Traceback" not in err
    assert Settings(home=tmp_path / "home").endpoints() is not None
    assert (await shell.json("status", number))["status"] == "effective"
    assert (await shell.process_json("withdraw", number, code=3))["error"]["field"] == "temporal"
