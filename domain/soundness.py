"""What a command must say to be carried out: rules that came after 0.3.0, in one place for all who ask.

The models of `domain.commands` stay as wide as they were, since histories are read by them. Every door asks
`judge_said` before a command goes out; the case asks `judge_soundness`, of an update before it is taken, and of
whatever came otherwise behind the patch `sound-commands`.
"""

from datetime import date, datetime

from domain.case import CaseState
from domain.clock import GROUND_ZH, Ground
from domain.commands import (
    Appeal,
    ChangeContact,
    ChangeHospital,
    Command,
    Correct,
    EndOffregion,
    Extend,
    FileOffregion,
    GiveVerdict,
    RaiseObjection,
    Recuse,
    RuleObjection,
)
from domain.mail_address import judge_mail_address
from domain.moments import local_date
from domain.offregion import judge_beginning, judge_place
from domain.phone_number import judge_phone
from domain.refusal import Refusal, Refused
from domain.worded import judge_label, judge_words

MOST_HOSPITAL_ID = 64


def check_said(command: Command, *, region: str) -> None:
    """Raise `Refused` where `judge_said` has a reason; asked at the doors, which do not know the case's own day."""
    refusal = judge_said(command, region=region, today=None)
    if refusal is not None:
        raise Refused(refusal)


def judge_soundness(state: CaseState, command: Command, now: datetime) -> Refusal | None:
    """Return why a case as it stands cannot carry out what `domain.judging.judge` has nothing against, or None."""
    return judge_said(command, region=state.region, today=local_date(now)) or _judge_standing(state, command)


def judge_said(command: Command, *, region: str, today: date | None) -> Refusal | None:
    """Return why what a command says can be carried out in no case of a region, or None.

    `today` None leaves out what depends on the day: the clock of a case may be ahead of a door's.
    """
    match command:
        case GiveVerdict() | Recuse() | RuleObjection() | Correct():
            return judge_words(command.reason, field="reason", name="理由")
        case Appeal():
            return judge_words(command.reason, field="reason", name="申诉理由")
        case Extend():
            return judge_words(command.ground, field="ground", name="延长的说明")
        case RaiseObjection():
            by = judge_words(command.by, field="by", name="异议提出者")
            return by or judge_words(command.reason, field="reason", name="异议内容")
        case ChangeHospital():
            return judge_label(command.hospital_id, field="hospital_id", name="医院编号", most=MOST_HOSPITAL_ID)
        case ChangeContact():
            return _judge_contact(command)
        case FileOffregion():
            place = judge_place(command.region, home=region, field="region")
            return place or judge_beginning(command.from_on, field="from_on", today=today)
        case _:
            return None


def _judge_contact(command: ChangeContact) -> Refusal | None:
    """Hold a new phone number or address to what an application must say."""
    refusal = judge_phone(command.phone, field="phone") if command.phone else None
    if refusal is None and command.email:
        refusal = judge_mail_address(command.email, field="email")
    return refusal


def _judge_standing(state: CaseState, command: Command) -> Refusal | None:
    match command:
        case EndOffregion() if state.offregion is None:
            return Refusal(
                field="status",
                rule="终止异地备案，须有正在登记的异地备案",
                remedy="无需终止；需要在异地就医的，请先以 file_offregion 备案",
                message="本案没有登记异地备案。",
            )
        case Extend():
            return _judge_extension(state, command)
        case _:
            return None


def _judge_extension(state: CaseState, command: Extend) -> Refusal | None:
    if state.ledger is None or state.rules is None:
        return None
    ground, most = Ground(command.legal_ground), state.rules.extensions
    times = sum(each.ground is ground for each in state.ledger.extensions)
    if times < most:
        return None
    if most == 0:
        rule, message = "本市不延长办理期限", "办理期限不能延长。"
    else:
        rule = f"同一办理期限，以同一法定事由最多延长 {most} 次"
        message = f"本期限以“{GROUND_ZH[ground]}”为由已延长 {times} 次，不能再延长。"
    return Refusal(
        field="legal_ground",
        rule=rule,
        remedy="请在现有期限内办结；逾期仍可作出决定，超期会如实记录",
        message=message,
    )
