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
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from storage.column_types import Count, Instant, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_NUMBER = String(32)
_WORD = String(64)
_HASH = String(64)


def _of_case() -> Column[str]:
    return Column("acceptance_no", _NUMBER, ForeignKey("case.acceptance_no"), nullable=False)


# One of an ID number. What a case is decided and certified on stands with the case: anybody may type a number.
insured_person = Table(
    "insured_person",
    metadata,
    Column("person_key", _HASH, primary_key=True),
    # the first under which the number was used
    Column("name", Words, nullable=False),
    Column("id_number", Words, nullable=False),
    Column("category", _WORD, nullable=False),
    Column("tier", Words),
    Column("updated_at", Instant, nullable=False),
)

case = Table(
    "case",
    metadata,
    Column("acceptance_no", _NUMBER, primary_key=True),
    Column("region", String(6), nullable=False),
    Column("channel", Words, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("fingerprint", String(128), nullable=False),
    Column("kind", _WORD, nullable=False),
    Column("disease_id", _WORD, nullable=False),
    Column("person_key", _HASH, ForeignKey("insured_person.person_key"), nullable=False),
    Column("applicant_name", Words, nullable=False, server_default=text("''")),
    Column("category", _WORD, nullable=False, server_default=text("''")),
    Column("tier", Words),
    Column("hospital_id", Words, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("phone", Words, nullable=False),
    Column("email", Words),
    Column("agent", JSON(none_as_null=True)),
    # keyed digests of the two telephone numbers, by which a counter finds a case; NULL: not made yet
    Column("phone_digest", _HASH, index=True),
    Column("agent_phone_digest", _HASH, index=True),
    Column("status", _WORD, nullable=False),
    Column("waiting_on", _WORD, nullable=False),
    Column("due", Instant),
    Column("sla", _WORD, nullable=False),
    Column("round", Integer, nullable=False),
    Column("attention", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("occupies", Boolean, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("duplicate_of", _NUMBER),
    # the entitlement this case is to follow, and the case that was granted in this one's place
    Column("replaces", _NUMBER, index=True),
    Column("superseded_by", _NUMBER),
    Column("ledger", JSON(none_as_null=True)),
    # the clocks that ended before this one began: the first decision's, behind an appeal's
    Column("past_ledgers", JSON(none_as_null=True)),
    # the dates the calendar decides, as rules, and the span of days they depend on
    Column("dates", JSON(none_as_null=True)),
    Column("dates_from_on", Date),
    Column("dates_to_on", Date),
    Column("calendar_version", _WORD, nullable=False),
    Column("policy_version", _WORD, nullable=False),
    Column("decided_on", Date),
    Column("effect_on", Date),
    Column("end_on", Date),
    Column("next_recheck_on", Date),
    Column("denial_reason", Words, nullable=False),
    Column("end_ground", Words, nullable=False),
    Column("last_seq", Integer, nullable=False),
    # the number its workflow had reached when the row was written last
    Column("row_seq", Integer, nullable=False),
    Column("last_hash", _HASH, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("region", "channel", "request_id"),
    Index("ix_case_status", "status", "waiting_on"),
    Index("ix_case_person", "person_key", "region"),
    Index("ix_case_due", "region", "due", "acceptance_no"),
    # all an officer's desk counts by, so that it is read from the index alone
    Index("ix_case_desk", "region", "closed", "status", "sla", "attention", "waiting_on", "due", "acceptance_no"),
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
    _of_case(),
    Column("seq", Integer, nullable=False),
    # what makes a repetition a repetition; see storage/cases.py
    Column("key", String(200), nullable=False),
    Column("kind", _WORD, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("status_from", _WORD, nullable=False),
    Column("status_to", _WORD, nullable=False),
    # JSON, not JSONB: what is hashed must come back as it was written
    Column("detail", JSON, nullable=False),
    Column("prev_hash", _HASH, nullable=False),
    Column("hash", _HASH, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "seq"),
    UniqueConstraint("acceptance_no", "key"),
)

material = Table(
    "material",
    metadata,
    _of_case(),
    Column("round", Integer, nullable=False),
    Column("kind", _WORD, nullable=False),
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
)

verdict = Table(
    "verdict",
    metadata,
    _of_case(),
    Column("panel", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("expert_id", _WORD, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", _WORD, nullable=False),
    # which of the case's calls for experts seated this one; 0 for a seat carried into a new round
    Column("call", Integer, nullable=False, server_default="0"),
    Column("assigned_seq", Integer, nullable=False),
    Column("assigned_at", Instant, nullable=False),
    Column("decision", _WORD),
    Column("reason", Words, nullable=False),
    Column("changed_seq", Integer),
    Column("changed_at", Instant),
    PrimaryKeyConstraint("acceptance_no", "panel", "round", "expert_id"),
    Index("ix_verdict_expert", "expert_id", "state"),
)

objection = Table(
    "objection",
    metadata,
    _of_case(),
    Column("objection_id", _WORD, nullable=False),
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
    _of_case(),
    Column("region", String(6), nullable=False),
    Column("masked_name", Words, nullable=False),
    Column("disease_id", _WORD, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("withdrawn_at", Instant),
    PrimaryKeyConstraint("acceptance_no"),
    Index("ix_public_entry_region", "region", "starts_at"),
)

certificate = Table(
    "certificate",
    metadata,
    _of_case(),
    Column("version", Integer, nullable=False),
    Column("certificate_no", String(48), nullable=False),
    Column("sha256", _HASH, nullable=False),
    Column("effect_on", Date, nullable=False),
    Column("end_on", Date),
    Column("issued_on", Date, nullable=False),
    Column("conditional", Boolean, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoke_reason", Words, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "version"),
    UniqueConstraint("certificate_no"),
)

notice = Table(
    "notice",
    metadata,
    _of_case(),
    Column("seq", Integer, nullable=False),
    Column("key", String(200), nullable=False),
    Column("event", _WORD, nullable=False),
    Column("recipient", _WORD, nullable=False),
    Column("state", _WORD, nullable=False),
    Column("channels", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("attach_certificate", Integer),
    # whether a period begins when it is delivered
    Column("legal", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    PrimaryKeyConstraint("acceptance_no", "seq"),
    UniqueConstraint("acceptance_no", "key"),
    Index("ix_notice_created_at", "created_at", "acceptance_no", "seq"),
)

notice_attempt = Table(
    "notice_attempt",
    metadata,
    _of_case(),
    Column("seq", Integer, nullable=False),
    # 0 is the notice as it came from the case; a higher number is an officer's order to send it anew
    Column("intent", Integer, nullable=False, server_default=text("0")),
    Column("channel", _WORD, nullable=False),
    # empty for channels without providers, and for the outbox
    Column("provider", _WORD, nullable=False, server_default=text("''")),
    Column("attempt", Integer, nullable=False),
    Column("state", _WORD, nullable=False),
    # what the provider has reported by itself or when asked, which overrules what we think of it; empty if nothing
    Column("reported", _WORD, nullable=False, server_default=text("''")),
    # our own id, given to the provider as its reference, so that a receipt finds its attempt
    Column("reference", String(96), nullable=False),
    Column("provider_id", String(96), nullable=False, server_default=text("''")),
    # SHA-256 over reference and telephone number, by which a receipt's number is compared
    Column("address_digest", String(64), nullable=False, server_default=text("''")),
    Column("detail", Words, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("handed_over_at", Instant),
    Column("ended_at", Instant),
    # how often a repetition was kept from sending again
    Column("prevented", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("acceptance_no", "seq", "intent", "channel", "provider"),
    UniqueConstraint("reference"),
    Index("ix_notice_attempt_provider_id", "provider", "provider_id"),
)

# One text to one number on one day in +08:00: who is there first sends it.
sms_of_day = Table(
    "sms_of_day",
    metadata,
    Column("fingerprint", _HASH, nullable=False),
    Column("on", Date, nullable=False),
    Column("reference", String(96), nullable=False, index=True),
    PrimaryKeyConstraint("fingerprint", "on"),
)

# What providers report of themselves, each report once; `reference` is empty until it is known whose it is.
receipt = Table(
    "receipt",
    metadata,
    Column("digest", _HASH, primary_key=True),
    Column("provider", _WORD, nullable=False),
    Column("provider_id", String(96), nullable=False),
    Column("reference", String(96), nullable=False),
    Column("address_digest", String(64), nullable=False, server_default=text("''")),
    Column("state", _WORD, nullable=False),
    Column("detail", Words, nullable=False),
    Column("reported_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("applied_at", Instant),
    Index("ix_receipt_provider_id", "provider", "provider_id"),
    Index("ix_receipt_reference", "reference"),
)

# How many reports were turned away on a day, and why.
receipt_refusal = Table(
    "receipt_refusal",
    metadata,
    Column("provider", _WORD, nullable=False),
    Column("reason", _WORD, nullable=False),
    Column("on", Date, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("provider", "reason", "on"),
)

# What a person has to do where no channel reached somebody; one for a notice.
notice_task = Table(
    "notice_task",
    metadata,
    _of_case(),
    Column("seq", Integer, nullable=False),
    Column("region", String(6), nullable=False),
    Column("reason", _WORD, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", Words, nullable=False),
    Column("outcome", _WORD, nullable=False),
    Column("note", Words, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "seq"),
    Index("ix_notice_task_open", "region", "done_at", "raised_at"),
)

# What the channels' own pages and apps show a person; `reference` is that of the attempt that put it there.
inbox_message = Table(
    "inbox_message",
    metadata,
    _of_case(),
    Column("reference", String(96), primary_key=True),
    Column("person_key", _HASH, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("event", _WORD, nullable=False),
    Column("title", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("read_at", Instant),
    Index("ix_inbox_message_case", "acceptance_no", "created_at"),
    Index("ix_inbox_message_person", "person_key", "created_at"),
)

sms_outbox = Table(
    "sms_outbox",
    metadata,
    Column("reference", String(96), primary_key=True),
    Column("phone", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("sent_at", Instant, nullable=False),
)

expert = Table(
    "expert",
    metadata,
    Column("expert_id", _WORD, primary_key=True),
    Column("name", Words, nullable=False),
    Column("region", String(6), nullable=False),
    Column("specialty", _WORD, nullable=False),
    Column("hospital_id", _WORD, nullable=False),
    # hospitals beside their own that an expert declared an interest in
    Column("interests", JSON(none_as_null=True)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Index("ix_expert_specialty", "region", "specialty"),
)

registry_entry = Table(
    "registry_entry",
    metadata,
    Column("person_key", _HASH, nullable=False),
    Column("region", String(6), nullable=False),
    Column("state", _WORD, nullable=False),
    PrimaryKeyConstraint("person_key", "region"),
)

# Of a person, not of a case: the treatment region of who lives outside the pool that insures them.
offregion_filing = Table(
    "offregion_filing",
    metadata,
    Column("person_key", _HASH, nullable=False),
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
    Column("id", _WORD, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("seed", Boolean, nullable=False),
    Column("title", Words, nullable=False),
    Column("number", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("published_on", Date),
    Column("digest", _HASH, nullable=False),
    Column("loaded_at", Instant, nullable=False),
    UniqueConstraint("year", "serial", "seed"),
)

calendar_day = Table(
    "calendar_day",
    metadata,
    Column("notice_id", _WORD, ForeignKey("calendar_notice.id"), nullable=False),
    Column("on", Date, nullable=False),
    Column("working", Boolean, nullable=False),
    Column("name", Words, nullable=False),
    PrimaryKeyConstraint("notice_id", "on"),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", _WORD, nullable=False),
    Column("acceptance_no", _NUMBER, index=True),
    Column("detail", JSON, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", _WORD, primary_key=True),
    Column("login", _WORD, nullable=False),
    Column("display_name", Words, nullable=False),
    Column("role", _WORD, nullable=False),
    Column("regions", JSON, nullable=False),
    Column("expert_id", _WORD),
    Column("person_key", _HASH),
    Column("password_hash", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    # attempts since the last one that succeeded, each counted before it is judged
    Column("failed_logins", Integer, nullable=False),
    Column("locked_until", Instant),
    Column("must_change_password", Boolean, nullable=False),
    Column("password_changed_at", Instant, nullable=False),
    UniqueConstraint("login"),
)

web_session = Table(
    "web_session",
    metadata,
    # SHA-256 of the token: who reads this table can log in as nobody
    Column("token_hash", _HASH, primary_key=True),
    Column("account_id", _WORD, ForeignKey("account.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", _WORD, primary_key=True),
    Column("region", String(6), nullable=False),
    Column("channel", _WORD, nullable=False),
    Column("label", Words, nullable=False),
    Column("secret_hash", _HASH, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

# Which cases an applicant's account applied for or claimed.
account_case = Table(
    "account_case",
    metadata,
    Column("account_id", _WORD, ForeignKey("account.id"), nullable=False),
    _of_case(),
    Column("linked_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "acceptance_no"),
    Index("ix_account_case_case", "acceptance_no"),
)

# What somebody is writing on our own pages: an application, or papers to be supplied.
web_draft = Table(
    "web_draft",
    metadata,
    # also the request id, or the command id, under which it is sent: sent twice, it is one
    Column("id", _WORD, primary_key=True),
    Column("account_id", _WORD, ForeignKey("account.id"), nullable=False, index=True),
    Column("purpose", _WORD, nullable=False),
    # of the case it supplies, or has become; no foreign key: a case exists once a worker has taken it up
    Column("acceptance_no", _WORD),
    # holds personal data until it is sent
    Column("content", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False, index=True),
    Column("sent_at", Instant),
)
