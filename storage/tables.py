"""Every table, the same on SQLite and PostgreSQL. Changed only together with a migration.

`case` is the read model; `case_event` is the record of law.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    literal_column,
    text,
)

from storage.access_tables import (
    access_log,
    account,
    account_case,
    api_key,
    login_try,
    upload,
    web_draft,
    web_session,
)
from storage.column_types import Count, Instant, Words
from storage.notice_tables import (
    inbox_message,
    notice,
    notice_attempt,
    notice_task,
    receipt,
    receipt_refusal,
    sms_of_day,
    sms_outbox,
)
from storage.schema import HASH, NUMBER, WORD, metadata, of_case

__all__ = [
    "IS_COUNTING",
    "access_log",
    "account",
    "account_case",
    "api_key",
    "calendar_day",
    "calendar_notice",
    "case",
    "case_event",
    "certificate",
    "expert",
    "inbox_message",
    "insured_person",
    "login_try",
    "material",
    "metadata",
    "notice",
    "notice_attempt",
    "notice_task",
    "objection",
    "offregion_filing",
    "public_entry",
    "receipt",
    "receipt_refusal",
    "registry_entry",
    "sms_of_day",
    "sms_outbox",
    "upload",
    "verdict",
    "web_draft",
    "web_session",
]

insured_person = Table(
    "insured_person",
    metadata,
    Column("person_key", HASH, primary_key=True),
    # the first under which the number was used
    Column("name", Words, nullable=False),
    Column("id_number", Words, nullable=False),
    Column("category", WORD, nullable=False),
    Column("tier", Words),
    Column("updated_at", Instant, nullable=False),
)

case = Table(
    "case",
    metadata,
    Column("acceptance_no", NUMBER, primary_key=True),
    Column("region", String(6), nullable=False),
    Column("channel", Words, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("fingerprint", String(128), nullable=False),
    Column("kind", WORD, nullable=False),
    Column("disease_id", WORD, nullable=False),
    Column("person_key", HASH, ForeignKey("insured_person.person_key"), nullable=False),
    Column("applicant_name", Words, nullable=False, server_default=text("''")),
    Column("category", WORD, nullable=False, server_default=text("''")),
    Column("tier", Words),
    Column("hospital_id", Words, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("phone", Words, nullable=False),
    Column("email", Words),
    Column("agent", JSON(none_as_null=True)),
    # keyed digests of the two telephone numbers, by which a counter finds a case; NULL: not made yet
    Column("phone_digest", HASH, index=True),
    Column("agent_phone_digest", HASH, index=True),
    Column("status", WORD, nullable=False),
    Column("waiting_on", WORD, nullable=False),
    Column("due", Instant),
    Column("sla", WORD, nullable=False),
    Column("round", Integer, nullable=False),
    Column("attention", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("occupies", Boolean, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("duplicate_of", NUMBER),
    # the entitlement this case is to follow, and the case that was granted in this one's place
    Column("replaces", NUMBER, index=True),
    Column("superseded_by", NUMBER),
    Column("ledger", JSON(none_as_null=True)),
    # the clocks that ended before this one began: the first decision's, behind an appeal's
    Column("past_ledgers", JSON(none_as_null=True)),
    # the dates the calendar decides, as rules, and the span of days they depend on
    Column("dates", JSON(none_as_null=True)),
    Column("dates_from_on", Date),
    Column("dates_to_on", Date),
    Column("calendar_version", WORD, nullable=False),
    Column("policy_version", WORD, nullable=False),
    Column("decided_on", Date),
    Column("effect_on", Date),
    Column("end_on", Date),
    Column("next_recheck_on", Date),
    Column("denial_reason", Words, nullable=False),
    Column("end_ground", Words, nullable=False),
    Column("last_seq", Integer, nullable=False),
    # the number its workflow had reached when the row was written last
    Column("row_seq", Integer, nullable=False),
    Column("last_hash", HASH, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("region", "channel", "request_id"),
    Index("ix_case_status", "status", "waiting_on"),
    Index("ix_case_person", "person_key", "region"),
    Index("ix_case_due", "region", "due", "acceptance_no"),
    Index("ix_case_channel", "region", "channel", "due", "acceptance_no"),
    Index("ix_case_decided", "region", "decided_on"),
    # all that lists of cases filter and sort by and an officer's desk counts by: read from the index alone
    Index(
        "ix_case_desk",
        "region",
        "closed",
        "status",
        "sla",
        "attention",
        "waiting_on",
        "disease_id",
        "channel",
        "due",
        "acceptance_no",
    ),
    Index("ix_case_calendar", "closed", "calendar_version", "dates_to_on"),
)

# One open case or live entitlement of a person for a disease, held by the database itself.
Index(
    "uq_case_place",
    case.c.person_key,
    case.c.disease_id,
    unique=True,
    sqlite_where=case.c.occupies,
    postgresql_where=case.c.occupies,
)

case_event = Table(
    "case_event",
    metadata,
    of_case(),
    Column("seq", Integer, nullable=False),
    # what makes a repetition a repetition; see storage/cases.py
    Column("key", String(200), nullable=False),
    Column("kind", WORD, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("status_from", WORD, nullable=False),
    Column("status_to", WORD, nullable=False),
    # JSON, not JSONB: what is hashed must come back as it was written
    Column("detail", JSON, nullable=False),
    Column("prev_hash", HASH, nullable=False),
    Column("hash", HASH, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "seq"),
    UniqueConstraint("acceptance_no", "key"),
)

IS_COUNTING = case_event.c.kind == literal_column("'panel_counted'")
"""Entries that count a panel; written out, because a partial index is not used for a bound value."""

Index(
    "ix_case_event_counting",
    case_event.c.at,
    case_event.c.acceptance_no,
    sqlite_where=IS_COUNTING,
    postgresql_where=IS_COUNTING,
)

material = Table(
    "material",
    metadata,
    of_case(),
    Column("round", Integer, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("position", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("size", Count, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("pages", Count),
    Column("width", Count),
    Column("height", Count),
    Column("colour", Boolean),
    Column("issued_on", Date),
    Column("hospital_id", Words),
    Column("hospital_level", Count),
    Column("sealed", Boolean, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("diagnosed_on", Date),
    PrimaryKeyConstraint("acceptance_no", "round", "kind", "sha256"),
    Index("ix_material_sha256", "sha256"),
)

verdict = Table(
    "verdict",
    metadata,
    of_case(),
    Column("panel", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("expert_id", WORD, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", WORD, nullable=False),
    # which of the case's calls for experts seated this one; 0 for a seat carried into a new round
    Column("call", Integer, nullable=False, server_default="0"),
    Column("assigned_seq", Integer, nullable=False),
    Column("assigned_at", Instant, nullable=False),
    Column("decision", WORD),
    Column("reason", Words, nullable=False),
    Column("changed_seq", Integer),
    Column("changed_at", Instant),
    PrimaryKeyConstraint("acceptance_no", "panel", "round", "expert_id"),
    Index("ix_verdict_expert", "expert_id", "state"),
)

objection = Table(
    "objection",
    metadata,
    of_case(),
    Column("objection_id", WORD, nullable=False),
    Column("by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("upheld", Boolean),
    Column("ruling_reason", Words, nullable=False),
    Column("ruled_at", Instant),
    PrimaryKeyConstraint("acceptance_no", "objection_id"),
)

public_entry = Table(
    "public_entry",
    metadata,
    of_case(),
    Column("region", String(6), nullable=False),
    Column("masked_name", Words, nullable=False),
    Column("disease_id", WORD, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("withdrawn_at", Instant),
    PrimaryKeyConstraint("acceptance_no"),
    Index("ix_public_entry_region", "region", "starts_at"),
)

certificate = Table(
    "certificate",
    metadata,
    of_case(),
    Column("version", Integer, nullable=False),
    Column("certificate_no", String(48), nullable=False),
    Column("sha256", HASH, nullable=False),
    Column("effect_on", Date, nullable=False),
    Column("end_on", Date),
    Column("issued_on", Date, nullable=False),
    Column("conditional", Boolean, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoke_reason", Words, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "version"),
    UniqueConstraint("certificate_no"),
    Index("ix_certificate_sha256", "sha256"),
)

expert = Table(
    "expert",
    metadata,
    Column("expert_id", WORD, primary_key=True),
    Column("name", Words, nullable=False),
    Column("region", String(6), nullable=False),
    Column("specialty", WORD, nullable=False),
    Column("hospital_id", WORD, nullable=False),
    # hospitals beside their own that an expert declared an interest in
    Column("interests", JSON(none_as_null=True)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Index("ix_expert_specialty", "region", "specialty"),
)

registry_entry = Table(
    "registry_entry",
    metadata,
    Column("person_key", HASH, nullable=False),
    Column("region", String(6), nullable=False),
    Column("state", WORD, nullable=False),
    PrimaryKeyConstraint("person_key", "region"),
)

# Of a person, not of a case: the treatment region of who lives outside the pool that insures them.
offregion_filing = Table(
    "offregion_filing",
    metadata,
    Column("person_key", HASH, nullable=False),
    Column("region", String(6), nullable=False),
    Column("treatment_region", String(6), nullable=False),
    Column("from_on", Date, nullable=False),
    Column("ended_on", Date),
    Column("filed_at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    PrimaryKeyConstraint("person_key", "region", "treatment_region", "from_on"),
)

# Append-only: triggers refuse every other change.
calendar_notice = Table(
    "calendar_notice",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("seed", Boolean, nullable=False),
    Column("title", Words, nullable=False),
    Column("number", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("published_on", Date),
    Column("digest", HASH, nullable=False),
    Column("loaded_at", Instant, nullable=False),
    UniqueConstraint("year", "serial", "seed"),
)

calendar_day = Table(
    "calendar_day",
    metadata,
    Column("notice_id", WORD, ForeignKey("calendar_notice.id"), nullable=False),
    Column("on", Date, nullable=False),
    Column("working", Boolean, nullable=False),
    Column("name", Words, nullable=False),
    PrimaryKeyConstraint("notice_id", "on"),
)
