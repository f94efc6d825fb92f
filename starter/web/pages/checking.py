"""The live checklist: what is asked for, what is there, and what is wrong with it, by the rules every door has."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from domain.application import Material
from domain.checklist import Finding, Requirement, check_materials, check_recheck_records, faults, requirements
from domain.disease import DiseaseRow
from domain.paper_rules import Standard, conditions, judge_paper
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, ApplicationKind, MaterialKind


class Ask(NamedTuple):
    """What is still to be declared of one uploaded paper, by its key: nobody has said that it is not so."""

    key: str
    text: str


class Item(NamedTuple):
    """One thing asked for; `findings` say what to mend, warnings included, `asks` what to declare.

    `state` is met, missing, asked where only declarations are wanting, or faulty.
    """

    slot: str
    kinds: tuple[MaterialKind, ...]
    names: str
    musts: str
    why: str
    source: str
    state: str
    findings: tuple[Finding, ...]
    asks: tuple[Ask, ...] = ()

    @property
    def told(self) -> str:
        """All of it in one line, for where there is no place to mend it."""
        return "；".join([*(each.what for each in self.findings), *(each.text for each in self.asks)])


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


def asked_first(asking: Asking, items: Sequence[Item], papers: Mapping[str, Material]) -> tuple[Item, ...]:
    """Return the list with what nobody has declared yet of the papers being written at, by key, asked for.

    The rules stay as they are, and so does what is wanting: only that a box nobody ticked is no word of theirs.
    """
    wanting = {key: judge_paper(paper, _standard(asking)) for key, paper in papers.items()}
    return tuple(_asked_first(each, wanting, papers) for each in items)


def _asked_first(item: Item, wanting: Mapping[str, tuple[Finding, ...]], papers: Mapping[str, Material]) -> Item:
    fields: dict[str, list[str]] = {}
    kept = []
    for finding in item.findings:
        key = next((key for key, found in wanting.items() if _is_among(finding, found)), "")
        field = _undeclared(finding, papers[key]) if key else ""
        if field:
            fields.setdefault(key, []).append(field)
        else:
            kept.append(finding)
    asks = tuple(Ask(key, _ask(papers[key].kind, wanted)) for key, wanted in fields.items())
    state = "asked" if asks and not faults(kept) else item.state
    return item._replace(findings=tuple(kept), asks=asks, state=state)


def _is_among(finding: Finding, found: Sequence[Finding]) -> bool:
    # The words differ by the day the age of papers counts back from.
    return (finding.code, finding.kind) in [(each.code, each.kind) for each in found]


def _undeclared(finding: Finding, paper: Material) -> str:
    """Return the field in which what was found wanting is declared, empty where something was declared of it."""
    match finding.code:
        case "undated":
            return "出具日期"
        case "hospital_too_small" if paper.hospital_level is None:
            return "出具医院的等级"
        case "not_designated" if paper.hospital_id is None and paper.kind is not MaterialKind.APPLICATION_FORM:
            return "出具的医院"
        case "unsealed":
            return _SEAL
        case "unsigned":
            return _SIGNATURE
        case _:
            return ""


_SEAL, _SIGNATURE = "是否已经盖章", "是否已经签名"
_BEFORE = {_SEAL: "盖章", _SIGNATURE: "签名"}


def _ask(kind: MaterialKind, fields: Sequence[str]) -> str:
    typed = [each for each in fields if each not in _BEFORE]
    ticked = [each for each in fields if each in _BEFORE]
    parts = ["填写" + "、".join(typed)] if typed else []
    parts += ["勾选" + "、".join(ticked)] if ticked else []
    done = "、".join(_BEFORE[each] for each in ticked)
    lacking = f"；材料上还没有{done}的，请{done}后重新上传" if ticked else ""
    return f"请为“{MATERIAL_ZH[kind]}”{'，并'.join(parts)}{lacking}"


def _standard(asking: Asking) -> Standard:
    return Standard(asking.policy, asking.disease, asking.on, "申请之日")


def is_complete(items: Sequence[Item]) -> bool:
    """Whether nothing has to be mended."""
    return all(each.state == "met" for each in items)


def _items(
    asking: Asking, asked: Sequence[Requirement], materials: Sequence[Material], found: Sequence[Finding]
) -> tuple[Item, ...]:
    by = _standard(asking)
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
