"""What officials do to a case, as forms: which fields each command asks for, and what it says it will do."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from domain.access import Action
from domain.commands import COMMANDS
from domain.judging import STATUSES
from domain.vocabulary import END_ZH, InsuredState, Status
from starter.web.pages.fields import FieldError, Fields
from starter.web.pages.typed_numbers import plain_number, plain_phone

Shape = Literal["text", "area", "number", "date", "moment", "choose", "radios"]
Options = tuple[tuple[str, str], ...]
_PLAIN: Mapping[str, Callable[[str], str]] = {"phone": plain_phone, "region": plain_number}

INSURED_ZH: Mapping[InsuredState, str] = {
    InsuredState.NORMAL: "正常参保",
    InsuredState.ARREARS: "欠费",
    InsuredState.LAPSED: "停保",
    InsuredState.ELSEWHERE: "已转往外地参保",
    InsuredState.UNKNOWN: "查无登记",
}
_ORDERED = ("death", "cured", "moved_out", "fraud", "other")


class Asked(NamedTuple):
    """One field of a form; `options` of a field that offers some, or empty where the case says which."""

    name: str
    label: str
    shape: Shape
    options: Options = ()
    hint: str = ""
    required: bool = True
    most: int = 200


class Deed(NamedTuple):
    """One command as a form: `told` says what it does before it is done, `done` what is said afterwards.

    `follows` is what will have happened, said on a page of its own before what nobody can undo; `{day}` in it is the
    day it is done.
    """

    command: str
    title: str
    told: str
    fields: tuple[Asked, ...]
    button: str
    done: str
    danger: bool = False
    follows: tuple[str, ...] = ()

    @property
    def action(self) -> Action:
        """What must be permitted."""
        return Action(self.command)

    def possible_in(self, status: Status) -> bool:
        """Whether a case in a status takes the command at all."""
        return status in STATUSES[COMMANDS[self.command]]


def _reason(label: str = "理由", hint: str = "", *, required: bool = True) -> Asked:
    return Asked("reason", label, "area", hint=hint, required=required, most=2000)


DEEDS: tuple[Deed, ...] = (
    Deed(
        "verify_originals",
        "核验原件",
        "请逐份对照申请人带来的原件与上传的材料。不一致的，本件不予受理。",
        (
            Asked("outcome", "核验结果", "radios", (("match", "一致"), ("mismatch", "不一致"))),
            Asked("note", "备注", "area", hint="不一致的，请写明哪一份、哪里不一致。", required=False, most=2000),
        ),
        "提交核验结果",
        "核验结果已登记。",
    ),
    Deed(
        "rule_objection",
        "异议核查结论",
        "异议成立的，不予认定；全部异议都不成立的，恢复公示并顺延剩余期间。",
        (
            Asked("objection_id", "异议", "radios"),
            Asked("upheld", "结论", "radios", (("yes", "异议成立"), ("no", "异议不成立"))),
            _reason(hint="写明向谁核实、查到什么。"),
        ),
        "提交核查结论",
        "核查结论已登记。",
    ),
    Deed(
        "extend",
        "延长办理时限",
        "延长后的期限立即按工作日历重新计算，并通知申请人。同一期限以同一事由可延长的次数由本市规定。",
        (
            Asked("working_days", "延长几个工作日", "number", hint="1 至 60 个工作日。"),
            Asked(
                "legal_ground",
                "法定事由",
                "radios",
                (("lawful_extension", "依法延长"), ("force_majeure", "不可抗力")),
            ),
            Asked("ground", "说明", "area", hint="写明批准人和依据。", most=2000),
        ),
        "延长",
        "办理时限已延长。",
    ),
    Deed(
        "correct",
        "更正决定",
        "更正不予认定的决定，即予以认定；更正已生效的认定，待遇随即终止，凭证作废。",
        (
            Asked(
                "what",
                "更正哪一项",
                "radios",
                (("denial", "不予认定的决定：改为予以认定"), ("grant", "予以认定的决定：撤销，凭证作废")),
            ),
            _reason(),
        ),
        "更正",
        "决定已更正。",
        danger=True,
    ),
    Deed(
        "end_entitlement",
        "终止待遇并作废凭证",
        "待遇终止，电子凭证随即作废，并通知申请人。选好原因后先核对，再办理。",
        (Asked("ground", "终止原因", "choose", tuple((each, END_ZH[each]) for each in _ORDERED)),),
        "终止待遇",
        "已决定终止待遇。",
        danger=True,
        follows=(
            "待遇自{day}（办理当日）起终止，从这一天起不再享受。",
            "电子凭证随即作废，核验时显示已作废。",
            "系统通知申请人，并出具待遇终止通知书，写明原因、终止日期和救济途径。",
            "本件随即办结，终止不能撤回；办错的，只能由参保人重新申请。",
        ),
    ),
    Deed(
        "insured_changed",
        "登记参保状态",
        "按参保登记系统的结果填写；欠费、停保的，待遇暂停，恢复参保后自动恢复。",
        (
            Asked("state", "参保状态", "choose", tuple((each.value, name) for each, name in INSURED_ZH.items())),
            Asked("as_of_on", "截至哪一天", "date"),
        ),
        "登记",
        "参保状态已登记。",
    ),
    Deed(
        "notice_delivered",
        "登记通知已送达",
        "用于当面交付、电话宣读等系统不知道的送达；自送达起算的期限从所填时间计算。",
        (
            Asked("notice_seq", "哪一份通知", "choose"),
            Asked("delivered_at", "送达时间", "moment"),
        ),
        "登记送达",
        "送达已登记。",
    ),
    Deed(
        "raise_objection",
        "登记异议",
        "公示期内收到的书面、当面或电话异议，均须登记并核查；公示随即中止。",
        (
            Asked("by", "提出者", "text", hint="实名异议写明称谓和来源，例如“来信一”；匿名的写“匿名”。", most=100),
            _reason("异议内容"),
        ),
        "登记异议",
        "异议已登记。",
    ),
    Deed(
        "change_contact",
        "变更联系方式",
        "核对申请人身份后填写；至少填写一项。",
        (
            Asked("phone", "新的手机号码", "text", required=False, most=40),
            Asked("email", "新的电子邮箱", "text", required=False, most=254),
        ),
        "变更",
        "联系方式已变更。",
    ),
    Deed(
        "change_hospital",
        "变更定点医疗机构",
        "每年可变更的次数由本市规定，超过的会被拒绝并说明何时可以再变更。",
        (Asked("hospital_id", "新的定点医疗机构编号", "text", most=64),),
        "变更",
        "定点医疗机构已变更。",
    ),
    Deed(
        "file_offregion",
        "异地备案",
        "登记参保人在统筹区以外就医的地区。",
        (
            Asked("region", "就医地行政区划代码", "text", hint="6 位数字，统筹区以外的地区。", most=20),
            Asked("from_on", "自哪一天起", "date"),
        ),
        "备案",
        "异地备案已登记。",
    ),
    Deed("end_offregion", "终止异地备案", "终止后回统筹区内就医。", (), "终止备案", "异地备案已终止。"),
    Deed(
        "appeal",
        "代为提出申诉",
        "由另一组专家重新评审。",
        (_reason("申诉理由"),),
        "提出申诉",
        "申诉已提出。",
    ),
    Deed(
        "withdraw",
        "代为撤回申请",
        "申请人要求撤回时使用；撤回后本件办结，需要时可重新申请。",
        (_reason("撤回原因", required=False),),
        "撤回申请",
        "申请已撤回。",
        danger=True,
    ),
    Deed(
        "recuse",
        "申请回避",
        "与申请人有亲属、利害关系或其他可能影响公正的情形的，应当回避；系统另行抽取专家。",
        (_reason("回避理由", "不要写申请人的姓名。"),),
        "回避",
        "已回避，该件不再由您评审。",
    ),
)
BY_COMMAND: Mapping[str, Deed] = {each.command: each for each in DEEDS}


def read_fields(deed: Deed, fields: Fields) -> tuple[dict[str, Any], list[FieldError]]:
    """Return a command's content from its form, and what is wrong with the form."""
    content: dict[str, Any] = {}
    wrong = []
    for asked in deed.fields:
        text = _PLAIN.get(asked.name, str)(fields.text(asked.name, asked.most + 1))
        error = _fault(asked, text)
        if error:
            wrong.append(FieldError(asked.name, *error))
        elif text:
            content[asked.name] = _value(asked, text)
    return content, wrong


def _fault(asked: Asked, text: str) -> tuple[str, str] | None:
    chosen = asked.shape in ("choose", "radios")
    if not text:
        if not asked.required:
            return None
        return f"没有{'选择' if chosen else '填写'}“{asked.label}”。", f"请{'选择一项' if chosen else '填写'}"
    if len(text) > asked.most:
        return f"“{asked.label}”过长。", f"请缩短到 {asked.most} 个字符以内"
    if asked.options and text not in dict(asked.options):
        return f"“{asked.label}”不在可选范围之内。", "请重新选择"
    if (asked.shape == "number" or asked.name == "notice_seq") and not (text.isascii() and text.isdigit()):
        return f"“{asked.label}”须为整数。", "请填写阿拉伯数字"
    if asked.shape == "date" and not _reads(date.fromisoformat, text):
        return f"“{asked.label}”不是日期。", "请按 2026-01-05 的格式填写"
    if asked.shape == "moment" and not _reads(datetime.fromisoformat, text):
        return f"“{asked.label}”不是时间。", "请按 2026-01-05T09:30 的格式填写，按北京时间"
    return None


def _reads(read: Any, text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _value(asked: Asked, text: str) -> object:
    if asked.shape == "number" or asked.name == "notice_seq":
        return int(text)
    if asked.name == "upheld":
        return text == "yes"
    return text
