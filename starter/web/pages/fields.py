"""What a form carried, and what was wrong with it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from starlette.datastructures import FormData

from domain.refusal import Refusal
from starter.web.pages.plain_words import in_words
from starter.web.problems import is_storable, status_of, unstorable

_OF_A_MESSAGE = "见 docs/messages/"
LABELS: Mapping[str, str] = {
    "reason": "理由",
    "phone": "手机号码",
    "email": "电子邮箱",
    "hospital_id": "定点医疗机构",
    "note": "备注",
    "working_days": "延长几个工作日",
    "ground": "说明",
    "by": "提出者",
    "region": "就医地行政区划代码",
    "from_on": "自哪一天起",
    "as_of_on": "截至哪一天",
    "delivered_at": "送达时间",
}

_HEADINGS = {503: "没有提交成功", 409: "没有办理成功", 422: "请先更正以下内容"}


class FieldError(NamedTuple):
    """What stands beside one field, and in the summary above the form that links to it.

    `status`: 422 for what can be mended in the form, 409 where the matter itself is against it, 503 where something
    is away.
    """

    field: str
    message: str
    remedy: str = ""
    rule: str = ""
    status: int = 422


class Fields:
    """The text fields of a form; files are not among them.

    Raises `Stopped` (422) on a text no database could keep.
    """

    def __init__(self, form: FormData | None = None) -> None:
        pairs = form.multi_items() if form else []
        self._values = [(name, value) for name, value in pairs if isinstance(value, str)]
        # No browser sends them; what did would fail in the database.
        if any(not is_storable(each) for pair in self._values for each in pair):
            raise unstorable("input")

    def text(self, name: str, most: int = 4000) -> str:
        """Return a field without space around it, empty if it is not there; cut off beyond `most`."""
        return next((value for key, value in self._values if key == name), "").strip()[:most]

    def secret(self, name: str) -> str:
        """Return a password exactly as it was typed."""
        return next((value for key, value in self._values if key == name), "")

    def every(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return tuple(value for key, value in self._values if key == name)

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return any(key == name and value for key, value in self._values)

    def as_dict(self) -> dict[str, str]:
        """Return the first value of every field, to fill the form again."""
        return {name: self.text(name) for name in dict.fromkeys(key for key, _ in self._values)}


def error_of(refusal: Refusal, names: Mapping[str, str] | None = None) -> FieldError:
    """Return a refusal beside the field of the form it speaks of; `names` maps JSON paths to fields of the form."""
    field = (names or {}).get(refusal.field, refusal.field)
    if refusal.rule.startswith(_OF_A_MESSAGE):
        # Written for who writes programs: it names the message and its schema.
        rule = refusal.rule.partition("：")[2].replace("该字段", "该项") or "内容须完整，且符合格式"
        named = LABELS.get(field, "所填内容")
        return FieldError(field, f"“{named}”没有填写，或者不符合要求。", "请更正后再次提交", rule)
    message, remedy, rule = map(in_words, (refusal.message, refusal.remedy, refusal.rule))
    return FieldError(field, message, remedy, rule, 409 if status_of(refusal) == 409 else 422)


def status_of_form(errors: Iterable[FieldError]) -> int:
    """Return the status of a form that comes back: what is away, or against it, stands before what can be mended."""
    found = {each.status for each in errors}
    return next((each for each in (503, 409) if each in found), 422)


def heading_of(errors: Iterable[FieldError]) -> str:
    """Return what stands above the errors of a form: nobody is asked to mend what is not theirs to mend."""
    return _HEADINGS[status_of_form(errors)]


def by_field(errors: Iterable[FieldError]) -> dict[str, FieldError]:
    """Return the first error of each field."""
    found: dict[str, FieldError] = {}
    for each in errors:
        found.setdefault(each.field, each)
    return found
