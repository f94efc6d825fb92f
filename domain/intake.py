"""Judges an application at the door: what is refused here makes no case."""

import re
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, ParamSpec

from pydantic import ValidationError

from domain.acceptance import parse_acceptance_number
from domain.agents import check_agent_may_act
from domain.application import COUNTER, MOST_PAPERS, Agent, Applicant, ApplicationForm, DeclaredMaterial
from domain.benefit_steps import CATEGORY_ZH
from domain.counter import check_originals
from domain.disease import DiseaseStanding
from domain.identity import check_id_number
from domain.imported import IMPORT_CHANNEL
from domain.mail_address import judge_mail_address
from domain.misspelt import check_keys
from domain.moments import aware, local_date
from domain.offregion import check_stay
from domain.phone_number import judge_phone
from domain.policy import PolicyBook, PolicyError, RegionPolicy
from domain.refusal import Refusal, Refused, refuse
from domain.succession import canonical_replaces, check_kind
from domain.vocabulary import TIER_ZH, InsuredCategory
from domain.worded import has_hidden, has_words, judge_label

P = ParamSpec("P")
CLOCK_SKEW = timedelta(minutes=10)
"""How far a channel's clock may be ahead of ours."""

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
MAX_NAME = 50
MAX_ID = 100
MAX_FILE_NAME = 200


def parse_form(raw: object) -> ApplicationForm:
    """Read an application from parsed JSON; raises `Refused` naming the first bad field.

    Identity numbers come out with an upper-case check character, so that one person has one spelling.
    """
    check_keys(raw)
    try:
        form = ApplicationForm.model_validate(raw)
    except ValidationError as error:
        raise _unreadable(error.errors(include_url=False, include_input=False)[0]) from None
    applicant = form.applicant
    agent = applicant.agent and _upper(applicant.agent)
    person = applicant.model_copy(update={"id_number": applicant.id_number.strip().upper(), "agent": agent})
    return form.model_copy(update={"applicant": person, "replaces": canonical_replaces(form.replaces)})


def judge_form(form: ApplicationForm, *, policies: PolicyBook, now: datetime) -> None:
    """Raise `Refused` on the first thing that is bad input; return when the application makes a case.

    A disease known elsewhere but not listed here passes: it makes a case that is not accepted. `now` is aware.
    """
    _raise(next(form_faults(form, policies=policies, now=now), None))


def form_faults(form: ApplicationForm, *, policies: PolicyBook, now: datetime) -> Iterator[Refusal]:
    """Yield everything that is bad input, in the order in which it is judged: a person is told all of it at once.

    Of a region without a policy nothing further can be said, and of the papers only the first. `now` is aware.
    """
    yield from _told(_check_label, form.request_id, field="request_id", name="请求编号")
    try:
        policy = _check_region(form, policies, now)
    except Refused as refused:
        yield refused.refusal
        return
    for check in (_check_channel, check_originals, _check_take_over, check_kind, check_stay):
        yield from _told(check, form)
    yield from _told(_check_disease, form, policies, policy)
    yield from _applicant_faults(form.applicant, policy, local_date(now))
    yield from _told(_check_label, form.hospital_id, field="hospital_id", name="医院编号")
    yield from _told(_check_materials, form.materials, local_date(now))


def _told(check: Callable[P, object], *args: P.args, **named: P.kwargs) -> Iterator[Refusal]:
    try:
        check(*args, **named)
    except Refused as refused:
        yield refused.refusal


def _upper(agent: Agent) -> Agent:
    return agent.model_copy(update={"id_number": agent.id_number.strip().upper()})


_SHAPES = {
    "missing": ("该项必填", "请填写该项", "缺少必填项"),
    "string": ("该项须为文字", "请填写文字", "填写的类型不对"),
    "int": ("该项须为整数", "请填写整数", "填写的类型不对"),
    "bool": ("该项须为 true 或 false", "请填写 true 或 false", "填写的类型不对"),
    "datetime": (
        "该项须为日期时间",
        "请按 RFC 3339 填写，例如 2026-01-05T09:30:00+08:00",
        "日期时间无法识别",
    ),
    "timezone": ("该项须为日期时间", "请按 RFC 3339 填写，例如 2026-01-05T09:30:00+08:00", "日期时间无法识别"),
    "date": ("该项须为日期", "请按 年-月-日 填写，例如 2026-01-05", "日期无法识别"),
    "tuple": ("该项须为列表", "请填写列表 [ … ]", "填写的类型不对"),
    "model": ("该项须为对象", "请填写对象 { … }", "填写的类型不对"),
}
_DATE_FIELDS = {"issued_on", "diagnosed_on"}


def _unreadable(fault: Any) -> Refused:
    field = _json_path(fault["loc"])
    if fault["type"] in ("enum", "literal_error"):
        allowed = fault["ctx"]["expected"].replace("'", "").replace(" or ", "、").replace(", ", "、")
        rule, remedy, what = f"该项只能是：{allowed}", "请从允许的取值中选择一个", "取值不在允许范围内"
    else:
        shape = "date" if fault["loc"] and fault["loc"][-1] in _DATE_FIELDS else fault["type"].split("_")[0]
        rule, remedy, what = _SHAPES.get(shape, ("该项不符合申请文件的格式", "请对照申请文件的格式修改", "填写有误"))
    return refuse(field=field, rule=rule, remedy=remedy, message=f"{field}：{what}")


def _json_path(loc: Sequence[int | str]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return path.lstrip(".") or "$"


def _check_label(text: str, *, field: str, name: str) -> None:
    _raise(judge_label(text, field=field, name=name, most=MAX_ID))


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(refusal)


def _check_region(form: ApplicationForm, policies: PolicyBook, now: datetime) -> RegionPolicy:
    if form.region not in policies.regions():
        raise refuse(
            field="region",
            rule=f"已开通的统筹区：{'、'.join(policies.regions())}",
            remedy="请填写参保地的六位行政区划代码",
            message="该统筹区未开通",
        )
    received_at = aware(form.received_at) if form.received_at else now
    if received_at > now + CLOCK_SKEW:
        raise refuse(
            field="received_at",
            rule="收件时间不得晚于当前时间",
            remedy="请核对收件时间和时区；不写时区按北京时间",
            message="收件时间在将来",
        )
    try:
        return policies.policy_for(form.region, local_date(received_at))
    except (PolicyError, OverflowError):  # the first or last day of the calendar has no local date
        raise refuse(
            field="received_at",
            rule="申请按收件之日有效的政策办理，当日尚无政策版本",
            remedy="请核对收件时间",
            message="收件时间早于本市最早的政策版本",
        ) from None


def _check_channel(form: ApplicationForm) -> None:
    # Read as another channel, an application at the counter would escape its hours and the look at the originals.
    if form.channel != COUNTER and "".join(form.channel.split()).lower() == COUNTER:
        raise refuse(
            field="channel",
            rule=f"窗口的渠道代号是 {COUNTER}，全部小写，不含空格",
            remedy=f"在窗口收件的请填写 {COUNTER}；其他渠道请填写接入时取得的代号",
            message="渠道代号与窗口的代号只有大小写或者空格不同",
        )
    # Which back end may speak for which channel is settled by its credentials, not by this list of names.
    if not _CHANNEL.fullmatch(form.channel) or form.channel == IMPORT_CHANNEL:
        raise refuse(
            field="channel",
            rule="渠道代号由字母、数字、连字符、点和下划线组成，不超过64个字符，import 留作导入既有资格之用",
            remedy="请填写本渠道接入时取得的代号，例如 panzhihua-app",
            message="渠道代号的格式不对",
        )


def _check_take_over(form: ApplicationForm) -> None:
    if form.take_over is None:
        return
    try:
        number = parse_acceptance_number(form.take_over)
    except Refused as refused:
        raise Refused(refused.refusal.model_copy(update={"field": "take_over"})) from None
    if not number.startswith(form.region):
        raise refuse(
            field="take_over",
            rule="只能接续本人在同一统筹区的案件",
            remedy="请填写本统筹区案件的受理号，或者不填写该项、重新提交全部材料",
            message="要接续的案件属于另一个统筹区",
        )


def _check_disease(form: ApplicationForm, policies: PolicyBook, policy: RegionPolicy) -> None:
    on = policy.effective_from.value
    if policies.standing(form.region, form.disease_id, on) is DiseaseStanding.UNKNOWN:
        raise refuse(
            field="disease_id",
            rule=f"病种编号须取自{policy.city.value}的病种目录",
            remedy=f"请核对编号，格式为 {form.region}-三位数字",
            message="病种编号不在任何目录中",
        )
    local = policies.local_ids(form.region, form.disease_id, on)
    if local:
        # The disease is listed here: "not accepted" would be a wrong decision, so the sender is told the local id.
        raise refuse(
            field="disease_id",
            rule=f"病种编号须取自{policy.city.value}的病种目录，不用国家病种码",
            remedy=f"该国家病种码在本市的编号是：{'、'.join(local)}",
            message="填写的是国家病种码，不是本市病种编号",
        )


def _applicant_faults(person: Applicant, policy: RegionPolicy, today: date) -> Iterator[Refusal]:
    known = yield from _person_faults(person, field="applicant", today=today)
    if person.email is not None and (refusal := judge_mail_address(person.email, field="applicant.email")):
        yield refusal
    yield from _told(_check_insured, person, policy)
    if person.agent is None:
        return
    if not policy.filing.agent_allowed.value:
        yield _no_agents(policy)
        return
    agent_known = yield from _person_faults(person.agent, field="applicant.agent", today=today)
    # Whether one may act for the other is read from both identity numbers.
    if known and agent_known:
        yield from _told(check_agent_may_act, person.agent, person, today)


def _check_insured(person: Applicant, policy: RegionPolicy) -> None:
    if person.insured_category not in policy.filing.insured_categories.value:
        allowed = (
            f"{each}（{CATEGORY_ZH[InsuredCategory(each)]}）" for each in policy.filing.insured_categories.value
        )
        raise refuse(
            field="applicant.insured_category",
            rule=f"{policy.city.value}的参保类型：{'、'.join(allowed)}",
            remedy="请填写其中一个参保类型",
            message=f"{policy.city.value}没有该参保类型",
        )
    tiers = policy.filing.resident_tiers.value
    if person.insured_category is InsuredCategory.RESIDENT and tiers and person.tier not in tiers:
        named = (f"{each}（{TIER_ZH[each]}）" if each in TIER_ZH else each for each in tiers)
        raise refuse(
            field="applicant.tier",
            rule=f"{policy.city.value}城乡居民须填写缴费档次：{'、'.join(named)}",
            remedy="请填写其中一个缴费档次",
            message="缺少缴费档次或档次不在允许范围内",
        )


def _no_agents(policy: RegionPolicy) -> Refusal:
    return Refusal(
        field="applicant.agent",
        rule=f"{policy.city.value}不办理代办申请",
        remedy="请由本人申请",
        message="不能由他人代办",
    )


def _may_stand_in_a_name(character: str) -> bool:
    # The name is printed on the certificate between separators, and on the public list.
    return character in " ·•.．-'’" or unicodedata.category(character)[0] in "LM"


def _person_faults(person: Applicant | Agent, *, field: str, today: date) -> Generator[Refusal, None, bool]:
    """Yield what is wrong with a person; return whether the identity number is sound."""
    yield from _told(_check_name, person.name, field=field)
    unsound = list(_told(check_id_number, person.id_number, field=f"{field}.id_number", today=today))
    yield from unsound
    if refusal := judge_phone(person.phone, field=f"{field}.phone"):
        yield refusal
    return not unsound


def _check_name(name: str, *, field: str) -> None:
    rule = f"姓名须为1至{MAX_NAME}个字，与身份证一致，至少有一个文字，只含文字、间隔号、空格、点、连字符和撇号"
    if not has_words(name) or len(name) > MAX_NAME or not all(_may_stand_in_a_name(each) for each in name):
        raise refuse(
            field=f"{field}.name",
            rule=rule,
            remedy="请按身份证填写姓名",
            message="姓名为空、过长或含有不能出现在姓名中的字符",
        )


def _check_materials(materials: Sequence[DeclaredMaterial], today: date) -> None:
    if len(materials) > MOST_PAPERS:
        raise refuse(
            field="materials",
            rule=f"一次最多提交{MOST_PAPERS}个文件",
            remedy="请把同一材料的多页合并成一个pdf",
            message="材料文件过多",
        )
    seen: set[PurePosixPath] = set()
    for number, paper in enumerate(materials):
        field = f"materials[{number}]"
        _check_file_name(paper.file, field=f"{field}.file")
        name = PurePosixPath(paper.file)
        if name in seen:
            raise refuse(
                field=f"{field}.file",
                rule="每份材料对应一个文件，文件名不得重复",
                remedy="请更正文件名，或删去重复的一项",
                message="文件名重复",
            )
        seen.add(name)
        _check_declaration(paper, field=field, today=today)


def _check_file_name(file: str, *, field: str) -> None:
    parts = PurePosixPath(file).parts
    outside = not parts or ".." in parts or file.startswith("/") or "\\" in file or ":" in file
    if outside or len(file) > MAX_FILE_NAME or has_hidden(file):
        raise refuse(
            field=field,
            rule="文件名须是材料文件夹之内的文件名",
            remedy="请只写文件名，例如 diagnosis.pdf",
            message="文件名为空、过长或不在材料文件夹之内",
        )


def _check_declaration(paper: DeclaredMaterial, *, field: str, today: date) -> None:
    for name, on, what in (
        ("issued_on", paper.issued_on, "出具日期"),
        ("diagnosed_on", paper.diagnosed_on, "诊断日期"),
    ):
        if on is not None and on > today:
            raise refuse(
                field=f"{field}.{name}",
                rule=f"{what}不得晚于今天",
                remedy=f"请对照材料核对{what}",
                message=f"{what}在将来",
            )
    if paper.hospital_level is not None and not 0 <= paper.hospital_level <= 3:
        raise refuse(
            field=f"{field}.hospital_level",
            rule="医院等级只能是：0（未定级）、1、2、3",
            remedy="请填写出具医院的等级",
            message="医院等级不在允许范围内",
        )
