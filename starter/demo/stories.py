"""The stories `make demo` plays and the tests assert: six lives of an application on a real server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from domain.commands import Appeal, RaiseObjection, RuleObjection
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.demo.moves import apply_story, send, skip, skip_past, supply_from, until, until_status, verdicts

GRANT, DENY = Decision.GRANT, Decision.DENY
PANZHIHUA = "channel:panzhihua-app"
JIUQUAN = "channel:gansu-web"


@dataclass(frozen=True)
class Story:
    """One life: what happens, and the function that makes it happen and returns the acceptance number."""

    title: str
    sample: str
    play: Callable[[Mente, Path], Awaitable[str]]


async def granted_after_one_supplement_and_rechecked(mente: Mente, folder: Path) -> str:
    """Incomplete, told once, supplied, two of three grant, effective; the yearly recheck passes."""
    applied, story = await apply_story(mente, "panzhihua-diabetes", folder)
    number = applied.acceptance_no
    await until_status(mente, number, Status.SUPPLEMENT)
    await supply_from(mente, number, story.supplement, actor=PANZHIHUA)
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, DENY, GRANT)
    await until_recheck(mente, number)
    await supply_from(mente, number, story.recheck, actor=PANZHIHUA)
    await until_seated(mente, number)
    await verdicts(mente, number, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def granted_against_an_objection_then_recheck_missed(mente: Mente, folder: Path) -> str:
    """Complete, granted, published, an objection dismissed, effective; recheck missed, suspended, ended."""
    applied, _ = await apply_story(mente, "jiuquan-lung-cancer", folder)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.PUBLICITY)
    await send(mente, number, RaiseObjection, actor=JIUQUAN, by="公示期来信", reason="反映申请人未在该院就诊")
    await until_status(mente, number, Status.OBJECTED)
    await send(
        mente,
        number,
        RuleObjection,
        actor="officer:JQ01",
        objection_id="O1",
        upheld=False,
        reason="经向就诊医院核实，异议不成立",
    )
    status = await until_status(mente, number, Status.PUBLICITY)
    await skip_past(mente, number, status.due)
    await until_recheck(mente, number)
    await skip_past(mente, number, (await mente.status(number)).due)
    status = await until_status(mente, number, Status.SUSPENDED)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.ENDED)
    return number


async def denied_and_granted_on_appeal(mente: Mente, folder: Path) -> str:
    """Two of three deny; the appeal goes to other experts, who grant."""
    applied, _ = await apply_story(mente, "panzhihua-hypertension-denied", folder)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, DENY, GRANT, DENY)
    await until_status(mente, number, Status.DENIED)
    await send(mente, number, Appeal, actor=PANZHIHUA, reason="补充说明：近期复查血压仍持续升高，请求重新评审")
    await until_seated(mente, number)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def silent_experts_and_a_breach(mente: Mente, folder: Path) -> str:
    """Experts are reminded and replaced; the limit passes, once recorded; the case still ends well."""
    applied, _ = await apply_story(mente, "jiuquan-diabetes-silent-experts", folder)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    # Three silent experts are reminded after 3 working days and replaced after 5; then only one stays silent.
    await skip(mente, number, 10)
    await verdicts(mente, number, GRANT, GRANT)
    status = await mente.status(number)
    assert status.limit is not None, "the clock runs in review"
    await skip_past(mente, number, status.limit.due)
    await verdicts(mente, number, GRANT)
    status = await until_status(mente, number, Status.PUBLICITY)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def not_accepted_for_arrears(mente: Mente, folder: Path) -> str:
    """The registry reports arrears: not accepted, with the reason."""
    applied, _ = await apply_story(mente, "panzhihua-arrears", folder)
    await until_status(mente, applied.acceptance_no, Status.NOT_ACCEPTED)
    return applied.acceptance_no


async def lapsed_for_want_of_papers(mente: Mente, folder: Path) -> str:
    """Told what is missing, reminded, nothing comes: the application counts as withdrawn."""
    applied, _ = await apply_story(mente, "panzhihua-lapsed", folder)
    number = applied.acceptance_no
    status = await until_status(mente, number, Status.SUPPLEMENT)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.LAPSED)
    return number


async def until_recheck(mente: Mente, number: str) -> None:
    """Let an entitlement live until its recheck has begun."""
    status = await until_status(mente, number, Status.EFFECTIVE)
    await skip_past(mente, number, status.due)
    await until_status(mente, number, Status.RECHECK)


async def until_seated(mente: Mente, number: str) -> None:
    """Wait until the panel that is being called has its seats."""

    async def seated() -> bool:
        status = await mente.status(number)
        return status.waiting_on == "expert" and any(seat.state == "assigned" for seat in status.panel)

    await until(seated)


STORIES: tuple[Story, ...] = (
    Story(
        "攀枝花·糖尿病：一次补正，三名专家两名同意，生效，年度复核通过",
        "panzhihua-diabetes",
        granted_after_one_supplement_and_rechecked,
    ),
    Story(
        "酒泉·肺癌：材料齐全，通过并公示，异议不成立，生效；逾期未复核，暂停后终止",
        "jiuquan-lung-cancer",
        granted_against_an_objection_then_recheck_missed,
    ),
    Story(
        "攀枝花·高血压：不予认定，申诉后由另一组专家认定",
        "panzhihua-hypertension-denied",
        denied_and_granted_on_appeal,
    ),
    Story(
        "酒泉·糖尿病：专家逾期，催办、更换；超过办理时限记录一次，案件仍正常办结",
        "jiuquan-diabetes-silent-experts",
        silent_experts_and_a_breach,
    ),
    Story("攀枝花·欠费：不予受理并说明理由", "panzhihua-arrears", not_accepted_for_arrears),
    Story("攀枝花·逾期未补正：视为撤回", "panzhihua-lapsed", lapsed_for_want_of_papers),
)
