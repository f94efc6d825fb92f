"""Looks at every text of every city before a person is told it: how it is written, how long, and what it gives away.

Each text is rendered with fictitious facts: usual ones, none, the longest plausible, and facts that hold what a
person might write in them. Findings are words for an official; none of them ever stops a notice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from activities.notices.diagnosis_words import diagnosis_in
from activities.notices.policy_names import unknown_names
from activities.notices.providers.registry import PROVIDERS, Registration
from activities.notices.sms_text import (
    LONGEST_SMS,
    SINGLE_SMS,
    SMS_PART,
    forbidden_in_sms,
    is_control,
    sms_length,
    sms_segments,
)
from activities.notices.template_sets import BLOCKS, DEFAULT, INBOX_BLOCK, REGION, TemplateSets, rendered
from activities.notices.text_files import check_folder, check_template
from activities.notices.text_findings import FindingKind, TextFinding, TextReport
from activities.notices.text_samples import PLANTED, USUAL_NAME, Facts, planted_context, sample_context
from activities.notices.texts import NoticeContext, words_of
from activities.notices.words import sms_words
from domain.events import NoticeEvent
from domain.policy import RegionPolicy

MOST_PARTS = 2
"""Parts of an SMS a city should have to pay for; more is a warning."""

LONGEST_TITLE = 60
"""Characters of a title an app shows in two lines; assumption."""

_ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_NO_CITY = "000000"


@dataclass(frozen=True)
class _Text:
    """One block of one event of one region, and the file that words it."""

    path: Path
    event: NoticeEvent
    region: str
    block: str

    def finding(self, kind: FindingKind, message: str, remedy: str) -> TextFinding:
        file = "/".join(self.path.parts[-2:])
        city = f"{self.region} 的" if self.path.parent.name == DEFAULT and self.region != _NO_CITY else ""
        return TextFinding(kind=kind, file=file, key=self.block, message=city + message, remedy=remedy)


class TextLint:
    """One look at the texts of some regions.

    `served` are the regions that have a policy, `diagnoses` the words no text may hold, `on` any day.
    """

    def __init__(self, sets: TemplateSets, *, served: Sequence[str], diagnoses: Sequence[str], on: date) -> None:
        self._sets = sets
        self._served = served
        self._diagnoses = diagnoses
        self._on = on
        self._errors: dict[str, TextFinding] = {}
        self._warnings: dict[str, TextFinding] = {}
        self._sound: dict[str, bool] = {}
        self._texts = 0

    def look(self, regions: Sequence[str]) -> TextReport:
        """Look at every event of each region; `default` stands for a region without texts of its own."""
        for region in regions:
            code = _NO_CITY if region == DEFAULT else region
            for name in self._sets.folders(code):
                self._note(check_folder(self._sets.path(name)))
                self._note(self._is_served(self._sets.path(name)))
            for event in NoticeEvent:
                self._event(code, event)
        return TextReport(
            regions=tuple(regions),
            texts=self._texts,
            errors=tuple(self._errors.values()),
            warnings=tuple(self._warnings.values()),
        )

    def _is_served(self, folder: Path) -> Iterator[TextFinding]:
        if folder.name not in (DEFAULT, *self._served):
            remedy = f"请核对文件夹名；有政策文件的地区：{'、'.join(self._served)}"
            yield TextFinding(kind="unserved", file=folder.name, message="没有该地区的政策文件", remedy=remedy)

    def _event(self, region: str, event: NoticeEvent) -> None:
        names = [f"{folder}/{event.value}.txt" for folder in self._sets.folders(region)]
        sound = [name for name in names if self._is_sound(name, event)]
        for block in (*BLOCKS, INBOX_BLOCK):
            name = next((each for each in sound if block in self._sets.template(each).blocks), None)
            if name is not None:
                self._texts += 1
                self._block(name, _Text(self._sets.path(name), event, region, block))
            elif block != INBOX_BLOCK and len(sound) == sum(self._sets.path(each).is_file() for each in names):
                path = self._sets.path(names[-1])
                remedy = f"请在其中写 {{% block {block} %}} … {{% endblock %}}"
                text = _Text(path, event, region, block)
                self._note([text.finding("missing_text", "没有这一段文字", remedy)])

    def _is_sound(self, name: str, event: NoticeEvent) -> bool:
        """Tell whether a file is there and can be rendered; what is wrong with it is noted once."""
        path = self._sets.path(name)
        if name not in self._sound:
            faults = check_template(path, event, self._sets.environment(name)) if path.is_file() else ()
            self._note(faults)
            stops = ("syntax", "unreadable", "unknown_fact")
            self._sound[name] = path.is_file() and not any(each.kind in stops for each in faults)
        return self._sound[name]

    def _block(self, name: str, text: _Text) -> None:
        said: dict[Facts, str] = {}
        try:
            for facts in Facts:
                said[facts] = self._said(
                    name, text, sample_context(text.event, text.region, on=self._on, facts=facts)
                )
            planted = self._said(name, text, planted_context(text.event, text.region, on=self._on))
        except Exception as error:  # a template may fail in any way Python can
            remedy = "请对照 default 文件夹中的同名文件；发送时将改用默认文字"
            self._note([text.finding("fails", f"以样例内容生成时出错（{type(error).__name__}）", remedy)])
            return
        if not said[Facts.EMPTY].strip():
            remedy = "请写明通知的内容；字段可能是空的，不能只靠字段"
            self._note([text.finding("missing_text", "没有文字可发", remedy)])
        self._note(self._gives_away(text, said))
        if text.block in ("sms", "subject"):
            self._note(_holds_free_text(text, planted))
        if text.block == "sms":
            self._note(self._sms(text, said))
        else:
            self._note(_unseen(text, said[Facts.USUAL]))
        if text.block == "subject":
            self._note(_title(text, said[Facts.LONGEST]))

    def _said(self, name: str, text: _Text, context: NoticeContext) -> str:
        words = words_of(context, self._sets)
        said = rendered(self._sets.template(name), text.block, words)
        return "".join(said.split()) if text.block == "sms" else said

    def _gives_away(self, text: _Text, said: dict[Facts, str]) -> Iterator[TextFinding]:
        for facts in (Facts.USUAL, Facts.EMPTY):
            word = diagnosis_in(said[facts], self._diagnoses)
            if word is not None:
                remedy = "请改为“所申请病种”等不透露病情的说法"
                yield text.finding("diagnosis", f"写有透露病情的词“{word}”", remedy)
                break
        if text.block in ("sms", "subject") and _ID_NUMBER.search(said[Facts.USUAL]):
            yield text.finding("personal", "写有像身份证号码的数字", "请删除；通知只写受理号")
        if text.block in ("sms", "subject") and _PHONE.search(said[Facts.USUAL]):
            yield text.finding("personal", "写有像手机号码的数字", "请删除，或改用座机、12393 等公开的咨询电话")

    def _sms(self, text: _Text, said: dict[Facts, str]) -> Iterator[TextFinding]:
        found = forbidden_in_sms(said[Facts.USUAL])
        if found:
            remedy = "请删去或改用普通文字、标点；【】只能用于签名。未改之前，发送时会替换或略去这些字符"
            yield text.finding("forbidden", f"短信有网关可能不收的字符：{_shown(found)}", remedy)
        signed = f"【{self._sets.city(text.region).signature}】"
        longest = signed + said[Facts.LONGEST]
        length, parts = sms_length(longest), sms_segments(longest)
        if length > LONGEST_SMS:
            remedy = f"请至少删去 {length - LONGEST_SMS} 个字。未改之前，超出部分会被截去"
            yield text.finding("too_long", f"内容最长时连签名 {length} 个字，网关最多收 {LONGEST_SMS} 个", remedy)
        elif parts > MOST_PARTS:
            remedy = f"{SINGLE_SMS} 个字以内按 1 条计费，超过的每 {SMS_PART} 个字 1 条；请酌情删减"
            yield text.finding("many_parts", f"内容最长时连签名 {length} 个字，分 {parts} 条", remedy)

    def _note(self, findings: Sequence[TextFinding] | Iterator[TextFinding]) -> None:
        for each in findings:
            kept = self._warnings if each.kind in ("many_parts", "long_title", "unserved") else self._errors
            kept[str(each)] = each


def lint_channels(
    policies: Sequence[tuple[str, RegionPolicy]], *, providers: Mapping[str, Registration] = PROVIDERS
) -> Iterator[TextFinding]:
    """Yield the channels, events and providers of policies nobody knows; each policy comes with its file's name."""
    for file, policy in policies:
        for each in unknown_names(policy, providers=providers):
            named = f"：{'、'.join(each.names)}，通知不会由此发出" if each.names else ""
            message, remedy = f"没有这样的{each.what}{named}", f"{each.what}须为：{'、'.join(each.allowed)}"
            yield TextFinding(kind="channel", file=file, key=each.key, message=message, remedy=remedy)


def lint_values(
    policies: Sequence[tuple[str, RegionPolicy]],
    *,
    on: date,
    providers: Mapping[str, Registration] = PROVIDERS,
) -> Iterator[TextFinding]:
    """Yield the values of approved SMS templates that may be longer than their provider takes for a variable.

    Looked at with the longest facts; each policy comes with its file's name. Nothing is cut at sending, since half a
    date is a wrong one: the provider refuses the message and the notice goes by the next channel.
    """
    for file, policy in policies:
        for provider, contract in policy.notices.sms.contracts.items():
            known = providers.get(provider)
            if known is None or known.longest_value is None:
                continue
            for event, template in contract.templates.items():
                key = f"notices.sms.contracts.{provider}.templates.{event.value}"
                words = sms_words(sample_context(event, policy.region, on=on, facts=Facts.LONGEST))
                lengths = {name: sms_length(words[name]) for name in template.parameters}
                for name, length in lengths.items():
                    if length > known.longest_value:
                        message = f"{name} 最长 {length} 个字，该服务商每个变量最多收 {known.longest_value} 个"
                        remedy = (
                            "请在 city.toml 中缩短，或从 parameters 和已审核的模板中去掉；未改之前，这条短信会被拒收"
                        )
                        yield TextFinding(kind="long_value", file=file, key=key, message=message, remedy=remedy)


def lint_names(folder: Path) -> Iterator[TextFinding]:
    """Yield what stands in a folder of a city's own and is no region's."""
    for each in sorted(folder.iterdir()):
        if not REGION.fullmatch(each.name) and not each.name.startswith("."):
            message = "不是地区的文件夹，其中的文字不会用到"
            remedy = "每个地区一个文件夹，以六位地区代码命名"
            yield TextFinding(kind="unknown_file", file=each.name, message=message, remedy=remedy)


def regions_to_look_at(sets: TemplateSets, served: Sequence[str]) -> tuple[str, ...]:
    """Return the default texts, and every region that has texts of its own or is served."""
    return (DEFAULT, *sorted({*sets.regions(), *(each for each in served if REGION.fullmatch(each))}))


def _holds_free_text(text: _Text, said: str) -> Iterator[TextFinding]:
    if PLANTED in said or USUAL_NAME in said:
        message = "用到了人工填写的内容（reason、told 或 ground），可能带出姓名、号码或病情"
        yield text.finding("free_text", message, "请删去该字段，改为“理由请登录查看”一类的说法")


def _unseen(text: _Text, said: str) -> Iterator[TextFinding]:
    found = tuple(dict.fromkeys(each for each in said if is_control(each) and each not in "\n\t"))
    if found:
        yield text.finding("forbidden", f"有看不见的字符：{_shown(found)}", "请删去后重新键入这一处")


def _title(text: _Text, said: str) -> Iterator[TextFinding]:
    length = len(" ".join(said.split()))
    if length > LONGEST_TITLE:
        remedy = f"请缩短到 {LONGEST_TITLE} 个字以内，手机上才显示得全"
        yield text.finding("long_title", f"标题最长 {length} 个字", remedy)


def _shown(characters: Sequence[str]) -> str:
    return " ".join(f"U+{ord(each):04X}" if is_control(each) else each for each in characters)
