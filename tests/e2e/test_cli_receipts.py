"""`mente receipts` as a process of its own: what it prints, what it takes, and what its log never holds."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from storage.keys import load_or_create_keys
from storage.migrations import migrate

SECRET = "marker-" + "s" * 32
PROGRAM = [sys.executable, "-c", "from starter.cli import main; main()", "receipts"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A migrated home, and a Temporal nobody answers at."""
    load_or_create_keys(tmp_path / "keys")
    migrate(f"sqlite+aiosqlite:///{tmp_path / 'mente.db'}")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    return kept | {"MENTE_HOME": str(tmp_path), "TEMPORAL_ADDRESS": "127.0.0.1:1"}


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[tuple[str, list[str]]]:
    """Run the command until the context is left; it must end by itself within seconds."""
    with log.open("wb") as errors:
        line = [*PROGRAM, "--port", "0", "--output", "json"]
        process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            # one document, closed by a line of its own
            said = json.loads("".join(takewhile(lambda each: each != "}\n", process.stdout)) + "}")
            yield said["receipts"], said["senders"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
            process.stdout.close()


def test_reports_are_taken_without_temporal_and_no_secret_is_logged(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"MENTE_SMS_TENCENT_RECEIPT_SECRET": SECRET, "MENTE_LOG_LEVEL": "DEBUG"}
    log = tmp_path / "log"
    with running(environment, log) as (url, senders):
        assert senders == ["tencent"]
        row = {"mobile": "13900000001", "report_status": "SUCCESS", "errmsg": "DELIVRD", "sid": "marker-1"}
        answer = httpx.post(f"{url}/tencent/{SECRET}", json=[row], timeout=60)
        assert (answer.status_code, answer.json()) == (200, {"result": 0, "errmsg": "OK"})
        assert httpx.post(f"{url}/tencent/{SECRET}x", json=[row], timeout=60).status_code == 403
        assert httpx.post(f"{url}/tencent/{SECRET}", content=b"{", timeout=60).status_code == 400
    written = log.read_text("utf-8")
    assert [word for word in ("marker", "13900000001") if word in written] == []


def refused(environment: dict[str, str], *line: str) -> dict[str, str]:
    done = subprocess.run([*PROGRAM, *line, "--output", "json"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    error: dict[str, str] = json.loads(done.stdout)["error"]
    assert all(error.values())
    assert "marker" not in done.stdout
    return error


def test_without_a_secret_there_is_nothing_to_serve(environment: dict[str, str]) -> None:
    error = refused(environment)
    assert (error["field"], "没有设置任何回执密钥" in error["message"]) == ("MENTE_RECEIPTS_SECRET", True)
    short = refused(environment | {"MENTE_SMS_ALIYUN_RECEIPT_SECRET": "marker"})
    assert short["field"] == "MENTE_SMS_ALIYUN_RECEIPT_SECRET"


def test_a_port_that_is_taken_is_refused(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = refused(environment | {"MENTE_RECEIPTS_SECRET": SECRET}, "--port", port)
    assert error["field"] == "port"
