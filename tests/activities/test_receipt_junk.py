"""What nobody meant to send to the endpoints of receipts: a status, without a reason, a trace or a loop."""

import json
import logging
import time
from typing import Any

import pytest

from starter.receiving.app import MOST_REPORTS
from tests.activities.receipt_door import ALIYUN, TENCENT, Door, door

__all__ = ["door"]

MARKER = "13987650123"
REPORT = {"reference": "r", "state": "delivered"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xfe\xfd",
        b"null",
        b"[" * 400_000,
        b'{"a":' * 100_000,
        b"1" * 900_000,
        b"[1e999999]",
        b'["' + MARKER.encode() + b'"]',
        json.dumps([{**REPORT, "reference": "\ud800" + MARKER}]).encode(),
        json.dumps([{**REPORT, "reference": "\x00" + MARKER}]).encode(),
        json.dumps([{**REPORT, "reference": MARKER * 20_000}]).encode(),
        json.dumps([{**REPORT, "detail": "\ud800\x00" + MARKER}]).encode(),
        json.dumps([{**REPORT, "at": "9999-12-31T23:59:59+14:00"}, {**REPORT, "at": "x" * 100_000}]).encode(),
        json.dumps([{**REPORT, "state": ["delivered"]}, {**REPORT, "state": {"a": 1}}]).encode(),
        json.dumps([REPORT] * (MOST_REPORTS + 1)).encode(),
    ],
    ids=lambda content: content[:24].decode("latin-1"),
)
async def test_junk_in_a_signed_report_is_a_status_and_nothing_else(
    door: Door, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    began = time.process_time()
    answer = await door.push(content)
    assert answer.status_code in (200, 400, 413), answer.status_code
    assert MARKER not in answer.text
    assert time.process_time() - began < 5
    assert MARKER not in caplog.text
    assert (await door.push(b"[]", delivery="d-2")).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("provider", ["aliyun", "tencent"])
async def test_junk_that_a_provider_reports_is_a_status_and_nothing_else(
    door: Door, provider: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    odd: list[object] = ["\ud800", "\x00", MARKER * 1000, {"a": []}, [[]], 10**300, -1, True, None, "", 1.5]
    names = ("phone_number", "mobile", "biz_id", "sid", "out_id", "ext", "success", "err_code", "report_status")
    times = ("report_time", "send_time", "user_receive_time")
    secret = ALIYUN if provider == "aliyun" else TENCENT
    for value in odd:
        row = dict.fromkeys((*names, *times), value)
        answer = await door.post(f"/{provider}/{secret}", json.dumps([row, row]).encode())
        assert answer.status_code in (200, 400, 404, 413), (value, answer.status_code)
    assert MARKER not in caplog.text


@pytest.mark.asyncio
async def test_odd_addresses_and_headers_are_refused_alike(door: Door) -> None:
    for path in (
        "/aliyun/%00",
        "/aliyun/%ff%fe",
        f"/aliyun/{ALIYUN}/",
        f"/%61liyun/{ALIYUN[:-1]}b",
        "//push",
        "/push/",
        "/aliyun/../push",
        "/" + "a" * 5000 + "/b",
    ):
        assert (await door.post(path, b"[]")).status_code in (403, 404), path
    changes: Any
    for changes in (
        {"mente_timestamp": "9" * 12},
        {"mente_timestamp": "-1"},
        {"mente_timestamp": "1e9"},
        {"mente_delivery": "a" * 129},
        {"mente_signature": ""},
        {"mente_signature": "v1=" + "f" * 10_000},
    ):
        assert (await door.push(b"[]", **changes)).status_code == 403, changes
