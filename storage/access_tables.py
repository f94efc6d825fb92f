"""Tables of access: who may come in, what they were given, and what they looked at."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from storage.column_types import Instant, Words
from storage.schema import HASH, NUMBER, WORD, metadata, of_case

access_log = Table(
    "access_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", WORD, nullable=False),
    Column("acceptance_no", NUMBER, index=True),
    Column("detail", JSON, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("login", WORD, nullable=False),
    Column("display_name", Words, nullable=False),
    Column("role", WORD, nullable=False),
    Column("regions", JSON, nullable=False),
    Column("expert_id", WORD),
    Column("person_key", HASH),
    Column("password_hash", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    # both of 0.3.0, which counted tries by account alone; see `login_try`
    Column("failed_logins", Integer, nullable=False),
    Column("locked_until", Instant),
    Column("must_change_password", Boolean, nullable=False),
    Column("password_changed_at", Instant, nullable=False),
    UniqueConstraint("login"),
)

# Tries to log in, by SHA-256 of the login and of where they came from; also of logins that do not exist.
login_try = Table(
    "login_try",
    metadata,
    Column("login_hash", HASH, nullable=False),
    Column("place", HASH, nullable=False),
    # in a row, each counted before it is judged
    Column("attempts", Integer, nullable=False),
    Column("locked_until", Instant),
    Column("hour_tries", Integer, nullable=False),
    Column("hour_began_at", Instant, nullable=False),
    Column("tried_at", Instant, nullable=False, index=True),
    PrimaryKeyConstraint("login_hash", "place"),
)

web_session = Table(
    "web_session",
    metadata,
    # SHA-256 of the token: who reads this table can log in as nobody
    Column("token_hash", HASH, primary_key=True),
    Column("account_id", WORD, ForeignKey("account.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("region", String(6), nullable=False),
    Column("channel", WORD, nullable=False),
    Column("label", Words, nullable=False),
    Column("secret_hash", HASH, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

# Which cases an applicant's account applied for or claimed.
account_case = Table(
    "account_case",
    metadata,
    Column("account_id", WORD, ForeignKey("account.id"), nullable=False),
    of_case(),
    Column("linked_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "acceptance_no"),
    Index("ix_account_case_case", "acceptance_no"),
)

# What somebody is writing on our own pages: an application, or papers to be supplied.
web_draft = Table(
    "web_draft",
    metadata,
    # also the request id, or the command id, under which it is sent: sent twice, it is one
    Column("id", WORD, primary_key=True),
    Column("account_id", WORD, ForeignKey("account.id"), nullable=False, index=True),
    Column("purpose", WORD, nullable=False),
    # of the case it supplies, or has become; no foreign key: a case exists once a worker has taken it up
    Column("acceptance_no", WORD),
    # holds personal data until it is sent
    Column("content", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False, index=True),
    Column("sent_at", Instant),
)

# Who sent which file: only they may hand it in, and who sees a case in which it stands.
upload = Table(
    "upload",
    metadata,
    Column("sha256", HASH, nullable=False),
    # `account:ID`, or `channel:REGION:NAME` for all keys of a channel
    Column("owner", String(160), nullable=False),
    Column("uploaded_at", Instant, nullable=False, index=True),
    PrimaryKeyConstraint("sha256", "owner"),
)
