"""What is one of a few words says so in the interface's document."""

from typing import Any

import pytest

from starter.web.app import create_app
from storage.notice_standing import AttemptState
from worker.settings import Settings


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = create_app(Settings(home=tmp_path_factory.mktemp("home"))).openapi()["components"][
        "schemas"
    ]
    return found


def words(schemas: dict[str, Any], shape: str, name: str) -> set[str]:
    said = schemas[shape]["properties"][name]
    if "$ref" in said:
        said = schemas[said["$ref"].rpartition("/")[2]]
    return set(said["enum"])


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        ("NoticeView", "state", {each.value for each in AttemptState}),
        ("AttemptView", "state", {each.value for each in AttemptState}),
        ("ReceiptView", "state", {"delivered", "failed"}),
        ("DayOut", "kind", {"work", "rest"}),
    ],
)
def test_a_word_of_a_few_lists_them(schemas: dict[str, Any], shape: str, name: str, expected: set[str]) -> None:
    assert words(schemas, shape, name) == expected
