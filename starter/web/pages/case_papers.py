"""The papers of a case beside what is declared of them, and what the checklist finds in them."""

import re
from typing import NamedTuple

from activities.inspection import policy_of
from domain.access import Action
from domain.application import Material
from domain.checklist import Finding, basis_zh, check_materials, check_recheck_records, remark_zh
from domain.events import EventKind
from domain.moments import local_date
from domain.paper_rules import level_zh
from domain.vocabulary import ApplicationKind, Status
from starter.web.pages.casefile import CaseFile
from starter.web.pages.shell import Visit
from starter.web.pages.wording import city_zh, day
from storage.material_views import StoredMaterial, materials_of

_CITY_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
_LIVE = frozenset({Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED})


class PaperLine(NamedTuple):
    """One paper: its file, how it is framed, what was declared of it, and what the checklist says to its kind."""

    paper: StoredMaterial
    address: str
    frame: str
    rows: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


class Papers(NamedTuple):
    """All papers of a case; `missing` are findings about papers that are not there."""

    lines: tuple[PaperLine, ...]
    missing: tuple[Finding, ...]
    checked: bool

    @property
    def faulty(self) -> bool:
        """Whether one of them must be mended or another handed in for it."""
        return any(one.severity == "fault" for line in self.lines for one in line.findings)


async def papers_of(visit: Visit, opened: CaseFile) -> Papers:
    """Return the papers of an opened case; the look is noted."""
    visit.may(Action.READ_MATERIALS, opened.facts)
    async with visit.doors.database.read() as connection:
        stored = await materials_of(connection, opened.number)
    await visit.doors.accesses.record(actor=visit.me.reader, action="materials.list", acceptance_no=opened.number)
    found = _findings(opened, stored)
    there = {each.kind for each in stored}
    lines = [
        PaperLine(
            paper=each,
            address=f"/api/v1/applications/{opened.number}/materials/{each.sha256}",
            frame=_frame(opened.number, each),
            rows=_declared(each),
            findings=tuple(one for one in found or () if one.kind is each.kind and one.code != "missing"),
        )
        for each in stored
    ]
    missing = tuple(one for one in found or () if one.code == "missing" or one.kind not in there)
    return Papers(tuple(lines), missing, found is not None)


def _findings(opened: CaseFile, stored: tuple[StoredMaterial, ...]) -> tuple[Finding, ...] | None:
    """Judge the papers as the case itself does; None where no policy that still ships says how."""
    view = opened.view
    policy = policy_of(view.region, view.policy_version, local_date(view.received_at))
    disease = policy.disease(view.disease_id)
    if disease is None:
        return None
    papers: tuple[Material, ...] = stored
    started = [each.at for each in view.timeline if each.kind is EventKind.RECHECK_STARTED]
    if started and view.status in _LIVE:
        as_of_on = local_date(started[-1])
        return check_recheck_records(policy=policy, disease=disease, materials=papers, as_of_on=as_of_on)
    return check_materials(
        policy=policy,
        disease=disease,
        materials=papers,
        received_on=local_date(view.received_at),
        kind=ApplicationKind(view.kind),
    )


def _frame(number: str, paper: StoredMaterial) -> str:
    """Return what is shown in a page: a PDF by the browser's own viewer, a picture made to fit."""
    if paper.media_type == "application/pdf":
        return f"/api/v1/applications/{number}/materials/{paper.sha256}"
    return f"/cases/{number}/scans/{paper.sha256}"


def _declared(paper: StoredMaterial) -> tuple[tuple[str, str], ...]:
    level = level_zh(paper.hospital_level) if paper.hospital_level is not None else ""
    issued = paper.hospital_id is not None or paper.hospital_level is not None
    rows = (
        ("出具日期", day(paper.issued_on) if paper.issued_on else ""),
        ("诊断日期", day(paper.diagnosed_on) if paper.diagnosed_on else ""),
        ("出具医院", "，".join(each for each in (paper.hospital_id or "", level) if each)),
        ("盖章", "是" if paper.sealed else ("否" if issued else "")),
        ("签名", "是" if paper.signed else ""),
        ("提交", f"第 {paper.round} 轮补正" if paper.round else "随申请"),
    )
    return tuple((label, value) for label, value in rows if value)


def finding_basis(finding: Finding) -> str:
    """Return by which rule something is found, as an official reads it: with our remark where the city has none."""
    remark = remark_zh(finding.source)
    return _CITY_CODE.sub(lambda found: city_zh(found[0]), remark) if remark else basis_zh(finding.source)
