"""Who may do what, held against a table written by hand: every role, every action, every relation to the case."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest

from domain.access import (
    ALLOWED,
    OF_ONE_CASE,
    ROLE_ZH,
    SCOPES,
    Action,
    CaseFacts,
    Principal,
    Role,
    Scope,
    allows,
    hides,
    is_own,
    may,
)
from domain.commands import ACTOR_PATTERN, COMMANDS

CITY, OTHER_CITY = "510400", "620900"
APP = "panzhihua-app"
ME, SOMEBODY = "aa" * 16, "bb" * 16
MY_ACCOUNT = "a0123456789abcdef"

RULES = """
action              applicant     counter   expert   officer   auditor   operator   backend
apply               web           window    -        -         -         -          channel
upload              +             city      -        -         -         -          city
claim_case          +             -         -        -         -         -          -
register_offregion  -             case      -        case      -         -          city
list_cases          -             city      city     city      city      -          city
find_person         -             city      -        city      -         -          -
read_own            +             -         -        -         -         -          -
read_case           own           case      seat     case      case      -          channel
read_person         own           case      -        case      -         -          channel
read_materials      own           case      seat     case      -         -          channel
read_verdicts       -             -         counted  case      case      -          -
read_objections     -             -         -        case      case      -          -
read_certificate    own           case      -        case      -         -          channel
read_letters        own           case      -        case      -         -          channel
read_notices        own           case      -        case      case      -          channel
read_inbox          own           -         -        -         -         -          channel
mark_inbox          own           -         -        -         -         -          channel
supply_materials    own           case      -        -         -         -          channel
give_verdict        -             -         seat     -         -         -          -
recuse              -             -         sits     -         -         -          -
verify_originals    -             case      -        case      -         -          -
raise_objection     own/public    case      -        case      -         -          channel/public
rule_objection      -             -         -        case      -         -          -
withdraw            own           case      -        -         -         -          channel
appeal              own           case      -        -         -         -          channel
extend              -             -         -        case      -         -          -
correct             -             -         -        case      -         -          -
change_hospital     own           case      -        -         -         -          channel
change_contact      own           case      -        -         -         -          channel
file_offregion      own           case      -        -         -         -          channel
end_offregion       own           case      -        -         -         -          channel
insured_changed     -             -         -        case      -         -          city
end_entitlement     -             -         -        case      -         -          -
notice_delivered    -             -         -        case      -         -          -
notice_waived       -             -         -        case      -         -          -
resend_notice       -             -         -        case      -         -          -
work_tasks          -             -         -        case      -         -          -
read_calendar       +             city      city     city      city      city       city
read_policy         +             city      city     city      city      city       city
read_statistics     -             -         -        city      city      city       -
read_experts        -             -         -        city      city      city       -
read_past_list      -             -         -        city      city      -          -
read_audit          -             -         -        -         city      -          -
read_health         -             -         -        -         -         city       -
manage_accounts     -             -         -        -         -         city       -
manage_keys         -             -         -        -         -         city       -
"""

Own = Literal["", "patient", "agent", "account"]


@dataclass(frozen=True)
class Situation:
    """How a case stands to who asks."""

    city: bool
    own: Own
    seated: bool
    counted: bool
    public: bool
    channel: str

    @property
    def facts(self) -> CaseFacts:
        return CaseFacts(
            region=CITY if self.city else OTHER_CITY,
            channel=self.channel,
            persons={"patient": (ME,), "agent": (SOMEBODY, ME)}.get(self.own, (SOMEBODY,)),
            applicant_accounts=("a-other", MY_ACCOUNT) if self.own == "account" else ("a-other",),
            experts=("E001", "E002") if self.seated else ("E002",),
            counted=self.counted,
            public=self.public,
        )


MEANS: dict[str, Callable[[Situation], bool]] = {
    "-": lambda s: False,
    "+": lambda s: True,
    "city": lambda s: s.city,
    "case": lambda s: s.city and not s.own,
    "own": lambda s: bool(s.own),
    "own/public": lambda s: bool(s.own) or s.public,
    "seat": lambda s: s.city and s.seated and not s.own,
    "sits": lambda s: s.city and s.seated,
    "counted": lambda s: s.city and s.seated and not s.own and s.counted,
    "web": lambda s: s.channel == "web",
    "window": lambda s: s.city and s.channel == "counter" and not s.own,
    "channel": lambda s: s.city and s.channel == APP,
    "channel/public": lambda s: s.city and (s.channel == APP or s.public),
}


def who(role: Role) -> Principal:
    if role is Role.BACKEND:
        return Principal(kind="key", id="k1", role=role, regions=(CITY,), channel=APP, scopes=tuple(Scope))
    return Principal(
        kind="account",
        id=MY_ACCOUNT,
        role=role,
        regions=() if role is Role.APPLICANT else (CITY,),
        expert_id="E001" if role is Role.EXPERT else "",
        person_key=ME,
    )


def expectations() -> Iterator[tuple[Role, Action, str]]:
    head, *lines = RULES.strip().splitlines()
    roles = [Role(name) for name in head.split()[1:]]
    for line in lines:
        action, *cells = line.split()
        for role, cell in zip(roles, cells, strict=True):
            yield role, Action(action), cell


def situations() -> Iterator[Situation]:
    owns: tuple[Own, ...] = ("", "patient", "agent", "account")
    yes = (True, False)
    for city, own, seated, counted, public in product(yes, owns, yes, yes, yes):
        for channel in (APP, "another-app", "web", "counter"):
            yield Situation(city, own, seated, counted, public, channel)


def test_the_table_names_every_role_and_every_action_once() -> None:
    assert sorted((role, action) for role, action, _ in expectations()) == sorted(product(Role, Action))
    assert set(ALLOWED) == set(Role) == set(ROLE_ZH)


@pytest.mark.parametrize(("role", "action", "cell"), list(expectations()))
def test_a_role_may_do_an_action_exactly_where_the_table_says(role: Role, action: Action, cell: str) -> None:
    principal = who(role)
    assert allows(principal, action) == (cell != "-")
    for situation in situations():
        refused = may(principal, action, situation.facts)
        assert (refused is None) == MEANS[cell](situation), (situation, refused)
        if refused is not None:
            assert all(
                re.search(r"[\u4e00-\u9fff]", each) for each in (refused.rule, refused.remedy, refused.message)
            )
            assert refused.field in ("role", "region", "channel", "acceptance_no", "verdicts", "person")


@pytest.mark.parametrize("action", [*OF_ONE_CASE, Action.APPLY, Action.REGISTER_OFFREGION, Action.FIND_PERSON])
def test_an_action_on_a_case_is_not_decided_without_its_facts(action: Action) -> None:
    (role, *_) = [role for role in Role if action in ALLOWED[role]]
    with pytest.raises(ValueError, match="facts"):
        may(who(role), action)


def test_who_may_not_do_a_thing_at_all_is_refused_without_facts_too() -> None:
    refused = may(who(Role.AUDITOR), Action.RULE_OBJECTION)
    assert refused is not None
    assert refused.field == "role"


def test_a_case_that_is_not_ones_own_looks_as_if_it_did_not_exist() -> None:
    facts = CaseFacts(region=CITY, channel="another-app", persons=(SOMEBODY,), experts=("E002",))
    for role in (Role.APPLICANT, Role.EXPERT, Role.BACKEND):
        refused = may(who(role), Action.READ_CASE, facts)
        assert refused is not None
        assert hides(refused)
    elsewhere = may(who(Role.OFFICER), Action.READ_CASE, CaseFacts(region=OTHER_CITY))
    assert elsewhere is not None
    assert hides(elsewhere)
    own = may(who(Role.OFFICER), Action.READ_CASE, CaseFacts(region=CITY, persons=(ME,)))
    assert own is not None
    assert not hides(own)


def test_somebody_whose_number_is_not_known_owns_nothing_by_it() -> None:
    nobody = who(Role.OFFICER).model_copy(update={"person_key": ""})
    assert not is_own(nobody, CaseFacts(region=CITY, persons=("",)))
    assert may(nobody, Action.READ_CASE, CaseFacts(region=CITY, persons=("",))) is None
    seatless = who(Role.EXPERT).model_copy(update={"expert_id": ""})
    assert may(seatless, Action.GIVE_VERDICT, CaseFacts(region=CITY, experts=("",))) is not None
    mute = who(Role.BACKEND).model_copy(update={"channel": ""})
    for action in (Action.APPLY, Action.READ_CASE):
        assert may(mute, action, CaseFacts(region=CITY, channel="")) is not None


@pytest.mark.parametrize("role", [Role.COUNTER, Role.EXPERT, Role.OFFICER, Role.AUDITOR, Role.OPERATOR])
def test_whose_number_is_not_known_deals_with_no_case_and_is_told_what_to_do(role: Role) -> None:
    known, nobody = who(role), who(role).model_copy(update={"person_key": ""})
    facts = CaseFacts(region=CITY, channel="counter", experts=("E001",), counted=True)
    for action in ALLOWED[role]:
        refused, looks = may(nobody, action, facts), action.startswith(("read_", "list_", "find_"))
        assert may(known, action, facts) is None
        if role is Role.OPERATOR or looks or action in (Action.RECUSE, Action.UPLOAD):
            assert refused is None, action
        else:
            assert refused is not None, action
            assert (refused.field, "登记身份证号码" in refused.remedy) == ("id_number", True)


def test_several_cities_are_several_and_no_more() -> None:
    auditor = who(Role.AUDITOR).model_copy(update={"regions": (CITY, OTHER_CITY)})
    for region, allowed in ((CITY, True), (OTHER_CITY, True), ("990100", False)):
        assert (may(auditor, Action.READ_CASE, CaseFacts(region=region)) is None) == allowed


# -- keys -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "action"), [(scope, action) for scope in Scope for action in ALLOWED[Role.BACKEND]]
)
def test_a_key_does_only_what_its_scopes_say(scope: Scope, action: Action) -> None:
    key = who(Role.BACKEND).model_copy(update={"scopes": (scope,)})
    refused = may(key, action, CaseFacts(region=CITY, channel=APP))
    assert (refused is None) == (action in SCOPES[scope])
    assert refused is None or refused.field == "scope"


def test_scopes_are_what_their_names_say() -> None:
    assert SCOPES[Scope.APPLY] == {Action.APPLY, Action.UPLOAD}
    assert all(each.startswith(("read_", "list_")) for each in SCOPES[Scope.READ])
    writes = {each for each in SCOPES[Scope.COMMAND] if each in COMMANDS}
    assert writes == {name for name, command in COMMANDS.items() if "channel" in command.senders}
    reports = {name for name, command in COMMANDS.items() if "registry" in command.senders}
    assert SCOPES[Scope.REGISTRY] == reports == {Action.INSURED_CHANGED}


def test_a_key_without_scopes_does_nothing_and_no_key_plays_an_official() -> None:
    bare = Principal(kind="key", id="k1", role=Role.BACKEND, regions=(CITY,), channel=APP)
    assert not any(allows(bare, action) for action in Action)
    disguised = who(Role.OFFICER).model_copy(update={"kind": "key"})
    assert not any(allows(disguised, action) for action in Action)
    account = who(Role.BACKEND).model_copy(update={"kind": "account"})
    assert not any(allows(account, action) for action in Action)


# -- who sends commands -----------------------------------------------------------------------------------------


def test_whoever_may_send_a_command_is_a_sender_the_command_knows() -> None:
    for role, action in product(Role, Action):
        if action in COMMANDS and action in ALLOWED[role]:
            actor = who(role).acts_as(action)
            assert re.fullmatch(ACTOR_PATTERN, actor)
            assert actor.split(":")[0] in COMMANDS[action].senders, (role, action)


def test_every_command_of_people_and_channels_is_an_action_but_the_change_of_calendar() -> None:
    sent = {name for name, command in COMMANDS.items() if command.senders - {"system"}}
    assert sent - {"amend_calendar"} <= {action.value for action in Action}


def test_actors_and_readers_are_told_apart() -> None:
    assert {role: who(role).actor for role in Role} == {
        Role.APPLICANT: "channel:web",
        Role.COUNTER: f"counter:{MY_ACCOUNT}",
        Role.EXPERT: "expert:E001",
        Role.OFFICER: f"officer:{MY_ACCOUNT}",
        Role.AUDITOR: f"auditor:{MY_ACCOUNT}",
        Role.OPERATOR: f"operator:{MY_ACCOUNT}",
        Role.BACKEND: f"channel:{APP}",
    }
    assert who(Role.BACKEND).reader == "key:k1"
    assert who(Role.BACKEND).acts_as(Action.INSURED_CHANGED) == f"registry:{APP}"
    assert who(Role.OFFICER).acts_as(Action.INSURED_CHANGED) == who(Role.OFFICER).actor
    assert who(Role.APPLICANT).reader == f"applicant:{MY_ACCOUNT}"
    for role in (Role.AUDITOR, Role.OPERATOR):
        assert not re.fullmatch(ACTOR_PATTERN, who(role).actor)
