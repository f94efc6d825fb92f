"""Tables of notices: what is told, every way it went, what providers report, and what is left to people."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from storage.column_types import Instant, Words
from storage.schema import HASH, WORD, metadata, of_case

notice = Table(
    "notice",
    metadata,
    of_case(),
    Column("seq", Integer, nullable=False),
    Column("key", String(200), nullable=False),
    Column("event", WORD, nullable=False),
    Column("recipient", WORD, nullable=False),
    Column("state", WORD, nullable=False),
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
    of_case(),
    Column("seq", Integer, nullable=False),
    # 0 is the notice as it came from the case; a higher number is an officer's order to send it anew
    Column("intent", Integer, nullable=False, server_default=text("0")),
    Column("channel", WORD, nullable=False),
    # empty for channels without providers, and for the outbox
    Column("provider", WORD, nullable=False, server_default=text("''")),
    Column("attempt", Integer, nullable=False),
    Column("state", WORD, nullable=False),
    # what the provider has reported by itself or when asked, which overrules what we think of it; empty if nothing
    Column("reported", WORD, nullable=False, server_default=text("''")),
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
    Column("fingerprint", HASH, nullable=False),
    Column("on", Date, nullable=False),
    Column("reference", String(96), nullable=False, index=True),
    PrimaryKeyConstraint("fingerprint", "on"),
)

# What providers report of themselves, each report once; `reference` is empty until it is known whose it is.
receipt = Table(
    "receipt",
    metadata,
    Column("digest", HASH, primary_key=True),
    Column("provider", WORD, nullable=False),
    Column("provider_id", String(96), nullable=False),
    Column("reference", String(96), nullable=False),
    Column("address_digest", String(64), nullable=False, server_default=text("''")),
    Column("state", WORD, nullable=False),
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
    Column("provider", WORD, nullable=False),
    Column("reason", WORD, nullable=False),
    Column("on", Date, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("provider", "reason", "on"),
)

# What a person has to do where no channel reached somebody; one for a notice.
notice_task = Table(
    "notice_task",
    metadata,
    of_case(),
    Column("seq", Integer, nullable=False),
    Column("region", String(6), nullable=False),
    Column("reason", WORD, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", Words, nullable=False),
    Column("outcome", WORD, nullable=False),
    Column("note", Words, nullable=False),
    PrimaryKeyConstraint("acceptance_no", "seq"),
    Index("ix_notice_task_open", "region", "done_at", "raised_at"),
)

# What the channels' own pages and apps show a person; `reference` is that of the attempt that put it there.
inbox_message = Table(
    "inbox_message",
    metadata,
    of_case(),
    Column("reference", String(96), primary_key=True),
    Column("person_key", HASH, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("event", WORD, nullable=False),
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
