"""A city's policy as data: every value with its source, and the rules one case is judged by.

The files stand in `domain/regions/`; `storage/policies.py` reads them. What each value decides is set out in the
two city guides; where they are silent the source says `assumption`.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from pydantic import Field, model_validator

from domain.benefit_policy import Benefit
from domain.case_rules import CaseRules, with_digest
from domain.disease import DiseaseRow, DiseaseStanding
from domain.events import NoticeEvent
from domain.notice_plan import NoticePlan
from domain.policy_fault import PolicyError, PolicyFault, shown
from domain.policy_tables import (
    Appeal,
    Clock,
    Effect,
    Filing,
    GuideRanges,
    HospitalChange,
    MaterialRules,
    Messages,
    Notices,
    Originals,
    Panel,
    Publicity,
    Recheck,
    Supplement,
    Validity,
)
from domain.sourced import PolicyModel, Sourced, StopSwitch

__all__ = [
    "CaseRules",
    "PolicyBook",
    "PolicyError",
    "RegionPolicy",
    "overlaps",
]


class RegionPolicy(PolicyModel):
    """One city's policy in one version, with its disease catalogue."""

    region: str = Field(pattern=r"^\d{6}$")
    version: str = Field(pattern=r"^[0-9A-Za-z.-]{1,32}$")
    effective_from: Sourced[date]
    city: Sourced[str]
    bureau: Sourced[str]
    hotline: Sourced[str]
    national_hotline: Sourced[str]
    filing: Filing
    clock: Clock
    supplement: Supplement
    originals: Originals
    panel: Panel
    publicity: Publicity
    effect: Effect
    recheck: Recheck
    validity: Validity
    appeal: Appeal
    hospital_change: HospitalChange
    materials: MaterialRules
    notices: Notices
    messages: Messages
    guide_ranges: GuideRanges = GuideRanges()
    benefit: Benefit | None = None
    listed_total: int | None = None
    diseases: tuple[DiseaseRow, ...] = ()
    candidates: tuple[DiseaseRow, ...] = ()

    @model_validator(mode="after")
    def _effect_can_be_reached(self) -> "RegionPolicy":
        if self.effect.rule.value == "day_after_publicity" and self.publicity.period.value == 0:
            raise ValueError("effect.rule 为 day_after_publicity 时 publicity.period 须大于 0")
        return self

    def disease(self, disease_id: str) -> DiseaseRow | None:
        """Return the row listed under a local id, or None."""
        return next((row for row in self.diseases if row.id == disease_id), None)

    def rules_for(self, disease_id: str) -> CaseRules:
        """Return the slice a case of this disease carries; raises `PolicyError` when it is not listed here."""
        row = self.disease(disease_id)
        if row is None:
            raise PolicyError(f"{self.region} 政策 {self.version} 的病种目录中没有该病种编号")
        return _case_rules(self, row)

    def outside_guide(self, row: DiseaseRow) -> tuple[str, ...]:
        """Return the names of a row's figures that lie outside the guide's ranges."""
        found = []
        for name in GuideRanges.model_fields:
            figure = getattr(row, name)
            span = getattr(self.guide_ranges, name)
            if figure is not None and span is not None and not span.value[0] <= figure <= span.value[1]:
                found.append(name)
        return tuple(found)

    def notice_channels(self, event: str) -> tuple[str, ...]:
        """Return the channels of an event's notice, first choice first."""
        return self.notices.events.get(event, self.notices.channels).value

    def notice_plan(self, event: NoticeEvent) -> NoticePlan:
        """Return how an event's notice goes out: providers, hours of rest, and what follows a failure."""
        notices = self.notices
        return NoticePlan(
            providers=notices.sms.order,
            quiet=notices.quiet_hours(event),
            fallback=notices.fallback.value if notices.fallback else (),
        )


def _case_rules(policy: RegionPolicy, row: DiseaseRow) -> CaseRules:
    clock, panel, most = policy.clock, policy.panel, policy.filing.max_diseases.value
    lasting = row.validity_years or policy.validity.default.value
    stops: Mapping[str, StopSwitch] = dict(clock.stops)
    return with_digest(
        CaseRules(
            region=policy.region,
            version=policy.version,
            disease_id=row.id,
            close_of_business=clock.close_of_business.value,
            decision_limit_days=clock.decision_limit.value,
            notify_limit_days=clock.notify_limit.value,
            warn_ratio=clock.warn_ratio.value,
            extensions=clock.extended_at_most,
            stopping_grounds=tuple(name for name, stop in stops.items() if stop.value),
            supplement_window_days=policy.supplement.window.value,
            supplement_remind_before_days=policy.supplement.remind_before.value,
            supplement_max_rounds=policy.supplement.max_rounds.value,
            verify_originals=row.verify_originals,
            originals_window_days=policy.originals.window.value,
            originals_remind_before_days=policy.originals.reminded_before,
            originals_kinds=policy.originals.kinds.value if policy.originals.kinds else (),
            panel_enabled=panel.enabled.value,
            panel_size=panel.size.value,
            panel_agree=panel.agree.value,
            panel_remind_days=panel.remind_after.value,
            panel_replace_days=panel.replace_after.value,
            recheck_panel_size=panel.recheck_size.value,
            specialty=row.specialty,
            publicity_days=policy.publicity.period.value,
            objection_ruling_days=policy.publicity.objection_ruling.value,
            effect=policy.effect.rule.value,
            effect_exception=row.effect_exception,
            recheck_enabled=policy.recheck.enabled.value,
            recheck_window_days=policy.recheck.window.value,
            recheck_needs_records=bool(row.recheck_evidence),
            suspend_end_days=policy.recheck.end_after.value,
            validity_years=None if lasting == "long_term" else lasting,
            renewal_before_days=policy.validity.renewal_before.value,
            renewal_after_days=policy.validity.renewal_after.value,
            appeal_window_days=policy.appeal.window.value,
            appeal_answer_days=policy.appeal.answer.value,
            plain_signals=policy.messages.plain_signals.value,
            certificate_at=policy.effect.certificate_at.value,
            max_diseases=None if most == "none" else most,
            hospital_changes_per_year=policy.hospital_change.per_year.value,
            hospital_changes_counted_by=policy.hospital_change.year,
            starts_at_delivery=policy.notices.starts.at_delivery,
        )
    )


class PolicyBook(PolicyModel):
    """All policies at hand in all their versions, and the diseases known nationally (M-code to name)."""

    policies: tuple[RegionPolicy, ...]
    national: dict[str, str]

    @model_validator(mode="after")
    def _one_policy_a_day(self) -> "PolicyBook":
        if faults := overlaps((f"{each.region}@{each.version}", each) for each in self.policies):
            raise PolicyError(*faults)
        return self

    def regions(self) -> tuple[str, ...]:
        """Return the region codes that have a policy, in order."""
        return tuple(sorted({each.region for each in self.policies}))

    def policy_for(self, region: str, on: date) -> RegionPolicy:
        """Return the version in force in a region on a date; raises `PolicyError` when there is none."""
        own = [each for each in self.policies if each.region == region]
        if not own:
            raise PolicyError(f"没有该地区的政策文件；已有：{'、'.join(self.regions())}")
        begun = [each for each in own if each.effective_from.value <= on]
        if not begun:
            first = min(each.effective_from.value for each in own)
            raise PolicyError(f"{region} 最早的政策版本自 {first} 起生效")
        return max(begun, key=lambda each: each.effective_from.value)

    def version_of(self, region: str, version: str) -> RegionPolicy:
        """Return one version of a region's policy, in force or not; raises `PolicyError` when there is none."""
        own = {each.version: each for each in self.policies if each.region == region}
        if not own:
            raise PolicyError(f"没有该地区的政策文件；已有：{'、'.join(self.regions())}")
        if version not in own:
            raise PolicyError(f"{region} 没有这个政策版本；已有：{'、'.join(sorted(own))}")
        return own[version]

    def standing(self, region: str, disease_id: str, on: date) -> DiseaseStanding:
        """Say how a disease id stands towards the catalogue in force in a region on a date."""
        if self.policy_for(region, on).disease(disease_id):
            return DiseaseStanding.LISTED
        known = disease_id in self.national or any(each.disease(disease_id) for each in self.policies)
        return DiseaseStanding.NOT_LISTED_HERE if known else DiseaseStanding.UNKNOWN

    def disease_name(self, disease_id: str) -> str | None:
        """Return the name under which any catalogue knows an id, for the letter that says it is not listed."""
        rows = (each.disease(disease_id) for each in self.policies)
        return next((row.name for row in rows if row), self.national.get(disease_id))

    def local_ids(self, region: str, national_code: str, on: date) -> tuple[str, ...]:
        """Return the ids under which a region lists a national M-code."""
        rows = self.policy_for(region, on).diseases
        return tuple(row.id for row in rows if row.national_code == national_code)


def overlaps(named: Iterable[tuple[str, RegionPolicy]]) -> tuple[PolicyFault, ...]:
    """Return what is wrong between the versions of each region, given as pairs of file name and policy.

    A version is in force until the next begins, so two overlap when they begin on one day. A version number names
    one policy for ever: running cases ask for theirs by it.
    """
    begun: dict[tuple[str, date], str] = {}
    numbered: dict[tuple[str, str], str] = {}
    found = []
    for file, policy in named:
        on, version = policy.effective_from.value, policy.version
        other = begun.setdefault((policy.region, on), file)
        if other != file:
            allowed = f"{policy.region} 的每个版本自不同的日期起生效；{other} 已自 {on} 起生效"
            remedy = "请改写其中一个文件的生效日期，或删除多余的文件"
            found.append(
                PolicyFault(file=file, key="effective_from.value", value=str(on), allowed=allowed, remedy=remedy)
            )
        other = numbered.setdefault((policy.region, version), file)
        if other != file:
            allowed = f"{policy.region} 没有用过的版本号；{other} 已用"
            found.append(
                PolicyFault(file=file, key="version", value=shown(version), allowed=allowed, remedy="请另取版本号")
            )
    return tuple(found)
