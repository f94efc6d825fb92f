"""Renewal 续期 and change 变更: which entitlement an application follows, and whether it may.

Pure: the door judges with it by the read model, and the transaction that opens a case once more under the person's
lock. Every refusal says from which day the application is possible, where there is such a day.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from domain.acceptance import parse_acceptance_number
from domain.application import ApplicationForm, Model
from domain.entitlement_dates import renewal_window
from domain.refusal import Refusal, Refused, refuse
from domain.vocabulary import END_ZH, ApplicationKind, ChangeKind, Status

_NUMBER_RULE = "replaces 须为本人在本统筹区的一项资格的受理号"
_AS_NEW = "请按新申请（kind 填 new）提交"
_GRANTED = frozenset({Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED})


class RenewalSpan(Model):
    """How many calendar days before and after the last day of validity a renewal is taken."""

    before: int
    after: int


class Held(Model):
    """One entitlement as the read model has it: `closed` once it has ended on `end_ground` or was superseded.

    `end_on` None is long-term. `superseded_by` is set as soon as another case was granted in its place.
    """

    acceptance_no: str
    person_key: str
    region: str
    disease_id: str
    closed: bool
    effect_on: date
    end_on: date | None = None
    end_ground: str = ""
    superseded_by: str | None = None
    status: Status | None = None
    replaces: str | None = None
    """The entitlement whose place it takes, if it was applied for in another's stead."""

    @property
    def in_force(self) -> bool:
        """Whether it counts among the person's diseases."""
        return not self.closed and self.superseded_by is None

    @property
    def expired(self) -> bool:
        """Whether it ended because its validity was over, and for no other reason."""
        return self.closed and self.superseded_by is None and self.end_ground == "expired"


def canonical_replaces(number: str | None) -> str | None:
    """Return a form's `replaces` in its canonical spelling. Raises `Refused` on a typing error."""
    if number is None:
        return None
    try:
        return parse_acceptance_number(number)
    except Refused as error:
        raise refuse(
            field="replaces",
            rule=error.refusal.rule,
            remedy="请对照原资格的受理通知书或电子凭证重新填写受理号",
            message="原资格的受理号有误。",
        ) from None


def keeps_disease(kind: ApplicationKind, change: ChangeKind | None) -> bool:
    """Whether an application follows an entitlement of the same disease, whose place it takes only when granted."""
    return kind is ApplicationKind.RENEWAL or (kind is ApplicationKind.CHANGE and change is ChangeKind.CONDITION)


def check_kind(form: ApplicationForm) -> None:
    """Raise `Refused` where the kind and the fields that belong to it do not fit together."""
    if form.kind is ApplicationKind.CHANGE and form.change is None:
        raise refuse(
            field="change",
            rule="变更申请须写明变更事项：condition（病情变化）、added（增加病种）、swap（更换病种）",
            remedy="请填写 change",
            message="没有写明变更事项。",
        )
    if form.kind is not ApplicationKind.CHANGE and form.change is not None:
        raise refuse(
            field="change",
            rule="只有变更申请（kind 为 change）填写 change",
            remedy="请删去 change，或者把 kind 改为 change",
            message="变更事项与申请类型不符。",
        )
    if form.change is ChangeKind.SWAP and form.replaces is None:
        raise refuse(
            field="replaces",
            rule="更换病种须写明被更换的资格",
            remedy="请在 replaces 填写被更换资格的受理号",
            message="没有写明被更换的资格。",
        )
    if form.replaces is not None and (form.kind is ApplicationKind.NEW or form.change is ChangeKind.ADDED):
        raise refuse(
            field="replaces",
            rule="新申请和增加病种不更替已有资格",
            remedy="请删去 replaces，或者核对 kind 和 change",
            message="该申请类型不更替已有资格。",
        )


def predecessor_of(
    form: ApplicationForm, held: Sequence[Held], named: Held | None, *, person_key: str, span: RenewalSpan, on: date
) -> Held | None:
    """Return the entitlement an application follows; None if it follows none. Raises `Refused`.

    `held` are all entitlements of the person in the region, `named` the one whose number the form names, whoever
    holds it. `on` is the local date of receipt.
    """
    own = [each for each in held if each.region == form.region]
    if form.change is ChangeKind.ADDED:
        _check_added(own)
        return None
    if form.kind is ApplicationKind.NEW:
        return None
    found = _named(form, named, person_key) if form.replaces is not None else _latest(form, own)
    if form.change is ChangeKind.SWAP:
        _check_other_disease(form, found)
    else:
        _check_same_disease(form, found)
    if form.kind is ApplicationKind.RENEWAL:
        _check_renewable(found, span, on)
    elif not found.in_force:
        raise _not_in_force(found)
    return found


def end_in_the_way(kind: ApplicationKind, held: Held, by: str, *, same_disease: bool) -> str:
    """Return why case `by` cannot be granted in an entitlement's place any more; empty if it can.

    One that expired meanwhile is followed all the same, and one that was to be given up for another disease however
    it ended.
    """
    if held.superseded_by not in (None, by):
        return f"原资格 {held.acceptance_no} 已由另一案件更替。"
    if not held.closed or held.expired or held.superseded_by == by or not same_disease:
        return ""
    return f"原资格 {held.acceptance_no} 已终止（{_ground(held)}），不能{_KIND_ZH[kind]}。"


_KIND_ZH = {ApplicationKind.NEW: "更替", ApplicationKind.RENEWAL: "续期", ApplicationKind.CHANGE: "变更"}


def _ground(held: Held) -> str:
    return END_ZH.get(held.end_ground, held.end_ground or "已更替")


def _latest(form: ApplicationForm, own: Iterable[Held]) -> Held:
    same = [each for each in own if each.disease_id == form.disease_id]
    standing = [each for each in same if each.superseded_by is None] or same
    found = max(standing, key=lambda each: (not each.closed, each.effect_on), default=None)
    if found is None:
        raise refuse(
            field="kind",
            rule="续期和病情变化的变更须已有该病种的资格",
            remedy=f"{_AS_NEW}，自即日起可以提交",
            message="该参保人在本统筹区没有这一病种的资格。",
        )
    return found


def _named(form: ApplicationForm, named: Held | None, person_key: str) -> Held:
    if named is None or named.region != form.region:
        raise refuse(
            field="replaces",
            rule=_NUMBER_RULE,
            remedy="请对照原资格的电子凭证核对受理号",
            message="没有这一项资格。",
        )
    if named.person_key != person_key:
        raise refuse(
            field="replaces",
            rule=_NUMBER_RULE,
            remedy="请核对受理号和申请人的身份信息",
            message="该受理号不是申请人本人的资格。",
        )
    return named


def _check_same_disease(form: ApplicationForm, found: Held) -> None:
    if found.disease_id != form.disease_id:
        raise refuse(
            field="disease_id",
            rule="续期和病情变化的变更针对同一病种",
            remedy="请填写原资格的病种；换成另一病种的，kind 填 change、change 填 swap",
            message="所填病种与原资格的病种不同。",
        )


def _check_other_disease(form: ApplicationForm, found: Held) -> None:
    if found.disease_id == form.disease_id:
        raise refuse(
            field="disease_id",
            rule="更换病种须换成另一病种",
            remedy="病种不变、病情变化的，change 填 condition",
            message="所填病种与原资格的病种相同。",
        )


def _check_added(own: Iterable[Held]) -> None:
    if not any(each.in_force for each in own):
        raise refuse(
            field="change",
            rule="增加病种须在本统筹区已有一项有效资格",
            remedy=f"{_AS_NEW}，自即日起可以提交",
            message="该参保人目前没有有效资格。",
        )


def _check_renewable(found: Held, span: RenewalSpan, on: date) -> None:
    if found.superseded_by is not None:
        raise _superseded(found)
    if found.closed and not found.expired:
        raise refuse(
            field="replaces",
            rule="只有有效期届满的资格可以续期",
            remedy=f"{_AS_NEW}，自即日起可以提交",
            message=f"原资格 {found.acceptance_no} 已终止（{_ground(found)}），不能续期。",
        )
    if found.end_on is None:
        raise refuse(
            field="kind",
            rule="长期有效的资格不需要续期",
            remedy="无需提交；年度复核由经办机构另行通知",
            message=f"原资格 {found.acceptance_no} 长期有效。",
        )
    first_on, last_on = renewal_window(found.end_on, span.before, span.after)
    rule = f"续期在有效期届满前 {span.before} 日至届满后 {span.after} 日内申请"
    if on < first_on:
        raise refuse(
            field="kind",
            rule=rule,
            remedy=f"可于 {first_on.isoformat()} 起至 {last_on.isoformat()} 止申请续期",
            message=f"原资格 {found.acceptance_no} 有效期至 {found.end_on.isoformat()}，尚未到续期时间。",
        )
    if on > last_on:
        raise refuse(
            field="kind",
            rule=rule,
            remedy=f"{_AS_NEW}，自 {on.isoformat()} 起可以提交",
            message=f"原资格 {found.acceptance_no} 的续期时间已于 {last_on.isoformat()} 截止。",
        )


def _not_in_force(found: Held) -> Refused:
    if found.superseded_by is not None:
        return _superseded(found)
    return refuse(
        field="replaces",
        rule="变更针对一项有效的资格",
        remedy=f"{_AS_NEW}，自即日起可以提交",
        message=f"原资格 {found.acceptance_no} 已终止（{_ground(found)}），不能变更。",
    )


def _superseded(found: Held) -> Refused:
    return refuse(
        field="replaces",
        rule="一项资格只能更替一次",
        # Named by somebody who knows the old number; of the new case they may know nothing.
        remedy="请查询更替它的案件；不知道受理号的，请向原申请渠道或窗口查询",
        message=f"原资格 {found.acceptance_no} 已由另一案件更替。",
    )


def judge_successor(replaced: Held, successor: Held | None) -> Refusal | None:
    """Return why a case cannot take the place of an entitlement, or None. `successor` None was never granted."""
    if successor is None or successor.status not in _GRANTED:
        why = "没有这一已认定的案件。"
    elif successor.acceptance_no == replaced.acceptance_no:
        why = "案件不能更替自身。"
    elif (successor.person_key, successor.region) != (replaced.person_key, replaced.region):
        why = "该案件与本案不属于同一参保人和统筹区。"
    elif successor.replaces != replaced.acceptance_no:
        why = "该案件不是为更替本案而申请的。"
    else:
        return None
    return Refusal(
        field="by",
        rule="更替本案的须是同一参保人、同一统筹区、为更替本案而申请并已认定生效的另一案件",
        remedy="请核对新案件的受理号；如需直接终止本案，请使用 end_entitlement",
        message=why,
    )
