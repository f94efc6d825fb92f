"""Printable letters of a case, and the application form, as PDF files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from activities.letters.kinds import LetterKind
from starter.cli.failing import refused
from starter.cli.files import read_json, write_bytes
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from activities.letters.form import FormContent
    from activities.letters.register import LetterEntry
    from domain.policy import PolicyBook

_FILE = click.Path(path_type=Path)
_TO = click.option("--to", "to", required=True, type=_FILE, metavar="FILE.pdf", help="PDF to write.")
MAX_ACTOR = 128


@click.command("list", cls=Leaf)
@NUMBER
async def letter_list(number: str) -> Answer:
    """List the letters a case has, each with the entry of its timeline it is about."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    from activities.letters.register import letters_of
    from starter.refusals import unknown_case
    from storage import reading

    async with opened_database(read_settings()) as database, database.read() as connection:
        view = await reading.case_status(connection, number)
    if view is None:
        raise unknown_case()
    letters = letters_of(view)
    return Answer({"acceptance_no": number, "letters": letters}, lambda console: _show_letters(console, letters))


@click.command("print", cls=Leaf)
@NUMBER
@click.argument("kind", type=click.Choice([each.value for each in LetterKind]), metavar="KIND")
@click.option("--seq", type=click.INT, metavar="N", help="About this entry of the timeline.  [default: the newest]")
@_TO
@click.option(
    "--actor", default="operator", show_default=True, metavar="KIND:ID", help="Who prints; written to the access log."
)
async def letter_print(number: str, kind: str, seq: int | None, to: Path, actor: str) -> Answer:
    """Print a letter of a case to a file.

    KIND is one of accepted, supplement, not_accepted, originals, granted, denied, suspended, ended. The letter bears
    the full name, so every print is written to the access log.
    """
    from domain.acceptance import parse_acceptance_number

    number, actor = parse_acceptance_number(number), _checked_actor(actor)
    from activities.letters.printing import print_letter
    from starter.refusals import unknown_case
    from storage.cases import CaseNotFound

    async with opened_database(read_settings()) as database:
        try:
            printed = await print_letter(
                database, number, LetterKind(kind), seq=seq, actor=actor, at=datetime.now(UTC)
            )
        except CaseNotFound:
            raise unknown_case() from None
    write_bytes(to, printed.pdf, field="to")
    letter = printed.letter
    return Answer(
        {"acceptance_no": number, "file": str(to), **letter.model_dump()},
        lambda console: console.print(f"{letter.title} {letter.letter_no} 已写入 {to}"),
    )


@click.command("form", cls=Leaf)
@click.argument("region", metavar="REGION")
@click.option("--application", type=_FILE, metavar="FILE.json", help="Fill it from this.  [default: blank]")
@_TO
def form(region: str, application: Path | None, to: Path) -> Answer:
    """Write a city's application form to a file, blank or filled. Needs no server and no database."""
    from activities.letters.form import render_form
    from storage.policies import policy_book

    book = policy_book()
    if region not in book.regions():
        raise refused(
            field="region",
            rule=f"已开通的统筹区：{'、'.join(book.regions())}",
            remedy="请改用上述代码之一",
            message="没有该地区的政策，不能打印申请表。",
        )
    content = _content(book, region, application, datetime.now(UTC))
    write_bytes(to, render_form(content), field="to")
    filled = application is not None
    told = "已按申请文件填写的" if filled else "空白的"
    return Answer(
        {"region": region, "file": str(to), "filled": filled},
        lambda console: console.print(f"{told}{content.title}已写入 {to}"),
    )


def _content(book: "PolicyBook", region: str, application: Path | None, now: datetime) -> "FormContent":
    from activities.letters.form import blank_form, filled_form
    from domain.intake import judge_form, parse_form
    from domain.moments import local_date

    if application is None:
        return blank_form(book.policy_for(region, local_date(now)))
    # Refused here as `mente apply` would refuse it: nobody signs a form that cannot be handed in.
    read = parse_form(read_json(application, field="application"))
    judge_form(read, policies=book, now=now)
    policy = book.policy_for(region, local_date(read.received_at or now))
    return filled_form(policy, read, disease_name=book.disease_name(read.disease_id) or "")


def _checked_actor(actor: str) -> str:
    if actor.strip() and len(actor) <= MAX_ACTOR and actor.isprintable():
        return actor
    raise refused(
        field="actor",
        rule=f"打印人须为 1 至 {MAX_ACTOR} 个字符，不含控制字符",
        remedy="请写明打印人，例如 --actor officer:O12",
        message="打印人为空、过长或含有控制字符。",
    )


def _show_letters(console: "Console", letters: "Sequence[LetterEntry]") -> None:
    from domain.moments import minute_text

    if not letters:
        console.print("该案件还没有文书。")
    for each in letters:
        console.print(f"{each.letter_no}  {each.title}  {minute_text(each.at)}  {each.kind.value} --seq {each.seq}")


COMMANDS: tuple[click.Command, ...] = (
    Section("letter", help="Printable letters of a case.", commands=[letter_list, letter_print]),
    form,
)
