"""The signatures against vectors that the vendors' own libraries produced; each file says how."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from activities.notices.providers.signatures import ACS3, TC3, acs3, acs3_headers, acs3_query, tc3

FOLDER = Path(__file__).parent / "signatures"
Vector = Mapping[str, Any]


def vectors(name: str) -> list[Vector]:
    found: list[Vector] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["vectors"]
    return found


ALIYUN, TENCENT = vectors("aliyun"), vectors("tencent")


def by_name(vector: Vector) -> str:
    return str(vector["name"])


@pytest.mark.parametrize(("name", "algorithm"), [("aliyun", ACS3), ("tencent", TC3)])
def test_a_file_of_vectors_says_how_they_were_made_and_for_what(name: str, algorithm: str) -> None:
    raw = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert raw["algorithm"] == algorithm
    assert "official SDK" in raw["how"]
    assert "made up" in raw["how"]
    assert all("made-up" in each["key_id"] and "made-up" in each["key_secret"] for each in raw["vectors"])


@pytest.mark.parametrize("vector", ALIYUN, ids=by_name)
def test_our_acs3_signature_is_the_librarys(vector: Vector) -> None:
    made = acs3(
        key_id=vector["key_id"],
        key_secret=vector["key_secret"],
        method=vector["method"],
        path=vector["path"],
        query=vector["query"],
        headers=vector["headers"],
    )
    assert made.canonical_request == vector["canonical_request"]
    assert made.string_to_sign == vector["string_to_sign"]
    assert made.authorization == vector["authorization"]


@pytest.mark.parametrize("vector", ALIYUN, ids=by_name)
def test_our_acs3_headers_have_the_librarys_values(vector: Vector) -> None:
    theirs = vector["headers"]
    ours = acs3_headers(
        host=theirs["host"],
        action=theirs["x-acs-action"],
        version=theirs["x-acs-version"],
        at=datetime.fromisoformat(vector["at"]).astimezone(timezone(timedelta(hours=8))),
        nonce=vector["nonce"],
        payload=vector["payload"].encode(),
    )
    assert ours == {name: theirs[name] for name in ours}
    assert {"host", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"} <= set(ours)


@pytest.mark.parametrize("vector", TENCENT, ids=by_name)
def test_our_tc3_signature_is_the_librarys(vector: Vector) -> None:
    made = tc3(
        key_id=vector["key_id"],
        key_secret=vector["key_secret"],
        service=vector["service"],
        method=vector["method"],
        headers=vector["headers"],
        payload=vector["payload"].encode(),
        at=datetime.fromtimestamp(vector["at"], timezone(timedelta(hours=8))),
    )
    assert made.canonical_request == vector["canonical_request"]
    assert made.string_to_sign == vector["string_to_sign"]
    assert made.authorization == vector["authorization"]


def test_the_tc3_key_changes_with_the_utc_day_and_not_with_the_local_one() -> None:
    last, first = TENCENT[1], TENCENT[2]
    assert datetime.fromtimestamp(last["at"], UTC).strftime("%H:%M:%S") == "23:59:59"
    assert first["at"] - last["at"] == 1
    assert "/2026-12-31/sms/" in last["authorization"]
    assert "/2027-01-01/sms/" in first["authorization"]


def test_a_query_is_sorted_and_escaped_as_it_is_signed() -> None:
    assert acs3_query({"b": "a b+c*~/", "A": "é"}) == "A=%C3%A9&b=a%20b%2Bc%2A~%2F"
    assert acs3_query({}) == ""
