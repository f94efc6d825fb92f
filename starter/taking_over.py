"""Re-application: the still valid papers of an earlier case go into the new one, by their hashes."""

from datetime import date

from activities.contract import StartApplication
from domain.acceptance import parse_acceptance_number
from domain.moments import local_date
from domain.paper_rules import Standard
from domain.policy import PolicyError, RegionPolicy
from domain.refusal import Refused, refuse
from domain.taking_over import EarlierPapers, TakenOver, sort_papers
from domain.vocabulary import STATUS_ZH, Status
from starter.seeing import Visible
from storage.database import Database
from storage.earlier import EarlierCase, earlier_case
from storage.objects import ObjectStore
from storage.policies import policy_book, policy_for


async def take_over(
    database: Database, objects: ObjectStore, start: StartApplication, *, visible: Visible
) -> StartApplication:
    """Return the application with the papers it takes over; as it is where it asks for none.

    Raises `Refused` unless the earlier case is the person's own, of the same region, and closed or denied, and
    whoever hands in may see it: its papers would become those of a case they see.
    """
    if start.form.take_over is None:
        return start
    number = parse_acceptance_number(start.form.take_over)
    async with database.read() as connection:
        found = await earlier_case(connection, number)
    # One answer for both: who types another person's number learns nothing about it.
    if found is None or (found.person_key, found.region) != (start.person_key, start.form.region):
        raise _not_the_persons()
    if not await visible(number):
        raise _not_the_persons()
    if not found.closed and found.status is not Status.DENIED:
        raise _still_open(found.status)
    kept = {paper.sha256 for paper in found.papers if await objects.exists(paper.sha256)}
    same_disease = found.disease_id == start.form.disease_id
    earlier = EarlierPapers(found.papers, kept, _then(found), same_disease, found.originals_differed)
    taken, left = sort_papers(earlier, start.materials, _today(start))
    told = TakenOver(acceptance_no=number, taken=tuple(paper.kind for paper in taken), left=left)
    return start.model_copy(update={"materials": (*start.materials, *taken), "taken_over": told})


def _today(start: StartApplication) -> Standard | None:
    on = local_date(start.received_at)
    return _standard(policy_for(start.form.region, on), start.form.disease_id, on)


def _then(found: EarlierCase) -> Standard | None:
    on = local_date(found.received_at)
    book = policy_book()
    try:
        policy = book.version_of(found.region, found.policy_version)
    except PolicyError:
        policy = policy_for(found.region, on)
    return _standard(policy, found.disease_id, on)


def _standard(policy: RegionPolicy, disease_id: str, on: date) -> Standard | None:
    row = policy.disease(disease_id)
    return Standard(policy, row, on, "申请之日") if row else None


def _not_the_persons() -> Refused:
    return refuse(
        field="take_over",
        rule="只能接续本人在同一统筹区的案件",
        remedy="请核对原受理号，或者不填写该项、重新提交全部材料",
        message="没有本人可以接续的这一案件。",
    )


def _still_open(status: Status) -> Refused:
    return refuse(
        field="take_over",
        rule="只有已办结或者不予认定的案件，其材料可以接续到新的申请",
        remedy="请在原案中办理；需要另行申请的，请先撤回原案",
        message=f"原案尚未办结（{STATUS_ZH[status]}）。",
    )
