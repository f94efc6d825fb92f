"""Small figures: what one rule costs, in microseconds, without Temporal or a database."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from activities.certificates.render import render_certificate
from activities.contract import IssueCertificate
from activities.issuing import certificate_content
from activities.materials import judge_file
from activities.rules import calendar_from, rules_in_force
from domain.acceptance import acceptance_number
from domain.application import DeclaredMaterial, Material
from domain.benefit_certificate import certificate_figures
from domain.checklist import check_materials
from domain.clock import Ground, Ledger, deadline, used
from domain.intake import parse_form
from domain.moments import local_date
from domain.policy import CaseRules
from domain.vocabulary import ApplicationKind, InsuredCategory
from samples.make import quick_application
from storage.calendars import shipped_calendar
from storage.keys import generate_keys
from storage.policies import policy_for

REGION, DISEASE = "510400", "510400-001"
_SECONDS = 0.4


def small_figures() -> dict[str, float]:
    """Return microseconds for each call, the best of three rounds."""
    now = datetime.now(UTC)
    today = local_date(now)
    keys, rules, policy = generate_keys(), rules_in_force(REGION, DISEASE, today), policy_for(REGION, today)
    assert rules is not None, "the disease is listed"
    calendar = calendar_from(shipped_calendar(), today)
    disease = policy.disease(DISEASE)
    assert disease is not None, "the disease is listed"
    ledger, later = _stopped_thrice(rules, now), now + timedelta(days=20)
    raw, files = quick_application(0, REGION, DISEASE, now)
    declared = parse_form(raw).materials

    def decoded() -> tuple[Material, ...]:
        return tuple(_decoded(each, files[each.file]) for each in declared)

    materials = decoded()
    number = partial(acceptance_number, keys.acceptance, region=REGION, channel="bench", request_id="1")
    content = certificate_content(
        _issue(number(), now),
        name="苏样远",
        key_id=keys.certificate_key_id,
        figures=tuple(each.text for each in certificate_figures(policy, disease, InsuredCategory.EMPLOYEE, None)),
    )
    figures: dict[str, Callable[[], Any]] = {
        f"decoding the {len(materials)} files of an application": decoded,
        "deadline of a ledger with three stops": lambda: deadline(ledger, calendar, later),
        "working days used": lambda: used(ledger, calendar, later),
        "checklist of a complete application": lambda: check_materials(
            policy=policy, disease=disease, materials=materials, received_on=today, kind=ApplicationKind.NEW
        ),
        "calendar slice of a case": lambda: calendar_from(shipped_calendar(), today),
        "acceptance number": number,
        "certificate, printed, signed, read back": lambda: render_certificate(
            content, keys.certificate_signing_key()
        ),
    }
    return {name: _microseconds(call) for name, call in figures.items()}


def _stopped_thrice(rules: CaseRules, now: datetime) -> Ledger:
    ledger = Ledger(started_at=now, limit=rules.decision_limit_days, close=rules.close_of_business)
    for day in range(3):
        ledger = ledger.stopped(Ground.SUPPLEMENT, "system", now + timedelta(days=4 * day + 1))
        ledger = ledger.resumed(Ground.SUPPLEMENT, now + timedelta(days=4 * day + 3))
    return ledger


def _issue(acceptance_no: str, now: datetime) -> IssueCertificate:
    today = local_date(now)
    return IssueCertificate(
        acceptance_no=acceptance_no,
        version=1,
        region=REGION,
        effect_on=today,
        end_on=None,
        issued_on=today,
        conditional=False,
        at=now,
    )


def _decoded(declared: DeclaredMaterial, content: bytes) -> Material:
    facts = judge_file(content, kind=declared.kind, field="materials")
    return Material.model_validate({**declared.model_dump(), "sha256": "0" * 64, **facts.model_dump()})


def _microseconds(call: Callable[[], Any]) -> float:
    call()
    best = float("inf")
    for _ in range(3):
        calls, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < _SECONDS / 3:
            call()
            calls += 1
        best = min(best, (time.perf_counter() - begun) / calls)
    return best * 1e6
