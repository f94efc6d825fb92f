"""What a city asks for: its diseases with the papers each needs, and how an application goes."""

import asyncio
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from fastapi.responses import Response

from activities.letters.form import blank_form, render_form
from domain.checklist import basis_zh, requirements
from domain.disease import DiseaseRow
from domain.moments import local_date
from domain.paper_rules import Standard, conditions
from domain.policy import RegionPolicy
from domain.vocabulary import MATERIAL_ZH, ApplicationKind
from starter.web.answering import answer_file
from starter.web.api.reference import policy_in_force
from starter.web.doors import now
from starter.web.pages.shell import Guest, page_router
from starter.web.pages.wording import cities
from starter.web.problems import stopped
from storage.policies import policy_for

router = page_router()
GROUP_ZH: Mapping[str, str] = MappingProxyType(
    {
        "tumour": "肿瘤",
        "renal": "肾脏疾病",
        "transplant": "器官移植术后",
        "cardio_cerebrovascular": "心脑血管疾病",
        "endocrine": "内分泌与代谢疾病",
        "respiratory": "呼吸系统疾病",
        "liver": "肝脏疾病",
        "infectious": "传染病",
        "blood": "血液系统疾病",
        "rheumatic": "风湿免疫疾病",
        "neurologic": "神经系统疾病",
        "mental": "精神疾病",
        "orthopaedic": "骨科疾病",
        "skin": "皮肤疾病",
        "gynaecologic": "妇科疾病",
        "eye": "眼科疾病",
        "endemic": "地方病与职业病",
    }
)


class Group(NamedTuple):
    """A group of diseases, as the picker shows it."""

    label: str
    diseases: tuple[DiseaseRow, ...]


class Asked(NamedTuple):
    """One paper a city asks for: what it is called, what it must be, why, and where that stands."""

    names: str
    musts: str
    why: str
    source: str


def grouped(policy: RegionPolicy, search: str = "") -> tuple[Group, ...]:
    """Return a city's diseases by group, those of a search only; groups in the order of the table above."""
    order = list(GROUP_ZH)
    word = search.strip().lower()
    wanted = [row for row in policy.diseases if word in f"{row.name} {row.guide_name or ''} {_group_zh(row)}".lower()]
    placed = sorted(wanted, key=lambda row: (order.index(row.group) if row.group in GROUP_ZH else 99, row.group))
    return tuple(
        Group(GROUP_ZH.get(name, "其他疾病"), tuple(rows))
        for name, rows in groupby(placed, key=lambda row: row.group)
    )


def _group_zh(row: DiseaseRow) -> str:
    return GROUP_ZH.get(row.group, "")


def asked_of(policy: RegionPolicy, disease: DiseaseRow, kind: ApplicationKind) -> tuple[Asked, ...]:
    """Return the papers a disease needs, in the order they are told."""
    by = Standard(policy, disease, local_date(now()), "申请之日")
    return tuple(
        Asked(
            names=" 或 ".join(MATERIAL_ZH[each] for each in requirement.any_of),
            musts="；".join(dict.fromkeys(text for each in requirement.any_of if (text := conditions(each, by)))),
            why=requirement.why,
            source=basis_zh(requirement.source),
        )
        for requirement in requirements(policy, disease, kind)
    )


def disease_of(policy: RegionPolicy, disease_id: str) -> DiseaseRow:
    """Return a disease a city lists. Raises `Stopped` (404) for any other."""
    found = next((row for row in policy.diseases if row.id == disease_id), None)
    if found is None:
        raise stopped(
            404,
            field="disease_id",
            rule="病种须在本市病种目录中",
            remedy="请从病种列表中选择",
            message="本市病种目录中没有这个病种。",
        )
    return found


@router.get("/diseases")
async def cities_of_diseases(visit: Guest) -> Response:
    """The cities, to choose one."""
    return visit.render("choose_city.html", cities=cities(), heading="病种与所需材料", onward="/diseases/")


@router.get("/diseases/{region}")
async def diseases(visit: Guest, region: str, q: str = "") -> Response:
    """A city's diseases by group, with a search."""
    policy = policy_in_force(region)
    name = "diseases_part.html" if visit.swaps else "diseases.html"
    groups = grouped(policy, q[:50])
    return visit.render(name, policy=policy, groups=groups, q=q[:50], region=region, onward=f"/diseases/{region}/")


@router.get("/diseases/{region}/{disease_id}")
async def disease(visit: Guest, region: str, disease_id: str) -> Response:
    """The papers one disease needs, and what it is paid."""
    policy = policy_in_force(region)
    row = disease_of(policy, disease_id)
    asked = asked_of(policy, row, ApplicationKind.NEW)
    return visit.render(
        "disease.html", policy=policy, row=row, asked=asked, region=region, group=_group_zh(row) or "其他疾病"
    )


@router.get("/guide")
async def guide_cities(visit: Guest) -> Response:
    """The cities, to choose one."""
    return visit.render("choose_city.html", cities=cities(), heading="办理指南", onward="/guide/")


@router.get("/guide/{region}/form.pdf")
async def form(visit: Guest, region: str) -> Response:
    """The city's application form, blank, to be printed by anybody."""
    policy = policy_in_force(region)
    pdf = await asyncio.to_thread(_blank_pdf, region, policy.effective_from.value)
    return answer_file(visit.request, pdf, "application/pdf", "application-form.pdf")


@lru_cache(maxsize=64)
def _blank_pdf(region: str, on: date) -> bytes:
    # Anybody may ask as often as they like: a form of one version of a policy is set once.
    return render_form(blank_form(policy_for(region, on)))


@router.get("/guide/{region}")
async def guide(visit: Guest, region: str) -> Response:
    """How an application goes in a city: steps, limits and windows, from its policy."""
    return visit.render("guide.html", policy=policy_in_force(region), region=region)
