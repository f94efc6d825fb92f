"""Every message a case understands. A command arrives as an update or as a signal of the same name.

Senders repeat a command safely with the same `command_id`. Texts are bounded so that no message can bloat a
history. Fields are only ever added, with a default (payloads outlive releases by years), and for the same reason no
model is ever made narrower: what is refused beyond a model stands in `domain.soundness`, and `json_schema_extra`
tells senders of it.
"""

import difflib
import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError
from pydantic.config import JsonDict

from domain.application import Material, Model, Moment
from domain.refusal import refuse
from domain.vocabulary import Decision, InsuredState, MaterialKind, Status

COMMAND_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:\-]{0,79}$"
ACTOR_PATTERN = r"^(system|(expert|channel|counter|officer|registry):[A-Za-z0-9][A-Za-z0-9._\-]{0,63})$"

_WORDS: JsonDict = {"pattern": r"\S", "description": "In words: at least one letter or digit of any script."}
Reason = Annotated[str, Field(min_length=1, max_length=2000, json_schema_extra=_WORDS)]
Note = Annotated[str, Field(max_length=2000)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:\-]{0,63}$")]
"""A short word of a provider or of ours, such as `no-receipt`; never a sentence, which may repeat a number."""


class Command(Model):
    """What every message carries: who sends it, under which id, and for which status and round."""

    senders: ClassVar[frozenset[str]] = frozenset()
    later: ClassVar[frozenset[str]] = frozenset()
    """Fields added after 0.1.0: at their default they are no part of what tells a repetition."""

    command_id: Annotated[str, Field(pattern=COMMAND_ID_PATTERN)]
    actor: Annotated[str, Field(pattern=ACTOR_PATTERN)]
    status: Status | None = None
    round: int | None = None

    @property
    def sender(self) -> str:
        """The kind of actor: expert, channel, counter, officer, registry or system."""
        return self.actor.split(":", 1)[0]

    @property
    def sender_id(self) -> str:
        """The actor's own id, empty for `system`."""
        return self.actor.partition(":")[2]


class SupplyMaterials(Command):
    """Hand in the papers that were asked for (补正材料)."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    materials: Annotated[tuple[Material, ...], Field(min_length=1, max_length=40)]
    note: Note = ""


class GiveVerdict(Command):
    """One expert's verdict; counted when all seats have spoken, blind until then."""

    senders: ClassVar[frozenset[str]] = frozenset({"expert"})
    decision: Decision
    reason: Reason
    missing: Annotated[tuple[MaterialKind, ...], Field(max_length=20)] = ()


class Recuse(Command):
    """An expert steps down from a case (回避)."""

    senders: ClassVar[frozenset[str]] = frozenset({"expert"})
    reason: Reason


class VerifyOriginals(Command):
    """The counter compared the originals with the scans (核验原件)."""

    senders: ClassVar[frozenset[str]] = frozenset({"counter", "officer"})
    outcome: Annotated[str, Field(pattern="^(match|mismatch)$")]
    note: Note = ""


class RaiseObjection(Command):
    """Someone objects during publicity (公示异议)."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter", "officer"})
    by: Annotated[str, Field(min_length=1, max_length=100, json_schema_extra=_WORDS)]
    reason: Reason


class RuleObjection(Command):
    """An officer rules on an objection."""

    senders: ClassVar[frozenset[str]] = frozenset({"officer"})
    objection_id: Id
    upheld: bool
    reason: Reason


class Withdraw(Command):
    """The applicant takes the application back (撤回)."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    reason: Note = ""


class Appeal(Command):
    """The applicant appeals against a denial (申诉)."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    reason: Reason


class Extend(Command):
    """An officer extends the decision limit (延长期限): by law, or because nobody could work (不可抗力).

    How often one limit is extended on one ground is bounded by the city (`clock.extensions`).
    """

    senders: ClassVar[frozenset[str]] = frozenset({"officer"})
    working_days: Annotated[int, Field(ge=1, le=60)]
    ground: Reason
    later: ClassVar[frozenset[str]] = frozenset({"legal_ground"})
    legal_ground: Annotated[str, Field(pattern="^(lawful_extension|force_majeure)$")] = "lawful_extension"


class Correct(Command):
    """An officer corrects a wrong decision (更正): `denial` grants it, `grant` ends it."""

    senders: ClassVar[frozenset[str]] = frozenset({"officer"})
    what: Annotated[str, Field(pattern="^(denial|grant)$")]
    reason: Reason


class ChangeHospital(Command):
    """Change the designated hospital (变更定点医疗机构), once a year."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    hospital_id: Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"pattern": r"\S"})]


_PLACE: JsonDict = {
    "pattern": "^[1-6][0-9]{5}$",
    "description": "Code of a place in the mainland (GB/T 2260), outside the pool that insures.",
}


class FileOffregion(Command):
    """File for treatment outside the pool (异地备案)."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    region: Annotated[str, Field(pattern=r"^\d{6}$", json_schema_extra=_PLACE)]
    from_on: Annotated[date, Field(json_schema_extra={"description": "Not before 2000, at most a year ahead."})]


class EndOffregion(Command):
    """End the off-region filing."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})


_PHONE: JsonDict = {"pattern": "^1[3-9][0-9]{9}$"}
_EMAIL: JsonDict = {"description": "As of an application: a dot-atom at a host name (RFC 5322, section 3.4.1)."}


class ChangeContact(Command):
    """Change phone or e-mail. Personal data: travels encrypted, is kept in storage only."""

    senders: ClassVar[frozenset[str]] = frozenset({"channel", "counter"})
    phone: Annotated[str, Field(pattern=r"^1\d{10}$", json_schema_extra=_PHONE)] | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$", json_schema_extra=_EMAIL)] | None = None


class InsuredChanged(Command):
    """The registry reports another insured state (参保状态变化)."""

    senders: ClassVar[frozenset[str]] = frozenset({"registry", "officer"})
    state: InsuredState
    as_of_on: date


class EndEntitlement(Command):
    """An officer ends the benefit: death, cured, moved out, fraud."""

    senders: ClassVar[frozenset[str]] = frozenset({"officer"})
    ground: Annotated[str, Field(pattern="^(death|cured|moved_out|fraud|other)$")]


class Supersede(Command):
    """Another case takes this one's place (更替)."""

    senders: ClassVar[frozenset[str]] = frozenset({"system"})
    by: Id
    later: ClassVar[frozenset[str]] = frozenset({"from_on"})
    from_on: date | None = None
    """The day the other one takes effect, this one's last being the day before; None is at once."""


class AmendCalendar(Command):
    """A new calendar version applies; the case re-reads its slice and re-times itself."""

    senders: ClassVar[frozenset[str]] = frozenset({"system", "officer"})
    calendar_version: Annotated[str, Field(min_length=1, max_length=200)]


class NoticeDelivered(Command):
    """A notice whose delivery matters in law arrived; an officer says so of one handed over or read out."""

    senders: ClassVar[frozenset[str]] = frozenset({"system", "officer"})
    notice_seq: Annotated[int, Field(ge=1)]
    delivered_at: Moment


class NoticeFailed(Command):
    """A notice did not reach the person and will not be tried again (通知未能送达)."""

    senders: ClassVar[frozenset[str]] = frozenset({"system"})
    notice_seq: Annotated[int, Field(ge=1)]
    reason: Code
    failed_at: Moment


class NoticeWaived(Command):
    """An officer says that a notice which reached nobody need not be told any more (无须告知)."""

    senders: ClassVar[frozenset[str]] = frozenset({"officer"})
    notice_seq: Annotated[int, Field(ge=1)]


COMMANDS: dict[str, type[Command]] = {
    "supply_materials": SupplyMaterials,
    "give_verdict": GiveVerdict,
    "recuse": Recuse,
    "verify_originals": VerifyOriginals,
    "raise_objection": RaiseObjection,
    "rule_objection": RuleObjection,
    "withdraw": Withdraw,
    "appeal": Appeal,
    "extend": Extend,
    "correct": Correct,
    "change_hospital": ChangeHospital,
    "file_offregion": FileOffregion,
    "end_offregion": EndOffregion,
    "change_contact": ChangeContact,
    "insured_changed": InsuredChanged,
    "end_entitlement": EndEntitlement,
    "supersede": Supersede,
    "amend_calendar": AmendCalendar,
    "notice_delivered": NoticeDelivered,
    "notice_failed": NoticeFailed,
    "notice_waived": NoticeWaived,
}
NAMES: dict[type[Command], str] = {model: name for name, model in COMMANDS.items()}


def name_of(command: Command) -> str:
    """Return the message name of a command."""
    return NAMES[type(command)]


def read_command(name: str, content: bytes) -> Command:
    """Read one command from JSON bytes; raise `Refused` naming the field, the rule and the remedy."""
    model = COMMANDS.get(name)
    if model is None:
        raise _unknown(name)
    try:
        raw = json.loads(content.decode())
        # PostgreSQL cannot store NUL in text: such a message would wait for ever to be recorded.
        if b"\\u0000" in content:
            raise ValueError
    except (ValueError, RecursionError):
        raise refuse(
            field="input",
            rule="消息内容须为一个 JSON 对象",
            remedy=f"请按 docs/messages/{name}.json 的格式重新发送",
            message="消息内容无法解析。",
        ) from None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "input"
        raise refuse(
            field=field,
            rule=f"见 docs/messages/{name}.json：{_rule_zh(model, error.errors()[0])}",
            remedy=f"请更正字段 {field} 后重新发送",
            message=f"消息 {name} 的字段 {field} 缺失或不符合要求。",
        ) from None


def _unknown(name: str) -> Exception:
    near = difflib.get_close_matches(name[:80], COMMANDS, n=1)
    hint = f"您是否要发送 {near[0]}？" if near else ""
    return refuse(
        field="name",
        rule="消息名称须为：" + "、".join(COMMANDS),
        remedy=f"请改用正确的消息名称重新发送。{hint}",
        message="没有这种消息。" + hint,
    )


def _rule_zh(model: type[Command], fault: Mapping[str, Any]) -> str:
    match fault["type"]:
        case "missing":
            return "该字段必填"
        case "string_too_long" | "too_long":
            return "内容过长"
        case "string_too_short" | "too_short":
            return "内容不能为空"
        case "string_pattern_mismatch":
            return "格式不符"
        case "enum" | "literal_error":
            return "不在允许的取值之内"
        case "greater_than_equal" | "less_than_equal":
            return _bounds_zh(model, fault["loc"])
        case "int_type" | "int_parsing" | "int_from_float":
            return "须为整数"
        case _:
            return "类型不符"


def _bounds_zh(model: type[Command], place: tuple[int | str, ...]) -> str:
    """Say the bounds of a whole number, both of them: who typed 99 learns at once that 0 is none either."""
    said = model.model_fields[str(place[0])].metadata if len(place) == 1 else []
    least = next((each.ge for each in said if hasattr(each, "ge")), None)
    most = next((each.le for each in said if hasattr(each, "le")), None)
    if least is None:
        return "不在允许的范围之内"
    return f"须为不小于 {least} 的整数" if most is None else f"须为 {least} 至 {most} 的整数"
