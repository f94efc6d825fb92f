"""Handing in: an application with its papers, papers asked for later, and any message by file."""

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from domain.vocabulary import MATERIAL_ZH, STATUS_ZH
from starter.cli.failing import WrongUsage, refused
from starter.cli.files import existing_folder, read_json
from starter.cli.opening import opened_mente
from starter.cli.output import Answer
from starter.cli.papers import DECLARED_WHOLE, PaperSpec
from starter.cli.sending import Draft, Envelope, deliver, message_leaf, takes_envelope, written
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from rich.console import Console

    from domain.refusal import Refused
    from starter.client import Applied

_FILE = click.Path(path_type=Path)


@click.command("apply", cls=Leaf)
@click.argument("file", type=_FILE, metavar="FILE.json")
@click.option("--materials", type=_FILE, metavar="DIR", help="Folder of the files it names.  [default: materials/]")
@click.option("--no-wait", is_flag=True, help="Return once the case is started, before anybody has looked at it.")
async def apply(file: Path, materials: Path | None, no_wait: bool) -> Answer:
    """Hand in an application.

    The same request sent again is the same case. Without --materials the folder `materials` beside FILE is used.
    """
    from starter.client import INTAKE_SECONDS

    raw = read_json(file, field="file")
    folder = existing_folder(materials or file.parent / "materials", field="materials")
    _judge_before_connecting(raw)
    async with opened_mente() as mente:
        applied = await mente.apply(raw, folder, wait=0 if no_wait else INTAKE_SECONDS)  # type: ignore[arg-type]  # judged
    content: dict[str, object] = {
        "acceptance_no": applied.acceptance_no,
        "status": applied.status,
        "created": applied.created,
    }
    if applied.taken_over is not None:
        content["taken_over"] = applied.taken_over
    return Answer(content, lambda console: _show_applied(console, applied))


def _show_applied(console: "Console", applied: "Applied") -> None:
    known = "申请已提交" if applied.created else "该申请此前已提交"
    console.print(f"{known}。受理号 {applied.acceptance_no}，案件状态“{STATUS_ZH[applied.status]}”")
    if applied.taken_over is not None:
        taken = "、".join(MATERIAL_ZH[kind] for kind in applied.taken_over.taken) or "无"
        console.print(f"从 {applied.taken_over.acceptance_no} 接续的材料：{taken}")
        for each in applied.taken_over.left:
            console.print(f"没有接续：{each.why}")


def _judge_before_connecting(raw: object) -> None:
    # A mistake in the form is answered also where no server runs; the client judges it again with the papers.
    from datetime import UTC, datetime

    from domain.intake import judge_form, parse_form
    from storage.policies import policy_book

    judge_form(parse_form(raw), policies=policy_book(), now=datetime.now(UTC))


@takes_envelope
@click.argument("more", type=PaperSpec(), nargs=-1, metavar="[KIND=FILE…]")
@click.option("--material", "materials", type=PaperSpec(), multiple=True, metavar="KIND=FILE[,NAME=VALUE…]")
@click.option("--list", "listed", type=_FILE, metavar="FILE.json", help="A list of papers; the files lie beside it.")
@click.option("--note", default="", help="A remark for the audit trail.")
async def supply(
    envelope: Envelope,
    more: tuple[dict[str, object], ...],
    materials: tuple[dict[str, object], ...],
    listed: Path | None,
    note: str,
) -> Answer:
    """Hand in papers that were asked for.

    What a paper declares follows its file after commas: issued_on=DATE, diagnosed_on=DATE, hospital_id=ID,
    hospital_level=0..3, sealed, signed. Example:
    --material diagnosis_certificate=d.pdf,issued_on=2026-11-01,hospital_id=H510400-01,hospital_level=3,sealed
    Without any of them you vouch for a paper in order: issued today, level-2 hospital, sealed, signed.
    """
    import asyncio

    from domain.acceptance import parse_acceptance_number
    from starter.uploads import read_declared

    number = parse_acceptance_number(envelope.number)
    given = (*materials, *more)
    if bool(given) == bool(listed):
        raise WrongUsage("--material 与 --list 须给出其中一种")
    # The files named on the command line may lie anywhere.
    folder, declared = (listed.parent, _read_list(listed)) if listed else (Path(Path.cwd().anchor), list(given))
    if any(paper.pop("declared_whole", False) for paper in declared):
        note = f"{note} {DECLARED_WHOLE}".strip()
    papers = await asyncio.to_thread(read_declared, declared, folder)
    fields: dict[str, object] = {
        "materials": [paper.material.model_dump(mode="json") for paper in papers],
        "note": note,
    }
    command = written("supply_materials", envelope.filled(Draft(actor="channel:cli", fields=fields)))
    return await deliver(number, command, envelope, contents=[paper.content for paper in papers])


def _read_list(path: Path) -> list[dict[str, object]]:
    raw = read_json(path, field="list")
    if not isinstance(raw, list) or not raw or not all(isinstance(each, dict) for each in raw):
        raise refused(
            field="list",
            rule='文件须为材料的列表：[{"kind": …, "file": …}, …]',
            remedy="请对照 docs/messages/application.json 中 materials 的格式更正文件",
            message="材料清单的格式不对，或其中没有材料。",
        )
    return raw


@takes_envelope
@click.argument("name", metavar="NAME")
@click.option(
    "--input", "source", required=True, type=click.File("rb"), metavar="JSON|-", help="File, or - for stdin."
)
async def send(envelope: Envelope, name: str, source: BinaryIO) -> Answer:
    """Send any message of docs/messages by name, its JSON from a file or stdin.

    --actor, --command-id, --status and --round override what the JSON says. Personal data given through stdin does
    not show in the list of processes.
    """
    import json

    from domain.acceptance import parse_acceptance_number
    from domain.commands import read_command

    number = parse_acceptance_number(envelope.number)
    try:
        raw = json.loads(source.read(512 * 1024).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise _unreadable_input()
    fields = envelope.filled(Draft(actor="channel:cli", fields={})) | raw
    fields |= {key: fields[key] for key in ("command_id", "actor") if key in raw}
    chosen = {"actor": envelope.actor, "command_id": envelope.command_id, "status": envelope.status}
    fields |= {key: value for key, value in (chosen | {"round": envelope.round}).items() if value is not None}
    return await deliver(number, read_command(name, json.dumps(fields).encode()), envelope)


def _unreadable_input() -> "Refused":
    return refused(
        field="input",
        rule="消息内容须为一个 JSON 对象",
        remedy="请按 docs/messages 中该消息的格式更正后重新发送",
        message="消息内容无法解析。",
    )


COMMANDS = (
    apply,
    message_leaf("supply", "supply_materials", supply),
    click.command("send", cls=Leaf)(send),
)
