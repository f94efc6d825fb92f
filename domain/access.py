"""Who may do what to which case: every door (API, pages) asks `may` before it reads or writes.

Pure: who somebody is was settled before (`storage/accounts.py`, `storage/api_keys.py`), and what is known of a case
is handed in as `CaseFacts`. The roles and their actions stand in `domain/roles.py`.
"""

from domain.application import COUNTER, Model
from domain.refusal import Refusal
from domain.roles import (
    ALLOWED,
    OF_ONE_CASE,
    ROLE_ZH,
    SCOPES,
    WEB_CHANNEL,
    Action,
    Principal,
    Role,
    Scope,
)

__all__ = [
    "ALLOWED",
    "OFFICIALS",
    "OF_ONE_CASE",
    "ROLE_ZH",
    "SCOPES",
    "WEB_CHANNEL",
    "Action",
    "CaseFacts",
    "Principal",
    "Role",
    "Scope",
    "allows",
    "hides",
    "is_own",
    "is_theirs",
    "may",
]

_ON_PUBLIC_LIST = frozenset({Action.RAISE_OBJECTION})
_OF_ONE_PERSON = frozenset({Action.APPLY, Action.REGISTER_OFFREGION})
"""What is done for a person before there is a case; the facts name the person."""


OFFICIALS = frozenset({Role.COUNTER, Role.EXPERT, Role.OFFICER, Role.AUDITOR})
"""Who may not deal with a case of their own: their accounts hold the digest of their ID number."""

_ONLY_LOOKED_AT = frozenset(
    {
        Action.READ_CASE,
        Action.READ_PERSON,
        Action.READ_MATERIALS,
        Action.READ_VERDICTS,
        Action.READ_OBJECTIONS,
        Action.READ_CERTIFICATE,
        Action.READ_LETTERS,
        Action.READ_NOTICES,
        Action.READ_INBOX,
        Action.MARK_INBOX,
    }
)
_DEALT_WITH = (OF_ONE_CASE | _OF_ONE_PERSON) - _ONLY_LOOKED_AT - {Action.RECUSE}
"""What nobody does of whom it is not known which case is their own. An expert may step down all the same."""


class CaseFacts(Model):
    """What the rules need to know of a case, or of what is about to become one; no personal data.

    `persons` are the keyed digests of the patient and of whoever applied for them; `applicant_accounts` the accounts
    that applied for the case or claimed it; `experts` those who sit or sat on it and did not leave. `counted` is
    whether the last panel called is counted, `public` whether the case stands on the public list now.
    """

    region: str
    channel: str = ""
    persons: tuple[str, ...] = ()
    applicant_accounts: tuple[str, ...] = ()
    experts: tuple[str, ...] = ()
    counted: bool = False
    public: bool = False


def allows(principal: Principal, action: Action) -> bool:
    """Whether somebody may do a thing at all, in the right city and to the right case: for menus and lists."""
    return _by_role(principal, action) is None


def may(principal: Principal, action: Action, facts: CaseFacts | None = None) -> Refusal | None:
    """Return why somebody may not do a thing, None if they may.

    Raises `ValueError` for an action on one case without its facts: forgetting them must not open a door. For what
    concerns a city rather than a case (lists, statistics, a look-up at the counter), facts with the region alone.
    """
    refused = _by_role(principal, action)
    if refused is not None:
        return refused
    if facts is None:
        if action in OF_ONE_CASE or action in _OF_ONE_PERSON or action is Action.FIND_PERSON:
            raise ValueError(f"{action} needs the facts of the case")
        return None
    return (
        _by_region(principal, action, facts) or _by_case(principal, action, facts) or _by_identity(principal, action)
    )


def hides(refusal: Refusal) -> bool:
    """Whether the door answers as if there were no such case: else numbers could be tried until one exists."""
    return refusal.field in ("acceptance_no", "region")


def is_theirs(principal: Principal, facts: CaseFacts) -> bool:
    """Whether somebody may see a case as far as city, channel and person go, whatever an API key was made for."""
    refused = _by_region(principal, Action.READ_CASE, facts) or _by_case(principal, Action.READ_CASE, facts)
    return refused is None


def is_own(principal: Principal, facts: CaseFacts) -> bool:
    """Whether a case is the principal's own: as patient, as the one who applied for them, or by account."""
    if principal.kind == "key":
        return False
    mine = bool(principal.person_key) and principal.person_key in facts.persons
    return mine or principal.id in facts.applicant_accounts


def _by_role(principal: Principal, action: Action) -> Refusal | None:
    if (principal.kind == "key") != (principal.role is Role.BACKEND):
        return _not_for(principal.role)
    if action not in ALLOWED[principal.role]:
        return _not_for(principal.role)
    if principal.kind == "key" and not any(action in SCOPES[scope] for scope in principal.scopes):
        return Refusal(
            field="scope",
            rule="接口密钥只能用于授权范围内的操作",
            remedy="请使用授权范围包含该操作的密钥，或联系系统管理员重新发放",
            message="该接口密钥未获授权进行此操作。",
        )
    return None


def _by_region(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    # An applicant's own cases may lie in several cities, and nobody grants cities to citizens.
    if principal.role is Role.APPLICANT or facts.region in principal.regions:
        return None
    return Refusal(
        field="region",
        rule="只能办理本账号或密钥所属统筹区的事项",
        remedy="请由该统筹区的工作人员或渠道办理",
        message="该事项不属于您的统筹区。",
    )


def _by_case(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    match principal.role:
        case Role.APPLICANT:
            return _as_applicant(principal, action, facts)
        case Role.BACKEND:
            return _as_backend(principal, action, facts)
        case Role.EXPERT:
            return _as_expert(principal, action, facts)
        case _:
            return _as_official(principal, action, facts)


def _by_identity(principal: Principal, action: Action) -> Refusal | None:
    """Refuse whoever's own cases nobody could tell: an account made before ID numbers were asked for."""
    if principal.role not in OFFICIALS or principal.person_key or action not in _DEALT_WITH:
        return None
    return Refusal(
        field="id_number",
        rule="回避：办理和评审申请的账号须登记本人的身份证号码，用来识别与本人有关的申请",
        remedy="请由系统管理员在“账号”中为该账号登记身份证号码",
        message="您的账号没有登记身份证号码，不能办理。",
    )


def _as_applicant(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    if action is Action.APPLY:
        return _through(WEB_CHANNEL, facts)
    if action not in OF_ONE_CASE or is_own(principal, facts) or _in_public(action, facts):
        return None
    return _no_such_case("申请人只能查看和办理自己的申请", "请核对受理号；代他人申请的，请用提交申请的账号登录")


def _as_backend(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    if action is Action.APPLY:
        return _through(principal.channel, facts)
    if action in SCOPES[Scope.REGISTRY]:
        # The registry of the insured knows people, whichever way they applied.
        return None
    own_channel = bool(principal.channel) and facts.channel == principal.channel
    if action not in OF_ONE_CASE or own_channel or _in_public(action, facts):
        return None
    return _no_such_case("渠道只能查看和办理经本渠道提交的申请", "请核对受理号，或由原渠道办理")


def _as_expert(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    if action not in OF_ONE_CASE:
        return None
    if not principal.expert_id or principal.expert_id not in facts.experts:
        return _no_such_case("专家只能查看和评审分派给本人的申请", "请核对受理号；已回避或被更换的，不再参与该件")
    # Stepping down is what an expert who finds their own case among the assigned ones is there to do.
    if is_own(principal, facts) and action is not Action.RECUSE:
        return _own_case("请通过申请回避退出该件的评审")
    if action is Action.READ_VERDICTS and not facts.counted:
        return Refusal(
            field="verdicts",
            rule="评审意见汇总之前，专家不得查看其他专家的意见",
            remedy="请先独立提交意见，汇总之后再查看",
            message="评审意见尚未汇总，暂不能查看。",
        )
    return None


def _as_official(principal: Principal, action: Action, facts: CaseFacts) -> Refusal | None:
    if action is Action.APPLY:
        refused = _through(COUNTER, facts)
        if refused is not None:
            return refused
    judged = action in OF_ONE_CASE or action in _OF_ONE_PERSON
    if judged and is_own(principal, facts):
        return _own_case("请由其他工作人员办理；查询本人进度请使用个人账号")
    return None


def _through(channel: str, facts: CaseFacts) -> Refusal | None:
    if channel and facts.channel == channel:
        return None
    return Refusal(
        field="channel",
        rule="申请只能经登记的渠道提交：接口密钥经其所属渠道，窗口经 counter，本站网页经 web",
        remedy="请更正申请的 channel 后重新提交",
        message="申请的渠道与您的账号或密钥不符。",
    )


def _in_public(action: Action, facts: CaseFacts) -> bool:
    return action in _ON_PUBLIC_LIST and facts.public


def _not_for(role: Role) -> Refusal:
    return Refusal(
        field="role",
        rule="各角色只能进行其职责范围内的操作",
        remedy="请用具有相应职责的账号登录，或联系系统管理员",
        message=f"{ROLE_ZH[role]}不能进行此操作。",
    )


def _no_such_case(rule: str, remedy: str) -> Refusal:
    return Refusal(field="acceptance_no", rule=rule, remedy=remedy, message="没有您可以查看或办理的这件申请。")


def _own_case(remedy: str) -> Refusal:
    return Refusal(
        field="person",
        rule="回避：任何人不得办理、评审或查阅与本人有关的申请",
        remedy=remedy,
        message="该申请与您本人有关，您不能办理。",
    )
