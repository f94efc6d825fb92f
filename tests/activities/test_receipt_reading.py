"""What providers push, as their documentation shows it, and as it must not be believed."""

import json
from datetime import datetime
from typing import Any

import pytest

from activities.notice_contract import NoticeState
from activities.notices.providers import aliyun, tencent
from activities.notices.providers.registry import PROVIDERS
from activities.notices.sms import SmsReceipt
from domain.moments import CST
from starter.receiving.senders import read_push
from storage.notice_standing import AttemptState
from storage.receipts import Report

REFERENCE = "620900-AAAA-BBBB-CCCC-D.n3.sms.aliyun"
ALIYUN = {
    "phone_number": "13900000001",
    "send_time": "2026-11-22 10:15:00",
    "report_time": "2026-11-22 10:15:07",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "932702304080415357^0",
    "out_id": REFERENCE,
}
TENCENT = {
    "user_receive_time": "2026-11-22 10:15:07",
    "nationcode": "86",
    "mobile": "13900000001",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "2019:538884",
}
AT = datetime(2026, 11, 22, 10, 15, 7, tzinfo=CST)


def body(*rows: Any) -> bytes:
    return json.dumps(list(rows), ensure_ascii=False).encode()


def test_a_report_of_alibaba_cloud_is_read() -> None:
    failed = ALIYUN | {"success": False, "err_code": "MOBILE_NOT_ON_SERVICE", "err_msg": "停机 13900000001"}
    assert aliyun.read_receipts(body(ALIYUN, failed)) == (
        SmsReceipt(
            state=NoticeState.DELIVERED,
            provider="aliyun",
            provider_id="932702304080415357^0",
            at=AT,
            reference=REFERENCE,
            phone="13900000001",
        ),
        SmsReceipt(
            state=NoticeState.FAILED,
            detail="MOBILE_NOT_ON_SERVICE",
            provider="aliyun",
            provider_id="932702304080415357^0",
            at=AT,
            reference=REFERENCE,
            phone="13900000001",
        ),
    )


def test_a_report_of_tencent_cloud_is_read() -> None:
    failed = TENCENT | {"report_status": "FAIL", "errmsg": "MK:0001", "session_context": REFERENCE}
    delivered, lost = tencent.read_receipts(body(TENCENT, failed))
    assert delivered == SmsReceipt(
        state=NoticeState.DELIVERED, provider="tencent", provider_id="2019:538884", at=AT, phone="13900000001"
    )
    assert lost is not None
    assert (lost.state, lost.detail, lost.reference) == (NoticeState.FAILED, "MK:0001", REFERENCE)


def test_the_acknowledgements_are_what_the_vendors_ask_for() -> None:
    assert {name: json.loads(each.acknowledgement) for name, each in PROVIDERS.items()} == {
        "aliyun": {"code": 0, "msg": "接收成功"},
        "tencent": {"result": 0, "errmsg": "OK"},
    }


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "said",
    [b"", b"{}", b"null", b"7", b"[", b"\xff\xfe", b"[" * 100_000, b'["\\ud800', b"1" * 5000, b"biz_id=1&success=1"],
)
def test_what_is_no_array_is_refused_without_repeating_it(name: str, said: bytes) -> None:
    read = PROVIDERS[name].read_receipts
    assert read is not None
    with pytest.raises(ValueError, match="a JSON array is expected") as failure:
        read(said)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("row", [None, 1, "text", [], {}, {"success": 1}, {"report_status": {}}, {"success": "true"}])
def test_a_report_that_says_nothing_we_know_leaves_the_others_readable(name: str, row: Any) -> None:
    read = PROVIDERS[name].read_receipts
    assert read is not None
    good = ALIYUN if name == "aliyun" else TENCENT
    first, second = read(body(row, good))
    assert first is None
    assert second is not None


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("report_time", "0001-01-01 00:00:00", ("at", None)),
        ("report_time", "9999-12-31 23:59:59", ("at", None)),
        ("report_time", "yesterday", ("at", None)),
        ("report_time", 1763777707, ("at", None)),
        ("phone_number", "1390000****", ("phone", "")),
        ("phone_number", 13900000001, ("phone", "")),
        ("biz_id", "13900000001^0", ("provider_id", "")),
        ("biz_id", "x" * 5000, ("provider_id", "")),
        ("biz_id", "\ud800", ("provider_id", "")),
        ("out_id", 7, ("reference", "")),
    ],
)
def test_what_a_report_gets_wrong_is_left_out(field: str, value: Any, kept: tuple[str, Any]) -> None:
    (found,) = aliyun.read_receipts(json.dumps([ALIYUN | {field: value}]).encode())
    assert found is not None
    assert getattr(found, kept[0]) == kept[1]


def test_our_own_form_is_one_report_or_a_list() -> None:
    said = {"reference": REFERENCE, "state": "failed", "detail": "smtp-550", "at": "2026-11-22T10:15:07+08:00"}
    report = Report(state=AttemptState.FAILED, reference=REFERENCE, detail="smtp-550", at=AT)
    assert read_push(json.dumps(said).encode()) == [report]
    brief = {"reference": REFERENCE, "state": "delivered"}
    assert read_push(body(said, brief)) == [report, Report(state=AttemptState.DELIVERED, reference=REFERENCE)]


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": None},
        {"state": "sent"},
        {"state": ["failed"]},
        {"detail": {"a": 1}},
        {"at": "2026-11-22T10:15:07"},
        {"at": "9999-12-31T23:59:59-08:00"},
        {"at": 1763777707},
        {"at": "soon"},
    ],
)
def test_a_report_in_our_own_form_that_says_something_else_is_not_read(changes: dict[str, Any]) -> None:
    said = {"reference": REFERENCE, "state": "failed"} | changes
    assert read_push(json.dumps(said).encode()) == [None]


def test_of_what_went_wrong_a_code_is_kept_and_never_a_sentence() -> None:
    said = {"reference": REFERENCE, "state": "failed", "detail": "550 no such user one@example.test"}
    (found,) = read_push(json.dumps(said).encode())
    assert found is not None
    assert found.detail == "unnamed"
