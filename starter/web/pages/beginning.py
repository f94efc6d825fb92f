"""Beginning an application: a draft there is, or a city, a disease and what is applied for."""

from collections.abc import Iterable

from fastapi.responses import Response

from domain.roles import Role
from domain.vocabulary import ApplicationKind
from starter.web.api.reference import policy_in_force
from starter.web.pages.counter_hours import told_while_closed
from starter.web.pages.drafting import Content, Written, begun, open_drafts
from starter.web.pages.fields import FieldError
from starter.web.pages.guides import disease_of, grouped
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.wording import cities
from storage.drafts import Purpose

router = page_router("/apply")
KINDS = (
    ("new", "新申请", "第一次申请这个病种"),
    ("renewal", "续期", "资格快到期或刚到期，继续申请同一病种"),
    ("change", "变更", "已有资格，因病情变化、增加或更换病种而申请"),
)


def _applying(visit: Visit) -> None:
    visit.need(Role.APPLICANT, Role.COUNTER)


@router.get("")
async def begin(visit: Known) -> Response:
    """Choose a city, or go on with a draft."""
    _applying(visit)
    kept = _listed(visit, await open_drafts(visit))
    open_to = [each for each in cities() if visit.role is Role.APPLICANT or each.region in visit.me.regions]
    if len(open_to) == 1 and not kept:
        return visit.go(f"/apply/new/{open_to[0].region}")
    closed = await told_while_closed(visit, open_to[0].region) if open_to else ""
    return visit.render("apply_begin.html", cities=open_to, drafts=kept, closed=closed)


def _listed(visit: Visit, drafts: Iterable[Written]) -> list[Written]:
    """Return what there is to go on with. A clerk has no other list of drafts: supplies stand here as well."""
    return [
        each
        for each in drafts
        if each.draft.purpose is Purpose.APPLY or (visit.role is Role.COUNTER and not each.draft.is_empty)
    ]


@router.get("/new/{region}")
async def choose_disease(visit: Known, region: str, q: str = "") -> Response:
    """Choose a disease, by group or by a word."""
    _applying(visit)
    policy = policy_in_force(region)
    name, onward = "diseases_part.html" if visit.swaps else "apply_disease.html", f"/apply/new/{region}/"
    closed = await told_while_closed(visit, region)
    q, groups = q[:50], grouped(policy, q[:50])
    return visit.render(name, policy=policy, groups=groups, q=q, region=region, onward=onward, closed=closed)


@router.get("/new/{region}/{disease_id}")
async def choose_kind(visit: Known, region: str, disease_id: str) -> Response:
    """Choose what is applied for, and begin to write."""
    _applying(visit)
    policy = policy_in_force(region)
    return visit.render(
        "apply_kind.html", policy=policy, row=disease_of(policy, disease_id), kinds=KINDS, region=region
    )


@router.post("/new/{region}/{disease_id}")
async def begin_writing(visit: Known, region: str, disease_id: str) -> Response:
    """Make the draft."""
    _applying(visit)
    policy = policy_in_force(region)
    row = disease_of(policy, disease_id)
    kind = visit.fields.text("kind")
    if kind not in set(ApplicationKind):
        error = FieldError("kind", "没有选择申请类型。", "请选择其中一项")
        return visit.render("apply_kind.html", policy=policy, row=row, kinds=KINDS, region=region, errors=[error])
    content = Content(region=region, disease_id=row.id, kind=ApplicationKind(kind))
    made = await begun(visit, Purpose.APPLY, content)
    return visit.go(f"/apply/{made}/person")
