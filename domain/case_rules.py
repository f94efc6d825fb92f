"""The slice of a city's policy that one case carries: plain values, at most 4 KB of ASCII JSON."""

import hashlib
import json
from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.disease import EffectException

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


def with_digest(rules: CaseRules) -> CaseRules:
    """Return the rules with the digest of their own content."""
    content = rules.model_dump(mode="json", exclude={"digest"})
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return rules.model_copy(update={"digest": hashlib.sha256(canonical.encode()).hexdigest()})
