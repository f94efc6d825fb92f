"""The roles, everything that can be done, and which role may do what at all.

The table is only half of the answer: `domain/access.py` asks it first, and then looks at the case.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from domain.application import Model

WEB_CHANNEL = "web"
"""The channel of people who apply on our own pages."""


class Role(StrEnum):
    """What somebody is here for. A person has one role per account; `backend` is for API keys alone."""

    APPLICANT = "applicant"
    COUNTER = "counter"
    EXPERT = "expert"
    OFFICER = "officer"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    BACKEND = "backend"


ROLE_ZH: Mapping[Role, str] = MappingProxyType(
    {
        Role.APPLICANT: "申请人",
        Role.COUNTER: "窗口人员",
        Role.EXPERT: "评审专家",
        Role.OFFICER: "经办人员",
        Role.AUDITOR: "稽核人员",
        Role.OPERATOR: "系统管理员",
        Role.BACKEND: "渠道后台",
    }
)


class Action(StrEnum):
    """Everything the API and the pages can do for somebody who is known. What is public asks nobody."""

    APPLY = "apply"
    UPLOAD = "upload"
    CLAIM_CASE = "claim_case"
    REGISTER_OFFREGION = "register_offregion"

    LIST_CASES = "list_cases"
    FIND_PERSON = "find_person"
    READ_OWN = "read_own"
    READ_CASE = "read_case"
    READ_PERSON = "read_person"
    READ_MATERIALS = "read_materials"
    READ_VERDICTS = "read_verdicts"
    READ_OBJECTIONS = "read_objections"
    READ_CERTIFICATE = "read_certificate"
    READ_LETTERS = "read_letters"
    READ_NOTICES = "read_notices"
    READ_INBOX = "read_inbox"
    MARK_INBOX = "mark_inbox"

    SUPPLY_MATERIALS = "supply_materials"
    GIVE_VERDICT = "give_verdict"
    RECUSE = "recuse"
    VERIFY_ORIGINALS = "verify_originals"
    RAISE_OBJECTION = "raise_objection"
    RULE_OBJECTION = "rule_objection"
    WITHDRAW = "withdraw"
    APPEAL = "appeal"
    EXTEND = "extend"
    CORRECT = "correct"
    CHANGE_HOSPITAL = "change_hospital"
    CHANGE_CONTACT = "change_contact"
    FILE_OFFREGION = "file_offregion"
    END_OFFREGION = "end_offregion"
    INSURED_CHANGED = "insured_changed"
    END_ENTITLEMENT = "end_entitlement"
    NOTICE_DELIVERED = "notice_delivered"
    NOTICE_WAIVED = "notice_waived"
    RESEND_NOTICE = "resend_notice"
    WORK_TASKS = "work_tasks"

    READ_CALENDAR = "read_calendar"
    READ_POLICY = "read_policy"
    READ_STATISTICS = "read_statistics"
    READ_EXPERTS = "read_experts"
    READ_PAST_LIST = "read_past_list"
    READ_AUDIT = "read_audit"
    READ_HEALTH = "read_health"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_KEYS = "manage_keys"


_LOOK_UP = frozenset({Action.READ_CALENDAR, Action.READ_POLICY})
_OF_APPLICANT = frozenset(
    {
        Action.SUPPLY_MATERIALS,
        Action.WITHDRAW,
        Action.APPEAL,
        Action.CHANGE_HOSPITAL,
        Action.CHANGE_CONTACT,
        Action.FILE_OFFREGION,
        Action.END_OFFREGION,
    }
)
_WORKED = frozenset(
    {
        Action.VERIFY_ORIGINALS,
        Action.RAISE_OBJECTION,
        Action.RULE_OBJECTION,
        Action.EXTEND,
        Action.CORRECT,
        Action.INSURED_CHANGED,
        Action.END_ENTITLEMENT,
        Action.NOTICE_DELIVERED,
        Action.NOTICE_WAIVED,
        Action.RESEND_NOTICE,
        Action.WORK_TASKS,
    }
)
"""What an officer does with a case."""

_HANDED_OUT = frozenset(
    {
        Action.READ_CASE,
        Action.READ_PERSON,
        Action.READ_MATERIALS,
        Action.READ_CERTIFICATE,
        Action.READ_LETTERS,
        Action.READ_NOTICES,
    }
)


class Scope(StrEnum):
    """What an API key was made for; a key may have several."""

    APPLY = "apply"
    COMMAND = "command"
    READ = "read"
    REGISTRY = "registry"


SCOPES: Mapping[Scope, frozenset[Action]] = MappingProxyType(
    {
        Scope.APPLY: frozenset({Action.APPLY, Action.UPLOAD}),
        Scope.COMMAND: _OF_APPLICANT
        | {Action.UPLOAD, Action.RAISE_OBJECTION, Action.MARK_INBOX, Action.REGISTER_OFFREGION},
        Scope.READ: _HANDED_OUT | _LOOK_UP | {Action.LIST_CASES, Action.READ_INBOX},
        Scope.REGISTRY: frozenset({Action.INSURED_CHANGED}),
    }
)

ALLOWED: Mapping[Role, frozenset[Action]] = MappingProxyType(
    {
        Role.APPLICANT: _OF_APPLICANT
        | _HANDED_OUT
        | _LOOK_UP
        | {
            Action.APPLY,
            Action.UPLOAD,
            Action.CLAIM_CASE,
            Action.READ_OWN,
            Action.RAISE_OBJECTION,
            Action.READ_INBOX,
            Action.MARK_INBOX,
        },
        Role.COUNTER: _OF_APPLICANT
        | _HANDED_OUT
        | _LOOK_UP
        | {
            Action.APPLY,
            Action.UPLOAD,
            Action.LIST_CASES,
            Action.FIND_PERSON,
            Action.REGISTER_OFFREGION,
            Action.VERIFY_ORIGINALS,
            Action.RAISE_OBJECTION,
        },
        Role.EXPERT: _LOOK_UP
        | {
            Action.LIST_CASES,
            Action.READ_CASE,
            Action.READ_MATERIALS,
            Action.READ_VERDICTS,
            Action.GIVE_VERDICT,
            Action.RECUSE,
        },
        Role.OFFICER: _HANDED_OUT
        | _LOOK_UP
        | _WORKED
        | {
            Action.LIST_CASES,
            Action.FIND_PERSON,
            Action.REGISTER_OFFREGION,
            Action.READ_VERDICTS,
            Action.READ_OBJECTIONS,
            Action.READ_STATISTICS,
            Action.READ_EXPERTS,
            Action.READ_PAST_LIST,
        },
        Role.AUDITOR: _LOOK_UP
        | {
            Action.LIST_CASES,
            Action.READ_CASE,
            Action.READ_VERDICTS,
            Action.READ_OBJECTIONS,
            Action.READ_NOTICES,
            Action.READ_STATISTICS,
            Action.READ_EXPERTS,
            Action.READ_PAST_LIST,
            Action.READ_AUDIT,
        },
        # Runs the installation and looks at no case: whoever hands out accounts must not profit from them.
        Role.OPERATOR: _LOOK_UP
        | {
            Action.READ_STATISTICS,
            Action.READ_EXPERTS,
            Action.READ_HEALTH,
            Action.MANAGE_ACCOUNTS,
            Action.MANAGE_KEYS,
        },
        Role.BACKEND: frozenset().union(*SCOPES.values()),
    }
)

OF_ONE_CASE = (
    _OF_APPLICANT
    | _HANDED_OUT
    | _WORKED
    | frozenset(
        {
            Action.READ_VERDICTS,
            Action.READ_OBJECTIONS,
            Action.READ_INBOX,
            Action.MARK_INBOX,
            Action.GIVE_VERDICT,
            Action.RECUSE,
        }
    )
)
"""What is done to one case: not to be decided without its facts."""


class Principal(Model):
    """Who asks. Holds no personal data; `person_key` is the keyed digest of the own ID number, if it is known.

    `regions` are the cities it may act in; an applicant's are not limited and may be empty. `scopes` are those of a
    key: a key without any may do nothing.
    """

    kind: Literal["account", "key"]
    id: str
    role: Role
    regions: tuple[str, ...] = ()
    channel: str = ""
    expert_id: str = ""
    person_key: str = ""
    scopes: tuple[Scope, ...] = ()

    @property
    def actor(self) -> str:
        """As whom it sends commands: `officer:ID`, `counter:ID`, `expert:E001`, `channel:NAME`.

        Auditors and operators send none; theirs is no sender any command knows.
        """
        match self.role:
            case Role.APPLICANT:
                return f"channel:{WEB_CHANNEL}"
            case Role.BACKEND:
                return f"channel:{self.channel}"
            case Role.EXPERT:
                return f"expert:{self.expert_id}"
            case _:
                return f"{self.role}:{self.id}"

    def acts_as(self, action: Action) -> str:
        """Return as whom it sends one command: what the registry of the insured reports, a key reports as it."""
        if self.role is Role.BACKEND and action in SCOPES[Scope.REGISTRY]:
            return f"registry:{self.channel}"
        return self.actor

    @property
    def reader(self) -> str:
        """Who it is in `access_log`: the account or key itself, also where several share an actor."""
        return f"key:{self.id}" if self.kind == "key" else f"{self.role}:{self.id}"
