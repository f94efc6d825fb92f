"""The tables of a city's policy file, but for `[benefit]`: what may stand in them."""

from datetime import time
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain.disease import Percent, Yuan
from domain.events import NoticeEvent
from domain.hospital_change import CountedBy
from domain.notice_plan import QuietHours
from domain.notice_policy import SmsPolicy
from domain.sourced import (
    AtLeastOne,
    Days,
    Experts,
    Months,
    PolicyModel,
    Rounds,
    Slug,
    Sourced,
    StopSwitch,
    Switch,
    Times,
    WorkingDays,
    WorkingDaysToAct,
)
from domain.vocabulary import InsuredCategory, MaterialKind, NoticePeriod

Share = Annotated[float, Field(gt=0, le=1)]

Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
"""A span of one working day, such as `09:00-12:00`."""


class Filing(PolicyModel):
    """Who may apply, and through which channel."""

    channels: Sourced[tuple[Slug, ...]]
    insured_categories: Sourced[tuple[InsuredCategory, ...]]
    resident_tiers: Sourced[tuple[Slug, ...]]
    agent_allowed: Switch
    max_diseases: Sourced[AtLeastOne | Literal["none"]]
    counter_hours: Sourced[tuple[Hours, ...]]

    @model_validator(mode="after")
    def _hours_follow_each_other(self) -> "Filing":
        if not all(early < late for early, late in pairwise("-".join(self.counter_hours.value).split("-"))):
            raise ValueError('counter_hours 须由早到晚，互不重叠，例如 ["09:00-12:00", "13:30-17:00"]')
        return self


class Stops(PolicyModel):
    """Which kinds of waiting stop the decision clock."""

    supplement: StopSwitch
    originals: StopSwitch
    expert_review: StopSwitch
    publicity: StopSwitch


class Clock(PolicyModel):
    """The limits the bureau answers within.

    Left out, `extensions` is 1: how often one limit may be extended on one ground.
    """

    close_of_business: Sourced[time]
    decision_limit: WorkingDaysToAct
    notify_limit: WorkingDays
    warn_ratio: Sourced[Share]
    extensions: Times | None = None
    stops: Stops

    @property
    def extended_at_most(self) -> int:
        """How often one limit may be extended on one ground; 0 is never."""
        return 1 if self.extensions is None else self.extensions.value


class Supplement(PolicyModel):
    """Supplement rounds 补正."""

    window: WorkingDaysToAct
    remind_before: WorkingDays
    max_rounds: Rounds

    @model_validator(mode="after")
    def _reminded_inside_the_window(self) -> "Supplement":
        if self.remind_before.value >= self.window.value:
            raise ValueError("remind_before 须小于 window")
        return self


class Originals(PolicyModel):
    """Verification of originals at the counter 核验原件, after an application that came another way.

    Left out, `remind_before` is no reminder, and `kinds` no paper whose original is seen whatever the disease.
    """

    window: WorkingDaysToAct
    remind_before: WorkingDays | None = None
    kinds: Sourced[tuple[MaterialKind, ...]] | None = None

    @property
    def reminded_before(self) -> int:
        """Working days before the end at which is reminded; 0 is never."""
        return self.remind_before.value if self.remind_before else 0

    @model_validator(mode="after")
    def _reminded_inside_the_window(self) -> "Originals":
        if self.reminded_before and self.reminded_before >= self.window.value:
            raise ValueError("remind_before 须小于 window")
        return self


class Panel(PolicyModel):
    """The expert panel 专家评审."""

    enabled: Switch
    size: Experts
    agree: Experts
    remind_after: WorkingDaysToAct
    replace_after: WorkingDaysToAct
    recheck_size: Experts

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
    objection_ruling: WorkingDaysToAct


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

    window: WorkingDaysToAct
    answer: WorkingDaysToAct


class HospitalChange(PolicyModel):
    """Changes of the designated hospital 定点医疗机构变更.

    Left out, `counted_by` is `twelve_months`: a year is the twelve months after a change.
    """

    per_year: Times
    counted_by: Sourced[CountedBy] | None = None

    @property
    def year(self) -> CountedBy:
        """What a year is."""
        return self.counted_by.value if self.counted_by else "twelve_months"


class MaterialRules(PolicyModel):
    """What the papers must be; lists name the kinds a rule speaks of.

    Left out, `form_ways` and `record_contents` are not spoken of, and `designated_hospitals` means that the city has
    not named them: whether a hospital is designated is then not checked.
    """

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
    form_ways: Sourced[Annotated[tuple[Literal["online", "template"], ...], Field(min_length=1)]] | None = None
    record_contents: Sourced[Annotated[tuple[str, ...], Field(min_length=1)]] | None = None
    designated_hospitals: Sourced[Annotated[tuple[str, ...], Field(min_length=1)]] | None = None

    @model_validator(mode="after")
    def _warned_before_expiry(self) -> "MaterialRules":
        if self.age_warn.value > self.age_limit.value:
            raise ValueError("age_warn 不得大于 age_limit")
        return self


StartOfPeriod = Literal["sent", "delivered"]
"""What begins a period of the applicant's: that its notice was sent, or that it was delivered 送达."""


class PeriodStarts(PolicyModel):
    """From when the periods that a notice begins are counted. Left out, from its sending."""

    supplement: Sourced[StartOfPeriod] | None = None
    appeal: Sourced[StartOfPeriod] | None = None

    @property
    def at_delivery(self) -> tuple[NoticePeriod, ...]:
        """The periods that begin with the delivery of their notice."""
        chosen: tuple[tuple[NoticePeriod, Sourced[StartOfPeriod] | None], ...] = (
            ("supplement", self.supplement),
            ("appeal", self.appeal),
        )
        return tuple(period for period, start in chosen if start is not None and start.value == "delivered")


class Notices(PolicyModel):
    """By which channels a notice goes out; `events` overrides the default for single events.

    Left out, `sms` is no provider: messages are kept in the outbox. `fallback` are channels for a notice that none of
    its own has got to the person; `quiet_from` to `quiet_to` no telephone rings, but for the events of `urgent`.
    """

    channels: Sourced[tuple[Slug, ...]]
    events: dict[str, Sourced[tuple[Slug, ...]]] = Field(default_factory=dict)
    fallback: Sourced[tuple[Slug, ...]] | None = None
    quiet_from: Sourced[time] | None = None
    quiet_to: Sourced[time] | None = None
    urgent: Sourced[tuple[NoticeEvent, ...]] | None = None
    sms: SmsPolicy = SmsPolicy()
    starts: PeriodStarts = PeriodStarts()

    @model_validator(mode="after")
    def _quiet_hours_have_both_ends(self) -> "Notices":
        if (self.quiet_from is None) is not (self.quiet_to is None):
            raise ValueError("quiet_from 与 quiet_to 须同时填写")
        return self

    def quiet_hours(self, event: NoticeEvent) -> QuietHours | None:
        """Return the hours in which an event's notice makes no telephone ring; None where it may at any hour."""
        if self.quiet_from is None or self.quiet_to is None or (self.urgent and event in self.urgent.value):
            return None
        return QuietHours(begin=self.quiet_from.value, end=self.quiet_to.value)


class Messages(PolicyModel):
    """What messages from outside are taken."""

    plain_signals: Switch


class PercentRange(Sourced[tuple[Percent, Percent]]):
    """Ratios from low to high."""

    unit: Literal["percent"]


class YuanRange(Sourced[tuple[Yuan, Yuan]]):
    """Amounts a year from low to high."""

    unit: Literal["yuan"]


class GuideRanges(PolicyModel):
    """The figures the guide promises, from low to high; a row outside keeps its figure and is flagged."""

    ratio_employee: PercentRange | None = None
    ratio_resident: PercentRange | None = None
    limit_employee: YuanRange | None = None
    limit_resident: YuanRange | None = None

    @model_validator(mode="after")
    def _from_low_to_high(self) -> "GuideRanges":
        for name in GuideRanges.model_fields:
            span = getattr(self, name)
            if span is not None and span.value[0] > span.value[1]:
                raise ValueError(f"{name} 须由低到高")
        return self
