"""The first schema: cases with their audit trail, people, papers, panels, notices, registers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _create_registers()
    _create_logs()
    _create_cases()
    _create_review()
    _create_results()
    _create_notices()


def downgrade() -> None:
    """Refused: the audit trail is the record of law."""
    raise NotImplementedError("the first schema cannot be taken back")


def _create_registers() -> None:
    op.create_table(
        "expert",
        sa.Column("expert_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("specialty", sa.String(length=64), nullable=False),
        sa.Column("hospital_id", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("expert_id", name="pk_expert"),
    )
    op.create_index("ix_expert_specialty", "expert", ["region", "specialty"], unique=False)
    op.create_table(
        "insured_person",
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id_number", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_key", name="pk_insured_person"),
    )
    op.create_table(
        "registry_entry",
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("person_key", "region", name="pk_registry_entry"),
    )
    op.create_table(
        "calendar_notice",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_notice"),
        sa.UniqueConstraint("year", "serial", name="uq_calendar_notice_year_serial"),
    )
    op.create_table(
        "calendar_day",
        sa.Column("notice_id", sa.String(length=64), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["calendar_notice.id"], name="fk_calendar_day_notice_id"),
        sa.PrimaryKeyConstraint("notice_id", "on", name="pk_calendar_day"),
    )


def _create_logs() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("acceptance_no", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_acceptance_no", "access_log", ["acceptance_no"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipt"),
    )
    op.create_index("ix_receipt_reference", "receipt", ["reference"], unique=False)
    op.create_table(
        "sms_outbox",
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_sms_outbox"),
    )


def _create_cases() -> None:
    op.create_table(
        "case",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("disease_id", sa.String(length=64), nullable=False),
        sa.Column("person_key", sa.String(length=64), nullable=False),
        sa.Column("hospital_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("agent", sa.JSON(), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("waiting_on", sa.String(length=64), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sla", sa.String(length=64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attention", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("occupies", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("duplicate_of", sa.String(length=32), nullable=True),
        sa.Column("ledger", sa.JSON(), nullable=True),
        sa.Column("calendar_version", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("effect_on", sa.Date(), nullable=True),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("next_recheck_on", sa.Date(), nullable=True),
        sa.Column("denial_reason", sa.Text(), nullable=False),
        sa.Column("end_ground", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("row_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_key"], ["insured_person.person_key"], name="fk_case_person_key"),
        sa.PrimaryKeyConstraint("acceptance_no", name="pk_case"),
        sa.UniqueConstraint("region", "channel", "request_id", name="uq_case_region_channel_request_id"),
    )
    op.create_index("ix_case_person", "case", ["person_key", "region"], unique=False)
    op.create_index("ix_case_status", "case", ["status", "waiting_on"], unique=False)
    op.create_index(
        "uq_case_place",
        "case",
        ["person_key", "disease_id"],
        unique=True,
        sqlite_where=sa.text("occupies"),
        postgresql_where=sa.text("occupies"),
    )
    op.create_table(
        "case_event",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("status_from", sa.String(length=64), nullable=False),
        sa.Column("status_to", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_case_event_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "seq", name="pk_case_event"),
        sa.UniqueConstraint("acceptance_no", "key", name="uq_case_event_acceptance_no_key"),
    )
    op.create_table(
        "material",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("colour", sa.Boolean(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("hospital_id", sa.Text(), nullable=True),
        sa.Column("hospital_level", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("diagnosed_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_material_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "round", "kind", "sha256", name="pk_material"),
    )


def _create_review() -> None:
    op.create_table(
        "verdict",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("panel", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("call", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assigned_seq", sa.Integer(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_seq", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_verdict_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "panel", "round", "expert_id", name="pk_verdict"),
    )
    op.create_index("ix_verdict_expert", "verdict", ["expert_id", "state"], unique=False)
    op.create_table(
        "objection",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("objection_id", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("ruling_reason", sa.Text(), nullable=False),
        sa.Column("ruled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_objection_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "objection_id", name="pk_objection"),
    )


def _create_results() -> None:
    op.create_table(
        "public_entry",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("masked_name", sa.Text(), nullable=False),
        sa.Column("disease_id", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_public_entry_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", name="pk_public_entry"),
    )
    op.create_index("ix_public_entry_region", "public_entry", ["region", "starts_at"], unique=False)
    op.create_table(
        "certificate",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("certificate_no", sa.String(length=48), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("effect_on", sa.Date(), nullable=False),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("conditional", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_certificate_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "version", name="pk_certificate"),
        sa.UniqueConstraint("certificate_no", name="uq_certificate_certificate_no"),
    )


def _create_notices() -> None:
    op.create_table(
        "notice",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("attach_certificate", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_notice_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "seq", name="pk_notice"),
        sa.UniqueConstraint("acceptance_no", "key", name="uq_notice_acceptance_no_key"),
    )
    op.create_table(
        "notice_attempt",
        sa.Column("acceptance_no", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=96), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["acceptance_no"], ["case.acceptance_no"], name="fk_notice_attempt_acceptance_no"),
        sa.PrimaryKeyConstraint("acceptance_no", "seq", "channel", "attempt", name="pk_notice_attempt"),
        sa.UniqueConstraint("reference", name="uq_notice_attempt_reference"),
    )
