"""The slice of a city's policy that one case carries: plain values, at most 4 KB of ASCII JSON."""

import hashlib
import json
from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.disease import EffectException
from domain.hospital_change import CountedBy
from domain.vocabulary import MaterialKind, NoticePeriod

MAX_BYTES = 4096

StoppingGround = Literal["supplement", "originals", "expert_review", "publicity"]


class CaseRules(BaseModel):
    """What one case is judged by, fixed at its acceptance and renewed at each yearly recheck.

    `_days` are working days, except `recheck_window_days`, `suspend_end_days`, `renewal_before_days` and
    `renewal_after_days`, which are calendar days. `validity_years` and `max_diseases` are None for "no end" and
    "no limit". `digest` is the SHA-256 (hex) of the canonical JSON of all other fields.
    """

    # A newer policy activity may send a field an older worker does not know: it must still read the slice.
    model_config = ConfigDict(frozen=True, extra="ignore")

    region: str
    version: str
    digest: str = ""
    disease_id: str
    close_of_business: time
    decision_limit_days: int
    notify_limit_days: int
    warn_ratio: float
    stopping_grounds: tuple[StoppingGround, ...]
    supplement_window_days: int
    supplement_remind_before_days: int
    supplement_max_rounds: int
    verify_originals: bool
    originals_window_days: int
    originals_remind_before_days: int = 0
    """Working days; 0 is no reminder. Not in payloads of 0.1.0, none of which asks for originals."""
    originals_kinds: tuple[MaterialKind, ...] = ()
    """Papers whose originals are seen whatever the disease. Not in payloads of 0.1.0."""
    panel_enabled: bool
    panel_size: int
    panel_agree: int
    panel_remind_days: int
    panel_replace_days: int
    recheck_panel_size: int
    specialty: str
    publicity_days: int
    objection_ruling_days: int
    effect: Literal["day_after_publicity", "approval"]
    effect_exception: EffectException | None
    recheck_enabled: bool
    recheck_window_days: int
    recheck_needs_records: bool
    suspend_end_days: int
    validity_years: int | None
    renewal_before_days: int
    renewal_after_days: int
    appeal_window_days: int
    appeal_answer_days: int
    plain_signals: bool
    certificate_at: Literal["decision", "effect"]
    max_diseases: int | None
    hospital_changes_per_year: int = 1
    hospital_changes_counted_by: CountedBy = "twelve_months"
    """How often the designated hospital may be changed, and what a year is. Not in payloads of 0.1.0."""
    starts_at_delivery: tuple[NoticePeriod, ...] = ()
    """Which periods begin when their notice is delivered; the others when it is sent. Not in payloads of 0.2.0."""
    extensions: int = 1
    """How often one limit may be extended on one ground. Not in payloads of 0.3.0, in which nothing bounded it."""


def with_digest(rules: CaseRules) -> CaseRules:
    """Return the rules with the digest of their own content.

    A field that came later than 0.1.0 (it has a default) is left out while it says what was done before there was
    such a field, so that an older slice keeps its digest.
    """
    later = {name for name, field in CaseRules.model_fields.items() if not field.is_required()}
    unsaid = {name for name in later if getattr(rules, name) == CaseRules.model_fields[name].default}
    content = rules.model_dump(mode="json", exclude={"digest"} | unsaid)
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return rules.model_copy(update={"digest": hashlib.sha256(canonical.encode()).hexdigest()})
