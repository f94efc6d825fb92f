"""Messages about a benefit in force, and those that systems send."""

import click

from domain.vocabulary import InsuredState
from starter.cli import calendar, calendar_notices, offregion
from starter.cli.sending import Draft, message_command
from starter.cli.shape import Section


def _section(name: str, text: str, *commands: click.Command) -> Section:
    return Section(name, help=text, commands=list(commands))


@message_command("change", "change_hospital")
@click.option("--hospital", "hospital_id", required=True, metavar="ID")
def hospital_change(hospital_id: str) -> Draft:
    """Choose another hospital, once a year."""
    return Draft(actor="channel:cli", fields={"hospital_id": hospital_id})


@message_command("file", "file_offregion")
@click.option("--region", required=True, metavar="CODE", help="Six digits.")
@click.option("--from-on", required=True, metavar="DATE", help="YYYY-MM-DD")
def offregion_file(region: str, from_on: str) -> Draft:
    """File for treatment outside the pool."""
    return Draft(actor="channel:cli", fields={"region": region, "from_on": from_on})


@message_command("end", "end_offregion")
def offregion_end() -> Draft:
    """End the filing."""
    return Draft(actor="channel:cli", fields={})


@message_command("change", "change_contact")
@click.option("--phone", metavar="NUMBER")
@click.option("--email", metavar="ADDRESS")
def contact_change(phone: str | None, email: str | None) -> Draft:
    """Change phone or e-mail. Where others see the process list, use `send NO change_contact --input -`."""
    return Draft(actor="channel:cli", fields={"phone": phone, "email": email})


@message_command("change", "insured_changed")
@click.option("--state", required=True, type=click.Choice([each.value for each in InsuredState]))
@click.option("--as-of-on", "--as-of", "as_of_on", required=True, metavar="DATE", help="YYYY-MM-DD")
def insured_change(state: str, as_of_on: str) -> Draft:
    """Report another state of insurance."""
    return Draft(actor="registry:cli", fields={"state": state, "as_of_on": as_of_on})


@message_command("end", "end_entitlement")
@click.option(
    "--ground", required=True, type=click.Choice(["death", "cured", "moved_out", "fraud", "other"]), metavar="GROUND"
)
@click.option("--officer", default="cli", show_default=True, metavar="ID")
def end(ground: str, officer: str) -> Draft:
    """End a benefit: death, cured, moved_out, fraud or other."""
    return Draft(actor=f"officer:{officer}", fields={"ground": ground})


@message_command("supersede", "supersede")
@click.option("--by", required=True, metavar="NO", help="Acceptance number of the new case.")
def supersede(by: str) -> Draft:
    """Let another case take this one's place."""
    from domain.acceptance import parse_acceptance_number

    return Draft(actor="system", fields={"by": parse_acceptance_number(by)})


@message_command("amend", "amend_calendar")
@click.option("--version", "calendar_version", required=True, metavar="VERSION")
def calendar_amend(calendar_version: str) -> Draft:
    """Have a case read a new version of the calendar and re-time itself."""
    return Draft(actor="system", fields={"calendar_version": calendar_version})


@message_command("delivered", "notice_delivered")
@click.option("--notice", "notice_seq", required=True, type=click.INT, metavar="SEQ")
@click.option("--at", "delivered_at", required=True, metavar="INSTANT", help="RFC 3339; without an offset +08:00.")
@click.option("--officer", metavar="ID", help="Who handed it over or read it out; a provider's word without.")
def delivered(notice_seq: int, delivered_at: str, officer: str | None) -> Draft:
    """Report that a notice whose delivery matters in law arrived."""
    actor = f"officer:{officer}" if officer else "system"
    return Draft(actor=actor, fields={"notice_seq": notice_seq, "delivered_at": _with_offset(delivered_at)})


@message_command("failed", "notice_failed")
@click.option("--notice", "notice_seq", required=True, type=click.INT, metavar="SEQ")
@click.option("--reason", required=True, metavar="CODE", help="A short word, such as no-receipt.")
@click.option("--at", "failed_at", required=True, metavar="INSTANT", help="RFC 3339; without an offset +08:00.")
def failed(notice_seq: int, reason: str, failed_at: str) -> Draft:
    """Report that a notice did not arrive and will not be tried again."""
    fields = {"notice_seq": notice_seq, "reason": reason, "failed_at": _with_offset(failed_at)}
    return Draft(actor="system", fields=fields)


@message_command("waived", "notice_waived")
@click.option("--notice", "notice_seq", required=True, type=click.INT, metavar="SEQ")
@click.option("--officer", required=True, metavar="ID", help="Who says so.")
def waived(notice_seq: int, officer: str) -> Draft:
    """Say that a notice which reached nobody need not be told any more."""
    return Draft(actor=f"officer:{officer}", fields={"notice_seq": notice_seq})


def _with_offset(text: str) -> str:
    """Return an instant with its offset; what is none stays, so that the refusal names the field."""
    from datetime import datetime

    from domain.moments import aware

    try:
        # Python alone would also read a row of digits as an instant.
        return aware(datetime.fromisoformat(text)).isoformat() if text[10:11] in ("T", " ") else "?"
    except ValueError:
        return "?"


COMMANDS: tuple[click.Command, ...] = (
    _section("hospital", "The designated hospital.", hospital_change),
    _section("offregion", "Treatment outside the pool.", *offregion.SUB_COMMANDS, offregion_file, offregion_end),
    _section("contact", "Phone and e-mail.", contact_change),
    _section("insured", "The state of insurance.", insured_change),
    end,
    supersede,
    _section(
        "calendar",
        "The calendar of working days.",
        *calendar.SUB_COMMANDS,
        *calendar_notices.SUB_COMMANDS,
        calendar_amend,
    ),
    delivered,
    failed,
    waived,
)
