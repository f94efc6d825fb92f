"""A city's policy as data: every value with its source, and the rules one case is judged by.

The files stand in `domain/regions/`; `storage/policies.py` reads them. What each value decides is set out in the
two city guides; where they are silent the source says `assumption`.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from domain.case_rules import CaseRules, with_digest
from domain.disease import Catalogue, DiseaseRow, DiseaseStanding, Percent, Yuan
from domain.sourced import (
    AtLeastOne,
    Days,
    Months,
    PolicyError,
    PolicyModel,
    Slug,
    Sourced,
    StopSwitch,
    Switch,
    WorkingDays,
    policy_error,
)
from domain.vocabulary import InsuredCategory, MaterialKind

__all__ = [
    "CaseRules",
    "DiseaseRow",
    "DiseaseStanding",
    "PolicyBook",
    "PolicyError",
    "RegionPolicy",
    "read_policy",
]

Share = Annotated[float, Field(gt=0, le=1)]


class Filing(PolicyModel):
    """Who may apply, and through which channel."""

    channels: Sourced[tuple[Slug, ...]]
    insured_categories: Sourced[tuple[InsuredCategory, ...]]
    resident_tiers: Sourced[tuple[Slug, ...]]
    agent_allowed: Switch
    max_diseases: Sourced[AtLeastOne | Literal["none"]]
    counter_hours: Sourced[tuple[str, ...]]


class Stops(PolicyModel):
    """Which kinds of waiting stop the decision clock."""

    supplement: StopSwitch
    originals: StopSwitch
    expert_review: StopSwitch
    publicity: StopSwitch


class Clock(PolicyModel):
    """The limits the bureau answers within."""

    close_of_business: Sourced[time]
    decision_limit: WorkingDays
    notify_limit: WorkingDays
    warn_ratio: Sourced[Share]
    stops: Stops


class Supplement(PolicyModel):
    """Supplement rounds 补正."""

    window: WorkingDays
    remind_before: WorkingDays
    max_rounds: Sourced[AtLeastOne]

    @model_validator(mode="after")
    def _reminded_inside_the_window(self) -> "Supplement":
        if self.remind_before.value >= self.window.value:
            raise ValueError("remind_before 须小于 window")
        return self


class Originals(PolicyModel):
    """Verification of originals at the counter 核验原件."""

    window: WorkingDays


class Panel(PolicyModel):
    """The expert panel 专家评审."""

    enabled: Switch
    size: Sourced[AtLeastOne]
    agree: Sourced[AtLeastOne]
    remind_after: WorkingDays
    replace_after: WorkingDays
    recheck_size: Sourced[AtLeastOne]

    @model_validator(mode="after")
    def _a_majority_decides(self) -> "Panel":
        if not self.size.value / 2 < self.agree.value <= self.size.value:
            raise ValueError("agree 须超过 size 的一半，且不大于 size")
        if self.remind_after.value >= self.replace_after.value:
            raise ValueError("remind_after 须小于 replace_after")
        return self


class Publicity(PolicyModel):
    """The public list 公示; a period of 0 means there is none."""

    period: WorkingDays
    objection_ruling: WorkingDays


class Effect(PolicyModel):
    """From when the benefit counts, and when the e-certificate is made."""

    rule: Sourced[Literal["day_after_publicity", "approval"]]
    certificate_at: Sourced[Literal["decision", "effect"]]


class Recheck(PolicyModel):
    """The yearly recheck 资格复核."""

    enabled: Switch
    window: Days
    end_after: Days


class Validity(PolicyModel):
    """How long a qualification lasts, and the window of its renewal."""

    default: Sourced[Literal[1, 2, 3, 5, "long_term"]]
    renewal_before: Days
    renewal_after: Days


class Appeal(PolicyModel):
    """The appeal against a denial 申诉."""

    window: WorkingDays
    answer: WorkingDays


class MaterialRules(PolicyModel):
    """What the papers must be; lists name the kinds a rule speaks of."""

    identity: Sourced[Literal["both_sides", "both_sides_or_e_credential"]]
    card_or_e_credential: Switch
    colour_id_scan: Switch
    id_scan_formats: Sourced[tuple[str, ...]]
    form_signed: Switch
    min_hospital_level: Sourced[Annotated[int, Field(strict=True, ge=0, le=3)]]
    level_kinds: Sourced[tuple[MaterialKind, ...]]
    sealed_kinds: Sourced[tuple[MaterialKind, ...]]
    e_signature_counts: Switch
    aged_kinds: Sourced[tuple[MaterialKind, ...]]
    age_warn: Months
    age_limit: Months
    medical_records: Sourced[tuple[MaterialKind, ...]]
    examinations: Sourced[tuple[MaterialKind, ...]]

    @model_validator(mode="after")
    def _warned_before_expiry(self) -> "MaterialRules":
        if self.age_warn.value > self.age_limit.value:
            raise ValueError("age_warn 不得大于 age_limit")
        return self


class Notices(PolicyModel):
    """By which channels a notice goes out; `events` overrides the default for single events."""

    channels: Sourced[tuple[Slug, ...]]
    events: dict[str, Sourced[tuple[Slug, ...]]] = Field(default_factory=dict)


class Messages(PolicyModel):
    """What messages from outside are taken."""

    plain_signals: Switch


class GuideRanges(PolicyModel):
    """The figures the guide promises, from low to high; a row outside keeps its figure and is flagged."""

    ratio_employee: Sourced[tuple[Percent, Percent]] | None = None
    ratio_resident: Sourced[tuple[Percent, Percent]] | None = None
    limit_employee: Sourced[tuple[Yuan, Yuan]] | None = None
    limit_resident: Sourced[tuple[Yuan, Yuan]] | None = None


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
    materials: MaterialRules
    notices: Notices
    messages: Messages
    guide_ranges: GuideRanges = GuideRanges()
    listed_total: int | None = None
    diseases: tuple[DiseaseRow, ...] = ()

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

    def rules_for_unlisted(self, disease_id: str) -> CaseRules:
        """Return the city's rules for a case that will not be accepted because its disease is not listed."""
        return _case_rules(self, None, disease_id=disease_id)

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


def _case_rules(policy: RegionPolicy, row: DiseaseRow | None, *, disease_id: str = "") -> CaseRules:
    clock, panel, most = policy.clock, policy.panel, policy.filing.max_diseases.value
    default = policy.validity.default.value
    lasting = row.validity_years if row and row.validity_years else default
    stops: Mapping[str, StopSwitch] = dict(clock.stops)
    return with_digest(
        CaseRules(
            region=policy.region,
            version=policy.version,
            disease_id=row.id if row else disease_id,
            close_of_business=clock.close_of_business.value,
            decision_limit_days=clock.decision_limit.value,
            notify_limit_days=clock.notify_limit.value,
            warn_ratio=clock.warn_ratio.value,
            stopping_grounds=tuple(name for name, stop in stops.items() if stop.value),
            supplement_window_days=policy.supplement.window.value,
            supplement_remind_before_days=policy.supplement.remind_before.value,
            supplement_max_rounds=policy.supplement.max_rounds.value,
            verify_originals=row.verify_originals if row else False,
            originals_window_days=policy.originals.window.value,
            panel_enabled=panel.enabled.value,
            panel_size=panel.size.value,
            panel_agree=panel.agree.value,
            panel_remind_days=panel.remind_after.value,
            panel_replace_days=panel.replace_after.value,
            recheck_panel_size=panel.recheck_size.value,
            specialty=row.specialty if row else "general",
            publicity_days=policy.publicity.period.value,
            objection_ruling_days=policy.publicity.objection_ruling.value,
            effect=policy.effect.rule.value,
            effect_exception=row.effect_exception if row else None,
            recheck_enabled=policy.recheck.enabled.value,
            recheck_window_days=policy.recheck.window.value,
            recheck_needs_records=bool(row and row.recheck_evidence),
            suspend_end_days=policy.recheck.end_after.value,
            validity_years=None if lasting == "long_term" else lasting,
            renewal_before_days=policy.validity.renewal_before.value,
            renewal_after_days=policy.validity.renewal_after.value,
            appeal_window_days=policy.appeal.window.value,
            appeal_answer_days=policy.appeal.answer.value,
            plain_signals=policy.messages.plain_signals.value,
            certificate_at=policy.effect.certificate_at.value,
            max_diseases=None if most == "none" else most,
        )
    )


class PolicyBook(PolicyModel):
    """All policies at hand in all their versions, and the diseases known nationally (M-code to name)."""

    policies: tuple[RegionPolicy, ...]
    national: dict[str, str]

    @model_validator(mode="after")
    def _one_policy_a_day(self) -> "PolicyBook":
        starts = [(each.region, each.effective_from.value) for each in self.policies]
        for region, on in starts:
            if starts.count((region, on)) > 1:
                raise PolicyError(f"{region}：有两个政策版本都自 {on} 起生效；每个生效日期只能有一个版本")
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


def read_policy(
    raw: Mapping[str, object], *, file: str, catalogue: Mapping[str, object], catalogue_file: str
) -> RegionPolicy:
    """Validate a parsed policy file and its catalogue.

    Raises `PolicyError` naming file, key, value and what is allowed.
    """
    try:
        rows = Catalogue.model_validate(catalogue)
    except ValidationError as error:
        raise policy_error(error, raw=catalogue, file=catalogue_file, model=Catalogue) from error
    try:
        policy = RegionPolicy.model_validate({**raw, "diseases": rows.disease, "listed_total": rows.listed_total})
    except ValidationError as error:
        raise policy_error(error, raw=raw, file=file, model=RegionPolicy) from error
    if rows.region != policy.region:
        raise PolicyError(f"{catalogue_file}：region = {rows.region!r}；允许：{policy.region!r}（与 {file} 一致）")
    return policy
