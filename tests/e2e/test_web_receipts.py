"""Receipts taken by the web under /receipts: bounds, secrets, and a case's notice that becomes delivered."""

import hashlib
import hmac
import json
import logging
import time
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from starter.client import Mente
from starter.embedded import House
from storage.notice_views import whole_notice
from tests.e2e.test_api_notices import told
from tests.e2e.web_house import serving
from worker.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECRET, ALIYUN = "push-receipts-" + "s" * 32, "aliyun-receipts-" + "a" * 32


async def push(client: httpx.AsyncClient, content: bytes, delivery: str, secret: str = SECRET) -> httpx.Response:
    """Report something as a gateway does."""
    timestamp = str(int(time.time()))
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()
    headers = {"mente-timestamp": timestamp, "mente-delivery": delivery, "mente-signature": f"v1={signed}"}
    return await client.post("/receipts/push", content=content, headers=headers)


async def test_a_receipt_changes_its_notice_and_no_log_holds_a_secret(
    city: House, mente: Mente, caplog: pytest.LogCaptureFixture
) -> None:
    settings = city.settings.model_copy(
        update={"receipts_secret": SecretStr(SECRET), "sms_aliyun_receipt_secret": SecretStr(ALIYUN)}
    )
    caplog.set_level(logging.INFO)
    async with serving(settings) as web, await web.key() as app:
        number = await told(app, mente, 91_711)
        said = json.dumps({"reference": f"{number}.n1.email", "state": "failed", "detail": "smtp-550"}).encode()
        assert (await push(app, said, "d-91711", secret="x" * 32)).status_code == 403
        taken = await push(app, said, "d-91711")
        assert (taken.status_code, taken.json()) == (200, {"taken": 1})
        assert (await push(app, said, "d-91711")).status_code == 409
        async with mente.database.read() as connection:
            found = await whole_notice(connection, number, 1)
        assert found is not None
        assert {way.channel: way.state.value for way in found.ways}["email"] == "failed"
        assert (await app.post(f"/receipts/aliyun/{ALIYUN}", content=b"[]")).status_code == 200
        assert (await app.post(f"/receipts/aliyun/{'b' * 40}", content=b"[]")).status_code == 403
        assert (await app.post("/receipts/pigeons/x", content=b"[]")).status_code == 404
        assert (await push(app, b" " * 1_000_001, "d-91712")).status_code == 413
        assert "/receipts" not in json.dumps((await app.get("/api/v1/openapi.json")).json()["paths"])
    # The client of this test logs what it asks for; the server must not.
    logged = [each.getMessage() for each in caplog.records if not each.name.startswith("httpx")]
    assert [each for each in logged if ALIYUN in each or SECRET in each or "b" * 40 in each] == []
    assert [each for each in logged if "{secret}" in each]


async def test_without_secrets_nothing_is_taken_and_without_a_database_nothing_is_acknowledged(
    city: House, tmp_path: Path
) -> None:
    async with serving(city.settings) as web, web.client() as anybody:
        assert (await push(anybody, b"{}", "d-1")).status_code == 404
    (tmp_path / "keys").symlink_to(city.settings.keys)
    bare = Settings(home=tmp_path, receipts_secret=SecretStr(SECRET))
    async with serving(bare) as web, web.client() as anybody:
        said = await push(anybody, b'{"reference": "x.n1.email", "state": "delivered"}', "d-2")
        assert said.status_code == 503
        assert int(said.headers["retry-after"]) > 0
        assert not (tmp_path / "mente.db").exists()
