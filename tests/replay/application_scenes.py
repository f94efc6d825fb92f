"""Scenes of applications: every way one ends, what it waits for, and messages it refuses."""

import asyncio

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue

from domain.commands import Appeal, Correct, Extend, GiveVerdict, RaiseObjection, Recuse, RuleObjection, Withdraw
from domain.vocabulary import InsuredState, MaterialKind, Status
from starter.client import new_command_id
from tests.replay.case_moves import (
    CHANNEL,
    DENY,
    DIABETES,
    GRANT,
    HAEMOPHILIA,
    HEART,
    HIGH_PRESSURE,
    HYPERTENSION,
    INCOMPLETE,
    MORE,
    OFFICER,
    TUMOUR,
    insured_as,
    published,
)
from tests.replay.stage import Stage

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
    await stage.keep("application-not-accepted-duplicate-told", number)


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
    number = await published(stage, HAEMOPHILIA)
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
    await insured_as(stage, number, InsuredState.LAPSED)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.DENIED)
    await stage.past_due(number)
    await stage.keep("application-denied-uninsured", number)


async def objected(stage: Stage) -> None:
    """An objection is dismissed, publicity runs on, the benefit takes effect."""
    number = await published(stage, HIGH_PRESSURE)
    await stage.keep("application-open-publicity", number)
    await _object(stage, number)
    await stage.keep("application-open-objected", number)
    await _rule(stage, number, upheld=False)
    await stage.until(number, Status.PUBLICITY)
    await stage.past_due(number)
    await stage.keep("application-granted-after-objection", number)


async def objection_upheld(stage: Stage) -> None:
    """An objection is upheld, but late: reported, then denied."""
    number = await published(stage, HIGH_PRESSURE)
    await _object(stage, number)
    await stage.past_due(number)
    await _rule(stage, number, upheld=True)
    await stage.until(number, Status.DENIED)
    await stage.past_due(number)
    await stage.keep("application-denied-objection-upheld", number)


async def certified_anew(stage: Stage) -> None:
    """An upheld objection revokes the certificate; the denial is corrected, and another one is issued."""
    number = await published(stage, HIGH_PRESSURE)
    await _object(stage, number)
    await _rule(stage, number, upheld=True)
    await stage.until(number, Status.DENIED)
    await stage.send(number, Correct, actor=OFFICER, what="denial", reason="异议不实")
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-certified-anew", number)


async def found_long_ago(stage: Stage) -> None:
    """The benefit counts from a report of years ago, and would be over if its validity did too."""

    def of_years_ago(raw: dict[str, object]) -> None:
        papers = raw["materials"]
        assert isinstance(papers, list)
        for paper in papers:
            if paper["kind"] == MaterialKind.PATHOLOGY_REPORT:
                paper["issued_on"] = "2023-05-01"

    number = await stage.apply(TUMOUR, edit=of_years_ago)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.PUBLICITY)
    await stage.past_due(number)
    await stage.keep("application-granted-found-long-ago", number)


async def _object(stage: Stage, number: str) -> None:
    await stage.send(number, RaiseObjection, actor=CHANNEL, by="来信", reason="请核查")
    await stage.until(number, Status.OBJECTED)


async def _rule(stage: Stage, number: str, *, upheld: bool) -> None:
    await stage.send(number, RuleObjection, actor=OFFICER, objection_id="O1", upheld=upheld, reason="经核查")


async def too_many_diseases(stage: Stage) -> None:
    """The third disease of one person in Jiuquan is refused in the granting transaction."""
    numbers = [await published(stage, each, seed=9003) for each in (HAEMOPHILIA, HEART, HIGH_PRESSURE)]
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
