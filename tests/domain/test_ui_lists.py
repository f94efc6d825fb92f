"""The lists of the Temporal UI: those of the operator's page stand in the document for operators, and the reverse."""

import re
from pathlib import Path

from starter.ui_lists import UI_LISTS, address_of
from workflows.search_attributes import ALL

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
_OWN_CITY = "MenteRegion="


def test_the_document_links_every_list_of_the_page_under_its_title() -> None:
    for each in UI_LISTS:
        address = address_of("http://127.0.0.1:8233", "mente", each).replace("(", "%28").replace(")", "%29")
        row = f"]({address}) | `{each.query}` |"
        assert row in OPERATIONS, each.query


def test_the_page_has_every_list_of_the_document_but_the_example_of_one_city() -> None:
    queries = re.findall(r"^\| \[.+\]\(http.+\) \| `(.+)` \|$", OPERATIONS, re.MULTILINE)
    assert len(queries) > len(UI_LISTS)
    assert [each for each in queries if _OWN_CITY not in each] == [each.query for each in UI_LISTS]


def test_a_list_asks_for_running_workflows_by_attributes_there_are() -> None:
    known = {key.name for key in ALL}
    for each in UI_LISTS:
        assert each.query.startswith("ExecutionStatus='Running' AND ")
        assert set(re.findall(r"Mente[A-Za-z]+", each.query)) <= known
