"""The live checklist: what is asked for, what is there, and what is wrong with it, by the rules every door has."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from domain.application import Material
from domain.checklist import Finding, Requirement, check_materials, check_recheck_records, faults, requirements
from domain.disease import DiseaseRow
from domain.paper_rules import Standard, conditions
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, ApplicationKind, MaterialKind


class Item(NamedTuple):
    """One thing asked for. `state` is met, missing or faulty; `findings` say what to mend, warnings included."""

    slot: str
    kinds: tuple[MaterialKind, ...]
    names: str
    musts: str
    why: str
    source: str
    state: str
    findings: tuple[Finding, ...]


class Asking(NamedTuple):
    """By what papers are judged: a city's policy, a disease, what is applied for, and the day they count from."""

    policy: RegionPolicy
    disease: DiseaseRow
    kind: ApplicationKind
    on: date


def checklist(asking: Asking, materials: Sequence[Material]) -> tuple[Item, ...]:
    """Return what an application needs, in the order it is told, against the papers there are."""
    asked = requirements(asking.policy, asking.disease, asking.kind)
    found = check_materials(
        policy=asking.policy,
        disease=asking.disease,
        materials=materials,
        received_on=asking.on,
        kind=asking.kind,
    )
    return _items(asking, asked, materials, found)


def recheck_list(asking: Asking, materials: Sequence[Material]) -> tuple[Item, ...]:
    """Return what a yearly recheck needs; empty where the disease needs nothing."""
    asked = tuple(
        Requirement(any_of=(kind,), why="须提交复查资料", source=asking.disease.source_of("recheck_evidence"))
        for kind in asking.disease.recheck_evidence
    )
    found = check_recheck_records(
        policy=asking.policy, disease=asking.disease, materials=materials, as_of_on=asking.on
    )
    return _items(asking, asked, materials, found)


def is_complete(items: Sequence[Item]) -> bool:
    """Whether nothing has to be mended."""
    return all(each.state == "met" for each in items)


def _items(
    asking: Asking, asked: Sequence[Requirement], materials: Sequence[Material], found: Sequence[Finding]
) -> tuple[Item, ...]:
    by = Standard(asking.policy, asking.disease, asking.on, "申请之日")
    there = {each.kind for each in materials}
    items = []
    for number, each in enumerate(asked):
        mine = tuple(finding for finding in found if finding.kind in each.any_of and finding.code != "missing")
        state = "missing" if not there & set(each.any_of) else "faulty" if faults(mine) else "met"
        musts = dict.fromkeys(text for kind in each.any_of if (text := conditions(kind, by)))
        items.append(
            Item(
                slot=f"s{number}",
                kinds=each.any_of,
                names=" 或 ".join(MATERIAL_ZH[kind] for kind in each.any_of),
                musts="；".join(musts),
                why=each.why,
                source=each.source,
                state=state,
                findings=mine if state != "missing" else (),
            )
        )
    return tuple(items)
