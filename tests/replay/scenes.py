"""The scenes recorded histories come from. One function is one life; a scene keeps what it reaches on the way."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue

from activities.notice_contract import NoticeState
from activities.notices.outcomes import Postponed, TurnedDown
from activities.succeeding import supersede
from domain.commands import (
    Appeal,
    ChangeContact,
    ChangeHospital,
    Correct,
    EndEntitlement,
    EndOffregion,
    Extend,
    FileOffregion,
    GiveVerdict,
    InsuredChanged,
    RaiseObjection,
    Recuse,
    RuleObjection,
    Withdraw,
)
from domain.moments import local_date
from domain.vocabulary import Decision, InsuredState, MaterialKind, Status
from starter.client import new_command_id
from starter.skipping import now_of
from tests.replay.calendar_scenes import notice_comes, notice_moves_a_recheck
from tests.replay.delivery_scenes import counted_from_delivery
from tests.replay.import_scenes import imported, imported_too_late
from tests.replay.originals_scenes import counter, originals, originals_differ, originals_never_seen
from tests.replay.stage import Edit, Stage
from tests.replay.succession_scenes import renewal, swap, unfit
from tests.replay.telling_scenes import telling

GRANT, DENY, MORE = Decision.GRANT, Decision.DENY, Decision.MORE_EVIDENCE
CHANNEL, OFFICER = "channel:back-end", "officer:O01"

HYPERTENSION, DIABETES = "510400-001", "510400-003"
"""Panzhihua: no publicity; the second asks for records at its recheck."""
HAEMOPHILIA, HEART, HIGH_PRESSURE = "620900-001", "620900-014", "620900-011"
"""Jiuquan: publicity; the second is granted for three years."""
NATIONAL_ONLY = "M00100"


async def arrears(stage: Stage) -> None:
    """The registry reports arrears."""
    number = await stage.apply(DIABETES, insured=InsuredState.ARREARS)
    await stage.keep("application-not-accepted-arrears", number)


async def not_listed(stage: Stage) -> None:
    """The disease is known nationally but not listed here."""
    number = await stage.apply(HYPERTENSION, edit=lambda raw: raw.update(disease_id=NATIONAL_ONLY))
    await stage.keep("application-not-accepted-not-listed", number)


async def duplicate(stage: Stage) -> None:
    """Two back ends hand in the same person and disease at once."""
    await stage.apply(HYPERTENSION, seed=9001)
    number = await stage.apply(HYPERTENSION, seed=9001, edit=lambda raw: raw.update(request_id="R-9001-again"))
    await stage.keep("application-not-accepted-duplicate", number)


def without(*kinds: MaterialKind) -> Edit:
    """Return an edit that leaves papers out."""

    def edit(raw: dict[str, object]) -> None:
        papers = raw["materials"]
        assert isinstance(papers, list)
        raw["materials"] = [paper for paper in papers if paper["kind"] not in kinds]

    return edit


INCOMPLETE = without(MaterialKind.GLUCOSE_RECORD, MaterialKind.LABORATORY_REPORT)


async def lapsed(stage: Stage) -> None:
    """Told what is missing, reminded, nothing comes."""
    number = await stage.apply(DIABETES, edit=INCOMPLETE)
    await stage.until(number, Status.SUPPLEMENT)
    await stage.keep("application-open-supplement", number)
    await stage.past_due(number)
    await stage.keep("application-lapsed", number)


async def withdrawn(stage: Stage) -> None:
    """Taken back while the experts read."""
    number = await stage.apply(HYPERTENSION)
    await stage.until(number, Status.REVIEW)
    await stage.verdicts(number, GRANT)
    await stage.keep("application-open-review", number)
    await stage.send(number, Withdraw, actor=CHANNEL, reason="不再申请")
    await stage.keep("application-withdrawn-in-review", number)


async def withdrawn_in_publicity(stage: Stage) -> None:
    """Taken back after the decision."""
    number = await _published(stage, HAEMOPHILIA)
    await stage.send(number, Withdraw, actor=CHANNEL)
    await stage.keep("application-withdrawn-in-publicity", number)


async def denied(stage: Stage) -> None:
    """Denied, and nobody appeals."""
    number = await _denied(stage)
    await stage.keep("application-open-denied", number)
    await stage.past_due(number)
    await stage.keep("application-denied-window-over", number)


async def _denied(stage: Stage) -> str:
    number = await stage.apply(HYPERTENSION)
    await stage.verdicts(number, DENY, GRANT, DENY)
    await stage.until(number, Status.DENIED)
    return number


async def appeal_lost(stage: Stage) -> None:
    """The second panel denies as well."""
    number = await _appealing(stage)
    await stage.keep("application-open-appealing", number)
    await stage.verdicts(number, DENY, DENY, DENY)
    await stage.keep("application-denied-on-appeal", number)


async def appeal_won(stage: Stage) -> None:
    """The second panel grants."""
    number = await _appealing(stage)
    await stage.verdicts(number, GRANT, GRANT, DENY)
    await stage.keep("application-granted-on-appeal", number)


async def _appealing(stage: Stage) -> str:
    number = await _denied(stage)
    await stage.send(number, Appeal, actor=CHANNEL, reason="请求重新评审")
    await stage.until(number, Status.APPEALING)
    return number


async def corrected_denial(stage: Stage) -> None:
    """An officer corrects a denial; the grant is corrected away again."""
    number = await _denied(stage)
    await stage.send(number, Correct, actor=OFFICER, what="denial", reason="录入有误")
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-by-correction", number)
    await stage.send(number, Correct, actor=OFFICER, what="grant", reason="更正有误")
    await stage.keep("entitlement-ended-by-correction", number, run=1)


async def uninsured_before_decision(stage: Stage) -> None:
    """The registry reports lapsed insurance while the experts read: the grant becomes a denial."""
    number = await stage.apply(HYPERTENSION)
    await stage.until(number, Status.REVIEW)
    await _insured(stage, number, InsuredState.LAPSED)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.DENIED)
    await stage.past_due(number)
    await stage.keep("application-denied-uninsured", number)


async def _insured(stage: Stage, number: str, state: InsuredState) -> None:
    on = local_date(await now_of(stage.mente.client, number))
    await stage.send(number, InsuredChanged, actor="registry:R1", state=state, as_of_on=on)


async def objected(stage: Stage) -> None:
    """An objection is dismissed, publicity runs on, the benefit takes effect."""
    number = await _published(stage, HIGH_PRESSURE)
    await stage.keep("application-open-publicity", number)
    await _object(stage, number)
    await stage.keep("application-open-objected", number)
    await _rule(stage, number, upheld=False)
    await stage.until(number, Status.PUBLICITY)
    await stage.past_due(number)
    await stage.keep("application-granted-after-objection", number)


async def objection_upheld(stage: Stage) -> None:
    """An objection is upheld, but late: reported, then denied."""
    number = await _published(stage, HIGH_PRESSURE)
    await _object(stage, number)
    await stage.past_due(number)
    await _rule(stage, number, upheld=True)
    await stage.until(number, Status.DENIED)
    await stage.past_due(number)
    await stage.keep("application-denied-objection-upheld", number)


async def _published(stage: Stage, disease_id: str, *, seed: int | None = None) -> str:
    number = await stage.apply(disease_id, seed=seed)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.PUBLICITY)
    return number


async def _object(stage: Stage, number: str) -> None:
    await stage.send(number, RaiseObjection, actor=CHANNEL, by="来信", reason="请核查")
    await stage.until(number, Status.OBJECTED)


async def _rule(stage: Stage, number: str, *, upheld: bool) -> None:
    await stage.send(number, RuleObjection, actor=OFFICER, objection_id="O1", upheld=upheld, reason="经核查")


async def too_many_diseases(stage: Stage) -> None:
    """The third disease of one person in Jiuquan is refused in the granting transaction."""
    numbers = [await _published(stage, each, seed=9003) for each in (HAEMOPHILIA, HEART, HIGH_PRESSURE)]
    for number in numbers[:2]:
        await stage.past_due(number)
        await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-after-publicity", numbers[0])
    await stage.past_due(numbers[2])
    await stage.until(numbers[2], Status.DENIED)
    await stage.past_due(numbers[2])
    await stage.keep("application-denied-too-many-diseases", numbers[2])


async def more_evidence(stage: Stage) -> None:
    """The panel asks for more, gets it, and grants."""
    number = await stage.apply(DIABETES)
    await stage.until(number, Status.REVIEW)
    await stage.verdicts(number, MORE, MORE, GRANT)
    await stage.until(number, Status.SUPPLEMENT)
    await stage.supply(number, "laboratory_report")
    await stage.until(number, Status.REVIEW)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.keep("application-granted-after-more-evidence", number)


async def tie_and_recusal(stage: Stage) -> None:
    """One expert steps down, the others disagree three ways, a fourth decides; the limit is extended."""
    number = await stage.apply(HYPERTENSION)
    await stage.seated(number)
    await stage.send(number, Extend, actor=OFFICER, working_days=5, ground="需会诊")
    expert = (await stage.mente.status(number)).panel[0].expert
    await stage.send(number, Recuse, actor=f"expert:{expert}", reason="与申请人相识")
    await stage.verdicts(number, GRANT, DENY, MORE)
    await stage.verdicts(number, GRANT)
    await stage.keep("application-granted-after-tie-and-recusal", number)


async def silent_experts(stage: Stage) -> None:
    """Experts are reminded and replaced, the limit is warned of and passed; no supervisor is on file."""
    number = await stage.apply(HYPERTENSION)
    await stage.until(number, Status.REVIEW)
    await stage.skip(number, 10)
    await stage.verdicts(number, GRANT, GRANT)
    await stage.past_due(number)
    await stage.verdicts(number, GRANT)
    await stage.keep("application-granted-after-breach", number)
    await stage.keep_notice("notice-skipped", number, "breach_report")


async def messages_refused(stage: Stage) -> None:
    """Whatever arrives, the case lives on: unknown, empty, doubled, unreadable, plain, late; and a cancel."""
    number = await stage.apply(HYPERTENSION)
    await stage.seated(number)
    handle, expert = stage.mente.handle(number), (await stage.mente.status(number)).panel[0].expert
    verdict = {
        "command_id": "plain-1",
        "actor": f"expert:{expert}",
        "decision": "grant",
        "reason": "明文消息",
    }
    await handle.signal("give_verdikt", verdict)
    await handle.signal("give_verdict")
    await handle.signal("give_verdict", args=[verdict, verdict])
    sealed = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"9999-lost"}, data=bytes(40))
    await handle.signal("give_verdict", RawValue(sealed))
    await handle.signal("appeal", {"command_id": "early-1", "actor": CHANNEL, "reason": "过早"})
    plain = await Client.connect(stage.running.endpoints.temporal, namespace=stage.running.endpoints.namespace)
    await plain.get_workflow_handle(number).signal("give_verdict", verdict)
    await handle.cancel()
    await stage.until(number, Status.REVIEW)
    command = GiveVerdict.model_validate(verdict | {"command_id": new_command_id(), "reason": "重复"})
    await stage.mente.signal(number, command)
    await asyncio.sleep(0.3)
    await stage.keep("application-open-messages-refused", number)


async def nonsense_refused(stage: Stage) -> None:
    """What says nothing, or names nobody who can be reached, comes past every door and is refused by the case."""
    number = await stage.apply(HYPERTENSION)
    await stage.seated(number)
    handle, expert = stage.mente.handle(number), (await stage.mente.status(number)).panel[0].expert
    nonsense: tuple[tuple[str, dict[str, object]], ...] = (
        ("give_verdict", {"actor": f"expert:{expert}", "decision": "deny", "reason": " "}),
        ("change_contact", {"actor": CHANNEL, "phone": "10000000000"}),
    )
    for name, fields in nonsense:
        await handle.signal(name, {"command_id": new_command_id(), **fields})
    await stage.send(number, Extend, actor=OFFICER, working_days=5, ground="需会诊")
    await handle.signal(
        "extend", {"command_id": new_command_id(), "actor": OFFICER, "working_days": 60, "ground": "再延长"}
    )
    await stage.until(number, Status.REVIEW)
    await stage.keep("application-open-nonsense-refused", number)


async def quiet_years(stage: Stage) -> None:
    """Granted, rechecked by asking the registry alone, and in its second year."""
    number = await _granted(stage, HYPERTENSION)
    await stage.keep("application-granted", number)
    await stage.past_due(number)
    await stage.keep("entitlement-passed-quietly", number, run=1)
    await stage.keep("entitlement-open-effective", number, run=2)


async def _granted(stage: Stage, disease_id: str) -> str:
    number = await stage.apply(disease_id)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    return number


async def with_records(stage: Stage) -> None:
    """Incomplete, supplied, granted; at the recheck the records are asked for, judged and passed."""
    number = await stage.apply(DIABETES, edit=INCOMPLETE)
    await stage.until(number, Status.SUPPLEMENT)
    await stage.supply(number, "glucose_record", "laboratory_report")
    await stage.until(number, Status.REVIEW)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-after-supplement", number)
    await _recheck(stage, number)
    await stage.keep("entitlement-open-recheck", number, run=1)
    await stage.supply_records(number)
    await stage.verdicts(number, GRANT)
    await stage.keep("entitlement-passed-with-records", number, run=1)


async def _recheck(stage: Stage, number: str) -> None:
    await stage.past_due(number)
    await stage.until(number, Status.RECHECK)


async def recheck_missed(stage: Stage) -> None:
    """Nothing comes: suspended, and 30 days later ended."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.past_due(number)
    await stage.until(number, Status.SUSPENDED)
    await stage.keep("entitlement-open-suspended", number, run=1)
    await stage.past_due(number)
    await stage.keep("entitlement-ended-recheck-missed", number, run=1)


async def recheck_late(stage: Stage) -> None:
    """The records come while the benefit is suspended: resumed, judged, passed."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.past_due(number)
    await stage.until(number, Status.SUSPENDED)
    await stage.supply_records(number)
    await stage.verdicts(number, GRANT)
    await stage.keep("entitlement-passed-after-suspension", number, run=1)


async def recheck_failed(stage: Stage) -> None:
    """The expert denies: the benefit ends with the month."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.supply_records(number)
    await stage.verdicts(number, DENY)
    await stage.until(number, Status.RECHECK)
    await stage.keep("entitlement-open-failed", number, run=1)
    await stage.skip(number, 32)
    await stage.keep("entitlement-ended-recheck-failed", number, run=1)


async def uninsured_months(stage: Stage) -> None:
    """Insurance lapses and comes back."""
    number = await _granted(stage, HYPERTENSION)
    await stage.skip(number, 90)
    await _insured(stage, number, InsuredState.LAPSED)
    await stage.until(number, Status.SUSPENDED)
    await stage.keep("entitlement-open-uninsured", number, run=1)
    await stage.skip(number, 60)
    await _insured(stage, number, InsuredState.NORMAL)
    await stage.until(number, Status.EFFECTIVE)
    await stage.past_due(number)
    await stage.keep("entitlement-passed-after-uninsured-months", number, run=1)


async def ended_by_order(stage: Stage) -> None:
    """Everything a person may change in a year, then an officer ends the benefit."""
    number = await _granted(stage, HYPERTENSION)
    await stage.send(number, ChangeHospital, actor=CHANNEL, hospital_id="H510400-03")
    await stage.send(number, FileOffregion, actor=CHANNEL, region="620900", from_on="2026-12-01")
    await stage.send(number, EndOffregion, actor=CHANNEL)
    await stage.send(number, ChangeContact, actor=CHANNEL, phone="13800009999")
    await stage.skip(number, 30)
    await stage.send(number, EndEntitlement, actor=OFFICER, ground="moved_out")
    await stage.keep("entitlement-ended-by-order", number, run=1)


async def superseded(stage: Stage) -> None:
    """Another case takes this one's place."""
    number = await _granted(stage, HYPERTENSION)
    # As the grant of that case would: a channel may only name one that was granted.
    await supersede(stage.mente.client, number, by="510400-0000-0000-0000-0", from_on=None)
    await stage.keep("entitlement-superseded", number, run=1)


async def expired(stage: Stage) -> None:
    """Granted for three years: two quiet rechecks, then the validity is over."""
    number = await _published(stage, HEART)
    await stage.past_due(number)
    await stage.until(number, Status.EFFECTIVE)
    while (await stage.mente.status(number)).status is Status.EFFECTIVE:
        await stage.past_due(number)
    await stage.keep("entitlement-ended-expired", number, run=-1)


def _mute(raw: dict[str, object]) -> None:
    raw["email"] = None


def _told(stage: Stage, answer: NoticeState | Exception) -> Edit:
    """Return an arrangement: no mail address, and the gateway answers so."""

    def arrange(applicant: dict[str, object]) -> None:
        _mute(applicant)
        stage.sms.arranged[str(applicant["phone"])] = answer

    return arrange


async def notices(stage: Stage) -> None:
    """One notice for each thing a provider may do."""
    sent = await stage.apply(HYPERTENSION)
    await stage.keep_notice("notice-sent", sent, "accepted")
    delivered = await stage.apply(HYPERTENSION, arrange=_told(stage, NoticeState.DELIVERED))
    await stage.keep_notice("notice-delivered", delivered, "accepted")
    failed = await stage.apply(HYPERTENSION, arrange=_told(stage, TurnedDown("sms-refused")))
    await stage.keep_notice("notice-failed", failed, "accepted")
    waiting = await stage.apply(HYPERTENSION, arrange=_told(stage, Postponed("sms-later")))
    await stage.keep_notice("notice-open-waiting", waiting, "accepted")
    await stage.keep_notice("notice-given-up", waiting, "accepted", give_up=True)


async def notice_unknown(stage: Stage) -> None:
    """The gateway refuses, and the mail server is lost after the letter."""

    def arrange(applicant: dict[str, object]) -> None:
        stage.sms.arranged[str(applicant["phone"])] = TurnedDown("sms-refused")
        stage.mail.lost.add(str(applicant["email"]))

    number = await stage.apply(HYPERTENSION, arrange=arrange)
    await stage.keep_notice("notice-unknown", number, "accepted")


SCENES: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    notice_moves_a_recheck,
    notice_comes,
    counted_from_delivery,
    telling,
    renewal,
    swap,
    unfit,
    originals,
    originals_never_seen,
    originals_differ,
    counter,
    imported,
    imported_too_late,
    expired,
    too_many_diseases,
    notices,
    recheck_missed,
    recheck_late,
    recheck_failed,
    with_records,
    uninsured_months,
    quiet_years,
    ended_by_order,
    superseded,
    objected,
    objection_upheld,
    silent_experts,
    more_evidence,
    tie_and_recusal,
    messages_refused,
    appeal_lost,
    appeal_won,
    corrected_denial,
    uninsured_before_decision,
    denied,
    withdrawn,
    withdrawn_in_publicity,
    lapsed,
    duplicate,
    not_listed,
    arrears,
    notice_unknown,
    nonsense_refused,
)
"""The longest first, so that none is left to run alone at the end."""
