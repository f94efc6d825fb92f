"""What answers carry beside their content, and what bodies may be, stands in the interface's document."""

from typing import Any

import pytest

from domain.clock import Ground
from domain.vocabulary import END_ZH, Decision
from starter.web.app import create_app
from starter.web.messages import SENT
from starter.web.problems import TYPES
from starter.web.schema import openapi_document
from worker.settings import Settings


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return openapi_document(create_app(Settings(home=tmp_path_factory.mktemp("home"))))


def words(said: dict[str, Any]) -> set[str]:
    part = said.get("items", said)
    return set(next((each for each in part.get("anyOf", []) if "enum" in each), part)["enum"])


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        ("CommandReceipt", "command", set(SENT)),
        ("AcceptedOut", "command", set(SENT)),
        ("UploadOut", "media_type", {"application/pdf", "image/jpeg"}),
        ("WayView", "channel", {"sms", "agent_sms", "email", "inbox", "push"}),
        ("NoticeLine", "channels", {"sms", "agent_sms", "email", "inbox", "push"}),
        ("Explanation", "unit", {"working_days", "calendar_days"}),
        ("StopLine", "ground", set(Ground)),
        ("ExtensionLine", "ground", set(Ground)),
        ("SeatLine", "decision", set(Decision)),
        ("CaseStatus", "reason_code", {"", *END_ZH}),
        ("Problem", "type", set(TYPES)),
    ],
)
def test_an_answer_of_a_few_words_lists_them(
    document: dict[str, Any], shape: str, name: str, expected: set[str]
) -> None:
    assert words(document["components"]["schemas"][shape]["properties"][name]) == expected


def test_a_file_may_come_as_plain_bytes(document: dict[str, Any]) -> None:
    for path, method in (("/api/v1/uploads", "put"), ("/api/v1/public/certificates/verify-file", "post")):
        assert "application/octet-stream" in document["paths"][path][method]["requestBody"]["content"]


def test_headers_of_answers_are_named(document: dict[str, Any]) -> None:
    paths = document["paths"]
    letter = paths["/api/v1/applications/{acceptance_no}/letters/{kind}"]["get"]["responses"]
    assert "Content-Disposition" in letter["200"]["headers"]
    assert "WWW-Authenticate" in letter["401"]["headers"]
    assert {"RateLimit", "RateLimit-Policy", "Cache-Control"} <= set(letter["304"]["headers"])
    assert all("Cache-Control" in each["headers"] for each in letter.values())
    assert "RateLimit" not in paths["/api/v1/regions"]["get"]["responses"]["304"]["headers"]
    assert "405" in document["info"]["description"]


def test_a_question_about_a_limit_has_its_bounds(document: dict[str, Any]) -> None:
    asked = {each["name"]: each for each in document["paths"]["/api/v1/calendar/due"]["get"]["parameters"]}
    assert asked["region"]["schema"]["pattern"] == "^[0-9]{6}$"
    for name in ("working_days", "calendar_days"):
        bounds = next(each for each in asked[name]["schema"]["anyOf"] if each["type"] == "integer")
        assert (bounds["minimum"], bounds["maximum"]) == (1, 3660)
