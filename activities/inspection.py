"""Judges a case's papers: each file by decoding it, then all of them by the city's checklist."""

import asyncio
from datetime import date
from weakref import WeakKeyDictionary

from activities.contract import Inspected, InspectMaterials
from activities.materials import judge_file
from domain.application import Material
from domain.checklist import Finding, check_materials, check_recheck_records, tell_in_full
from domain.policy import RegionPolicy
from domain.refusal import Refusal, Refused
from domain.vocabulary import MATERIAL_ZH, ApplicationKind
from storage.objects import NotStored, ObjectStore
from storage.policies import policy_book, policy_for

DECODED_AT_ONCE = 2
"""Files that lie in memory to be decoded, whatever a worker else has under way."""

_decoding: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def inspect(objects: ObjectStore, task: InspectMaterials, kind: ApplicationKind) -> Inspected:
    """Return the findings, the text that tells them, and the papers with what decoding found.

    The first paper whose file is not stored or does not decode makes the whole answer a refusal.
    """
    judged: list[Material] = []
    for position, paper in enumerate(task.materials):
        try:
            judged.append(await _judged(objects, paper, position))
        except Refused as error:
            return Inspected(findings=(), told="", materials=task.materials, refused=error.refusal)
    findings = _check(task, tuple(judged), kind)
    return Inspected(findings=findings, told=tell_in_full(findings), materials=tuple(judged))


async def _judged(objects: ObjectStore, paper: Material, position: int) -> Material:
    field = f"materials[{position}].sha256"
    async with _decoding.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(DECODED_AT_ONCE)):
        try:
            content = await objects.get(paper.sha256)
        except NotStored:
            raise Refused(_not_stored(field, MATERIAL_ZH[paper.kind])) from None
        facts = await asyncio.to_thread(judge_file, content, kind=paper.kind, field=field)
    return paper.model_copy(update=facts.model_dump())


def _not_stored(field: str, name: str) -> Refusal:
    return Refusal(
        field=field,
        rule="材料须先上传，再按上传后得到的内容摘要提交",
        remedy=f"请上传“{name}”后重新提交",
        message=f"“{name}”的文件尚未上传。",
    )


def policy_of(region: str, version: str, on: date) -> RegionPolicy:
    """Return the policy a case is judged by: the version it was accepted under, while that version still ships."""
    versions = {each.version: each for each in policy_book().policies if each.region == region}
    return versions.get(version) or policy_for(region, on)


def _check(task: InspectMaterials, papers: tuple[Material, ...], kind: ApplicationKind) -> tuple[Finding, ...]:
    policy = policy_of(task.region, task.policy_version, task.received_on)
    disease = policy.disease(task.disease_id)
    if disease is None:
        return ()
    if task.recheck:
        return check_recheck_records(policy=policy, disease=disease, materials=papers, as_of_on=task.received_on)
    return check_materials(policy=policy, disease=disease, materials=papers, received_on=task.received_on, kind=kind)
