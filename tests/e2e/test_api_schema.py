"""The OpenAPI document against the running server: whatever is sent, no 5xx, and answers are as documented."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from domain.access import Role
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.rates import Rate, Rates
from tests.e2e.playing import until_status
from tests.e2e.web_house import made_up, serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]


@schemathesis.serializer("application/pdf", "image/jpeg")
def as_it_is(_: object, value: object) -> bytes:
    """Send the bytes of a file as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


_WIDE = Rate("wide", 100_000, 1_000_000)
WIDE = Rates(**{each.name: _WIDE for each in fields(Rates)})
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
POSITIVE_EXAMPLES, NEGATIVE_EXAMPLES = 8, 5


def play(url: str, document: dict[str, Any], number: str, askers: Sequence[Mapping[str, str]]) -> list[str]:
    """Send what the document allows, and what it does not, to every route; return what was wrong with the answers."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    modes = ((GenerationMode.POSITIVE, POSITIVE_EXAMPLES), (GenerationMode.NEGATIVE, NEGATIVE_EXAMPLES))
    wrong = []
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # a faulty document fails here, as it should
        for mode, examples in modes:
            try:
                sender(operation.as_strategy(generation_mode=mode), examples, number, askers)()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, "there is nothing a route without fields could be sent wrong"
            except FailureGroup as error:
                wrong.append(f"{operation.label} {mode.value}: {[str(each) for each in error.exceptions]}")
    return wrong


def sender(
    strategy: st.SearchStrategy[Any], examples: int, number: str, askers: Sequence[Mapping[str, str]]
) -> Callable[[], None]:
    """Return what sends so many examples to one route, half of them about a real case, each as one of the askers."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.booleans(), st.sampled_from(list(askers)))
    def send(case: Any, real: bool, asker: Mapping[str, str]) -> None:
        if real:
            known = {"acceptance_no": number, "region": number[:6]}
            for place in (case.path_parameters, case.query):
                place.update({name: value for name, value in known.items() if name in place})
        case.call_and_validate(headers=dict(asker), checks=CHECKS, timeout=30)

    return send


# The house and the web in this process draw random numbers in other threads while examples are made.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_no_route_answers_5xx_or_otherwise_than_documented(mente: Mente, city: House) -> None:
    async with serving(city.settings, WIDE) as web:
        async with await web.key() as app:
            number = (await app.post("/api/v1/applications", json=await made_up(app, 91_101))).json()["acceptance_no"]
            await until_status(mente, number, Status.REVIEW)
            document = (await app.get("/api/v1/openapi.json")).json()
            askers = [dict(app.headers)]
        for role in (Role.OFFICER, Role.COUNTER, Role.AUDITOR):
            async with await web.account(role) as person:
                cookie = "; ".join(f"{each.name}={each.value}" for each in person.cookies.jar)
                askers.append({**person.headers, "Cookie": cookie})
        wanted = [{k: v for k, v in each.items() if k.lower() in KEPT} for each in askers]
        assert await asyncio.to_thread(play, web.url, document, number, wanted) == []


KEPT = ("authorization", "cookie", "x-csrf-token")


async def test_every_route_says_which_problems_it_may_answer(city: House) -> None:
    async with serving(city.settings, WIDE) as web, web.client() as anybody:
        document = (await anybody.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    delivered = document["components"]["schemas"]["AcceptedOut"]["properties"]
    assert delivered["look_at"]["format"] == "uri-reference", "an address is no instant"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "head":
                continue
            told = {status for status in operation["responses"] if int(status) >= 400}
            expected = {"400", "404", "422", "429", "500", "503"}
            if operation.get("security"):
                expected |= {"401", "403", "409"}
            if "requestBody" in operation:
                expected |= {"408", "413", "415"}
            assert told == expected, (method, path)
            for status in told:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


async def test_the_document_tells_headers_proofs_and_bounds(city: House) -> None:
    async with serving(city.settings, WIDE) as web, web.client() as anybody:
        document = (await anybody.get("/api/v1/openapi.json")).json()
        regions = await anybody.get("/api/v1/regions")
        again = await anybody.get("/api/v1/regions", headers={"If-None-Match": regions.headers["etag"]})
        head = await anybody.head("/api/v1/regions")
    schemas, schemes = document["components"]["schemas"], document["components"]["securitySchemes"]
    assert {each.get("name") for each in schemes.values()} >= {
        "mente_session",
        "__Host-mente_session",
        "X-CSRF-Token",
    }
    listed = document["paths"]["/api/v1/regions"]
    assert (again.status_code, head.status_code) == (304, 200)
    for answer, told in ((regions, listed["get"]["responses"]["200"]), (again, listed["get"]["responses"]["304"])):
        assert all(name in answer.headers for name in told["headers"])
    assert "content" not in listed["head"]["responses"]["200"]
    for operations in document["paths"].values():
        assert ("get" in operations) == ("head" in operations)
        for method, operation in operations.items():
            if method in ("get", "head"):
                assert not any("csrf" in each for each in operation.get("security", ()))
            else:
                assert all(("csrf" in each) == ("apiKey" not in each) for each in operation.get("security", ()))
            for status, answer in operation["responses"].items():
                assert "X-Request-Id" in answer["headers"]
                assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))
                assert all("schema" in each for each in answer.get("content", {}).values())
    for name in ("ApplicationIn", "Applicant", "Agent", "OffregionStay"):
        assert schemas[name]["additionalProperties"] is False
    assert schemas["Applicant"]["properties"]["phone"]["pattern"]
    assert schemas["LimitStatus"]["properties"]["due"]["format"] == "date-time"
    assert "enum" in schemas["EventKind"]
    assert "enum" in schemas["SeatLine"]["properties"]["state"]
