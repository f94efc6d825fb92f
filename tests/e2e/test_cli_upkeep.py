"""The program without any server: keys, registers, samples, certificates, and a worker that waits."""

import asyncio
import json
from pathlib import Path

import pytest

from starter.cli import running
from starter.cli.failing import NotReady
from storage.keys import generate_keys, load_or_create_keys
from storage.migrations import migrate
from tests.e2e.program_alone import MARKER, NUMBER, error_of, home, logs_stay, run
from worker.settings import Settings

__all__ = ["home", "logs_stay"]


def test_keys_are_made_shown_and_rotated_without_showing_one(home: Path) -> None:
    assert error_of("keys", "show", code=3)["field"] == "keys"
    made = json.loads(run("keys", "init", "--output=json").stdout)
    assert json.loads(run("keys", "init", "--output=json").stdout) == made
    rotated = json.loads(run("keys", "rotate", "--output=json").stdout)
    assert len(rotated["payload"]) == 2
    assert rotated["payload_newest"] != made["payload_newest"]
    assert rotated["certificate"] == made["certificate"]
    shown = run("keys", "show").stdout + run("keys", "show", "--output=json").stdout
    for file in (home / "keys").glob("*.[kt]*"):
        assert file.read_text().strip() not in shown


def test_migrate_may_be_repeated(home: Path) -> None:
    first = json.loads(run("migrate", "--output=json").stdout)
    assert first == json.loads(run("migrate", "--output=json").stdout)
    assert first["revision"]


def test_registers_are_imported_also_as_spreadsheets_save_them(home: Path, tmp_path: Path) -> None:
    run("migrate")
    run("keys", "init")
    table = tmp_path / "experts.csv"
    table.write_bytes("expert_id,name,region,specialty,hospital_id\nX1,王医生,510400,general,H1\n".encode("gb18030"))
    assert json.loads(run("experts", "import", str(table), "--output=json").stdout) == {"lines": 1}
    table.write_text(f"id_number,region,state\n{MARKER},510400,normal\n")
    error = error_of("registry", "import", str(table), code=1)
    assert error["field"] == "lines[2].id_number"
    assert MARKER not in json.dumps(error)
    table.write_bytes(b"\xff\xff\xff")
    assert error_of("experts", "import", str(table), code=1)["field"] == "file"


def test_samples_and_schemas_are_written(tmp_path: Path) -> None:
    result = run("samples", str(tmp_path / "s"), "--as-of", "2026-03-20", "--no-big", "--output=json")
    assert "panzhihua-diabetes" in json.loads(result.stdout)["stories"]
    assert (tmp_path / "s" / "panzhihua-diabetes" / "application.json").is_file()
    result = run("messages", str(tmp_path / "m"), "--output=json")
    assert "give_verdict.json" in json.loads(result.stdout)["files"]
    (tmp_path / "file").touch()
    assert error_of("messages", str(tmp_path / "file"), code=1)["field"] == "folder"


def test_a_certificate_is_verified_with_nothing_but_a_public_key(tmp_path: Path) -> None:
    from datetime import date

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from activities.certificates.render import render_certificate
    from domain.certificate import CertificateContent

    keys = generate_keys()
    content = CertificateContent(
        certificate_no=f"{NUMBER}-V1", acceptance_no=NUMBER, region="510400", city="攀枝花市", masked_name="张*",
        effect_on=date(2026, 1, 5), end_on=None, issued_on=date(2026, 1, 5), version=1, conditional=False,
        key_id=keys.certificate_key_id,
    )  # fmt: skip
    pdf, pem = tmp_path / "c.pdf", tmp_path / "key.pem"
    pdf.write_bytes(render_certificate(content, keys.certificate_signing_key()))
    public = keys.certificate_signing_key().public_key()
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    good = run("certificate", "verify", str(pdf), "--public-key", str(pem), "--output=json")
    assert good.exit_code == 0
    verdict = json.loads(good.stdout)
    assert set(verdict) == {"genuine", "reason", "content"}
    assert verdict["content"]["effect_on"] == "2026-01-05"
    told = run("certificate", "verify", str(pdf), "--public-key", str(pem)).stdout
    assert "按签发内容为真" in told
    assert "genuine as issued" in told

    pdf.write_bytes(pdf.read_bytes().replace(b"%mente-seal", b"%mente-seel"))
    bad = run("certificate", "verify", str(pdf), "--public-key", str(pem), "--output=json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["genuine"] is False

    other = run("keys", "init")
    assert other.exit_code == 0
    assert run("certificate", "verify", str(pdf)).exit_code == 1
    assert error_of("certificate", "verify", str(pdf), "--public-key", str(pdf), code=1)["field"] == "public_key"
    assert (
        error_of("certificate", "verify", str(tmp_path / "no"), "--public-key", str(pem), code=1)["field"] == "file"
    )
    exported = json.loads(run("certificate", "public-key", "--output=json").stdout)["public_key"]
    assert exported.startswith("-----BEGIN PUBLIC KEY-----")
    assert run("certificate", "public-key").stdout == exported


def test_a_worker_without_a_server_gives_up_with_exit_3(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of("worker", code=3)["field"] == "keys"
    load_or_create_keys(home / "keys")
    monkeypatch.setattr(running, "CONNECT_SECONDS", 0.0)
    assert error_of("worker", code=3)["field"] == "temporal"
    assert run("worker").stdout == ""


def test_a_worker_waits_for_the_schema_of_its_release(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = load_or_create_keys(home / "keys")

    async def reached(*_: object) -> object:
        return "client"

    async def told() -> object:
        halt = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, migrate, Settings().database)
        return await running.connected(Settings(), keys, halt)

    monkeypatch.setattr("starter.client.temporal_client", reached)
    monkeypatch.setattr(running, "RETRY_SECONDS", 0.1)
    assert asyncio.run(told()) == "client"
    (home / "mente.db").unlink()
    monkeypatch.setattr(running, "CONNECT_SECONDS", 0.0)
    with pytest.raises(NotReady, match="尚未建立"):
        asyncio.run(running.connected(Settings(), keys, asyncio.Event()))


def test_a_worker_told_to_stop_while_it_waits_stops(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = load_or_create_keys(home / "keys")
    halt = asyncio.Event()
    halt.set()
    assert asyncio.run(running.connected(Settings(), keys, halt)) is None
