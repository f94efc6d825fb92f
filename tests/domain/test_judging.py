from datetime import UTC, date, datetime

from domain.application import Material
from domain.case import KEPT_COMMAND_IDS, CaseState, Objection, Processed
from domain.commands import (
    Appeal,
    ChangeContact,
    ChangeHospital,
    Command,
    Correct,
    GiveVerdict,
    InsuredChanged,
    RaiseObjection,
    RuleObjection,
    Supersede,
    SupplyMaterials,
    VerifyOriginals,
    Withdraw,
)
from domain.judging import MOST_OBJECTIONS, STATUSES, digest_of, judge, possible
from domain.panel import Panel, PanelPurpose, Seat, SeatLeft
from domain.vocabulary import Decision, InsuredState, MaterialKind, Status
from storage.policies import policy_for

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
APP = {"command_id": "c1", "actor": "channel:app"}


def state(status: Status = Status.REVIEW, **fields: object) -> CaseState:
    known = {"acceptance_no": "n", "region": "510400", "disease_id": "d", "channel": "app", "received_at": NOW}
    return CaseState.model_validate({**known, "status": status, **fields})


def verdict(**fields: object) -> GiveVerdict:
    base = {"command_id": "v", "actor": "expert:E1", "decision": Decision.GRANT, "reason": "x"}
    return GiveVerdict.model_validate({**base, **fields})


def field_of(case: CaseState, command: Command) -> str | None:
    refusal = judge(case, command, NOW)
    return refusal.field if refusal else None


def seated(**seat: object) -> CaseState:
    seats = (Seat.model_validate({"expert_id": "E1", "assigned_at": NOW, **seat}),)
    return state(panel=Panel(number=1, purpose=PanelPurpose.REVIEW, size=1, agree=1, seats=seats))


def test_every_command_names_the_statuses_it_is_lawful_in() -> None:
    assert all(STATUSES[model] for model in STATUSES)
    withdrawable = STATUSES[Withdraw]
    assert withdrawable == set(Status) - {
        Status.NOT_ACCEPTED, Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED, Status.DENIED, Status.LAPSED,
        Status.WITHDRAWN, Status.ENDED, Status.SUPERSEDED,
    }  # fmt: skip


def test_a_closed_case_takes_nothing_and_offers_nothing() -> None:
    closed = state(Status.WITHDRAWN, closed=True)
    assert field_of(closed, Withdraw.model_validate(APP)) == "acceptance_no"
    assert possible(closed) == ()


def test_a_seat_speaks_once_and_only_while_it_is_held() -> None:
    assert field_of(seated(), verdict()) is None
    given = {"decision": Decision.DENY, "reason": "x", "given_at": NOW}
    assert field_of(seated(verdict=given), verdict()) == "actor"
    assert field_of(seated(left=SeatLeft.REPLACED), verdict()) == "actor"
    assert field_of(state(), verdict()) == "actor"


def test_more_evidence_needs_a_round_that_is_left() -> None:
    assert field_of(seated(), verdict(decision=Decision.MORE_EVIDENCE)) == "decision"


def test_a_used_command_id_stands_for_its_own_content_alone() -> None:
    case, first = state(), Withdraw.model_validate(APP)
    case.remember("c1", Processed(name="withdraw", digest=digest_of(first), seq=3, status=Status.REVIEW))
    assert field_of(case, first) is None, "a repetition is the caller's to notice"
    assert field_of(case, Withdraw.model_validate({**APP, "reason": "other"})) == "command_id"


def test_the_oldest_receipts_are_forgotten_first() -> None:
    case = state()
    for number in range(KEPT_COMMAND_IDS + 5):
        case.remember(f"c{number}", Processed(name="x", digest="d", seq=number, status=Status.REVIEW))
    assert len(case.processed) == KEPT_COMMAND_IDS
    assert "c4" not in case.processed
    assert "c5" in case.processed


def test_one_appeal_a_case() -> None:
    appeal = Appeal.model_validate({**APP, "reason": "x"})
    assert field_of(state(Status.DENIED), appeal) is None
    assert field_of(state(Status.DENIED, appealed=True), appeal) == "status"


def test_only_a_pending_objection_is_ruled_on_and_their_number_is_bounded() -> None:
    entry = Objection(objection_id="O1", by="甲", reason="x", raised_at=NOW)
    ruling = {"command_id": "r", "actor": "officer:O1", "objection_id": "O1", "upheld": False, "reason": "x"}
    assert field_of(state(Status.OBJECTED, objections=(entry,)), RuleObjection.model_validate(ruling)) is None
    ruled = entry.model_copy(update={"upheld": True})
    assert (
        field_of(state(Status.OBJECTED, objections=(ruled,)), RuleObjection.model_validate(ruling)) == "objection_id"
    )
    raised = RaiseObjection.model_validate({**APP, "by": "乙", "reason": "x"})
    assert field_of(state(Status.OBJECTED, objections=(entry,) * (MOST_OBJECTIONS - 1)), raised) is None
    assert field_of(state(Status.OBJECTED, objections=(entry,) * MOST_OBJECTIONS), raised) == "by"


def test_originals_are_compared_once() -> None:
    compare = VerifyOriginals.model_validate({"command_id": "o", "actor": "counter:C1", "outcome": "match"})
    assert field_of(state(Status.VERIFYING), compare) is None
    assert field_of(state(Status.VERIFYING, originals_match=False), compare) == "outcome"


def test_an_older_insured_state_does_not_replace_a_newer_one() -> None:
    news = {"command_id": "i", "actor": "registry:R", "state": InsuredState.LAPSED, "as_of_on": "2026-11-20"}
    case = state(Status.EFFECTIVE, insured_as_of=date(2026, 11, 21))
    assert field_of(case, InsuredChanged.model_validate(news)) == "as_of_on"
    assert field_of(case, InsuredChanged.model_validate({**news, "as_of_on": "2026-11-21"})) is None


def test_a_correction_fits_what_it_corrects() -> None:
    officer = {"command_id": "k", "actor": "officer:O1", "reason": "x"}
    denial, grant = (Correct.model_validate({**officer, "what": what}) for what in ("denial", "grant"))
    assert field_of(state(Status.DENIED), denial) is None
    assert field_of(state(Status.DENIED), grant) == "what"
    assert field_of(state(Status.EFFECTIVE), grant) is None


def test_records_are_taken_only_while_they_are_asked_for() -> None:
    paper = Material(kind=MaterialKind.PHOTO, sha256="a" * 64)
    supply = SupplyMaterials.model_validate({**APP, "materials": [paper]})
    assert field_of(state(Status.SUPPLEMENT), supply) is None
    assert field_of(state(Status.SUSPENDED, suspended_for="insurance"), supply) == "status"
    assert field_of(state(Status.SUSPENDED, suspended_for="recheck"), supply) is None
    assert field_of(state(Status.RECHECK), supply) == "status"


def test_an_empty_change_of_contact_is_refused() -> None:
    assert field_of(state(), ChangeContact.model_validate(APP)) == "phone"


def test_a_case_does_not_take_its_own_place() -> None:
    message = {"command_id": "s", "actor": "system"}
    case = state(Status.EFFECTIVE)
    assert field_of(case, Supersede.model_validate({**message, "by": case.acceptance_no})) == "by"
    assert field_of(case, Supersede.model_validate({**message, "by": "other"})) is None


def test_a_change_to_the_hospital_one_already_has_is_refused_and_not_counted() -> None:
    rules = policy_for("510400", date(2026, 11, 23)).rules_for("510400-001")
    case = state(Status.EFFECTIVE, hospital_id="H1", rules=rules)
    refusal = judge(case, ChangeHospital.model_validate({**APP, "hospital_id": "H1"}), NOW)
    assert refusal is not None
    assert (refusal.field, refusal.message) == ("hospital_id", "该机构已是您的定点医疗机构。")
    assert field_of(case, ChangeHospital.model_validate({**APP, "hospital_id": "H2"})) is None
    spent = case.model_copy(update={"hospital_changes": (date(2026, 11, 1),)})
    same = judge(spent, ChangeHospital.model_validate({**APP, "hospital_id": "H1"}), NOW)
    assert same == refusal, "what changes nothing is not told to wait for next year"
