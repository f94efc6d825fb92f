"""Messages on the way to a decision: experts, the counter, officers, and the applicant's own steps."""

import click

from domain.vocabulary import Decision, MaterialKind
from starter.cli.failing import WrongUsage
from starter.cli.sending import Draft, message_command
from starter.cli.shape import Section

_EXPERT = click.option("--expert", required=True, metavar="ID", help="Number of the expert, such as E001.")
_OFFICER = click.option("--officer", default="cli", show_default=True, metavar="ID", help="Number of the officer.")
_REASON = click.option("--reason", required=True, metavar="TEXT")
_KIND = click.Choice([each.value for each in MaterialKind])


@message_command("verdict", "give_verdict")
@_EXPERT
@click.option("--decision", required=True, type=click.Choice([each.value for each in Decision]))
@_REASON
@click.option("--missing", type=_KIND, multiple=True, metavar="KIND", help="A paper that is missing; repeatable.")
@click.argument("more", type=_KIND, nargs=-1, metavar="[KIND…]")
def verdict(expert: str, decision: str, reason: str, missing: tuple[str, ...], more: tuple[str, ...]) -> Draft:
    """Give an expert's verdict."""
    fields: dict[str, object] = {"decision": decision, "reason": reason, "missing": [*missing, *more]}
    return Draft(actor=f"expert:{expert}", fields=fields)


@message_command("recuse", "recuse")
@_EXPERT
@_REASON
def recuse(expert: str, reason: str) -> Draft:
    """Step down from a case as its expert."""
    return Draft(actor=f"expert:{expert}", fields={"reason": reason})


@message_command("originals", "verify_originals")
@click.option("--outcome", required=True, type=click.Choice(["match", "mismatch"]))
@click.option("--note", default="")
def originals(outcome: str, note: str) -> Draft:
    """Say whether the originals match the scans."""
    return Draft(actor="counter:cli", fields={"outcome": outcome, "note": note})


@click.group(cls=Section)
def objection() -> None:
    """Objections during publicity."""


@message_command("raise", "raise_objection")
@click.option("--by", required=True, metavar="WHO", help="Who objects.")
@_REASON
def objection_raise(by: str, reason: str) -> Draft:
    """Object to a publicised result."""
    return Draft(actor="channel:cli", fields={"by": by, "reason": reason})


@message_command("rule", "rule_objection")
@click.option("--objection-id", required=True, metavar="ID", help="Such as O1.")
@click.option("--upheld/--dismissed", default=None, help="Whether the objection is right.")
@_REASON
@_OFFICER
def objection_rule(objection_id: str, upheld: bool | None, reason: str, officer: str) -> Draft:
    """Rule on an objection."""
    if upheld is None:
        raise WrongUsage("--upheld 与 --dismissed 须给出其中一种")
    fields: dict[str, object] = {"objection_id": objection_id, "upheld": upheld, "reason": reason}
    return Draft(actor=f"officer:{officer}", fields=fields)


@message_command("withdraw", "withdraw")
@click.option("--reason", default="", metavar="TEXT")
def withdraw(reason: str) -> Draft:
    """Take an application back."""
    return Draft(actor="channel:cli", fields={"reason": reason})


@message_command("appeal", "appeal")
@_REASON
def appeal(reason: str) -> Draft:
    """Appeal against a denial."""
    return Draft(actor="channel:cli", fields={"reason": reason})


@message_command("extend", "extend")
@click.option("--working-days", required=True, type=click.INT, metavar="N", help="1 to 60.")
@click.option("--ground", required=True, metavar="TEXT", help="Why, in words.")
@click.option(
    "--legal-ground",
    type=click.Choice(["lawful_extension", "force_majeure"]),
    default="lawful_extension",
    show_default=True,
    help="On which ground of law.",
)
@_OFFICER
def extend(working_days: int, ground: str, legal_ground: str, officer: str) -> Draft:
    """Extend the decision limit."""
    fields: dict[str, object] = {"working_days": working_days, "ground": ground, "legal_ground": legal_ground}
    return Draft(actor=f"officer:{officer}", fields=fields)


@message_command("correct", "correct")
@click.option("--what", required=True, type=click.Choice(["denial", "grant"]), help="The wrong decision.")
@_REASON
@_OFFICER
def correct(what: str, reason: str, officer: str) -> Draft:
    """Correct a wrong decision: a wrong denial is granted, a wrong grant is ended."""
    return Draft(actor=f"officer:{officer}", fields={"what": what, "reason": reason})


objection.add_command(objection_raise)
objection.add_command(objection_rule)

COMMANDS: tuple[click.Command, ...] = (
    verdict,
    recuse,
    originals,
    objection,
    withdraw,
    appeal,
    extend,
    correct,
)
