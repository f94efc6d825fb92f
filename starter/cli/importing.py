"""Go-live: a city brings the qualifications it has already granted."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.files import read_table, write_bytes
from starter.cli.opening import has_database, opened_database, opened_mente, read_settings
from starter.cli.output import Answer
from starter.cli.progress import progress_bar
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from rich.console import Console

    from domain.import_rows import Judged, RowFault
    from starter.importing import Imported
    from worker.settings import Settings

_FILE = click.Path(path_type=Path)
_SHOWN = 20
_REPORT = ("line", "field", "rule", "remedy")


@click.command("entitlements", cls=Leaf)
@click.argument("file", type=_FILE, metavar="FILE.csv")
@click.option("--refused", "report", type=_FILE, metavar="FILE.csv", help="Write the refused rows' reasons here.")
@click.option("--check", is_flag=True, help="Only judge the rows; nothing is started.")
@click.option("--per-second", type=click.FloatRange(0.1, 1000), default=100, show_default=True, metavar="N")
@click.option("--at-once", type=click.IntRange(1, 256), default=32, show_default=True, metavar="N")
async def entitlements(file: Path, report: Path | None, check: bool, per_second: float, at_once: int) -> Answer:
    """Bring existing qualifications in, one row each; exit 1 if a row was refused.

    Every row is judged like an application. Refused rows are reported by line, column, rule and remedy; the others go
    on. May be stopped at any moment and run again with the same file: what is there already is only counted.
    """
    from domain.import_rows import judge_table
    from storage.policies import policy_book

    now = datetime.now(UTC)
    judged = judge_table(read_table(file, field="file"), policies=policy_book(), now=now)
    settings = read_settings()
    if check:
        done = await _check(judged, settings, now)
    else:
        done = await _import(judged, settings, now, per_second=per_second, at_once=at_once)
    if report is not None:
        write_bytes(report, _report(done.faults), field="--refused")
    if done.stopped is not None:
        raise _continued(done, judged) from done.stopped
    return _answer(judged, done, report, check=check)


async def _check(judged: "Judged", settings: "Settings", now: datetime) -> "Imported":
    """Judge against the database if there is one, else the rows among themselves."""
    from starter.importing import Imported, compare_rows, compare_with_database
    from storage.keys import load_keys
    from storage.policies import policy_book

    if not has_database(settings):
        _, faults = compare_rows(judged, policy_book(), now)
        done = Imported(faults=[*judged.faults, *faults])
    else:
        keys = load_keys(settings.keys)
        async with opened_database(settings) as database:
            _, done = await compare_with_database(judged, policy_book(), now, database, keys)
    done.faults.sort(key=lambda fault: fault.line)
    return done


async def _import(
    judged: "Judged", settings: "Settings", now: datetime, *, per_second: float, at_once: int
) -> "Imported":
    from starter.importing import compare_with_database, start_all
    from storage.keys import load_keys
    from storage.policies import policy_book

    async with opened_mente(settings) as mente:
        keys = load_keys(settings.keys)
        rows, done = await compare_with_database(judged, policy_book(), now, mente.database, keys)
        with progress_bar("导入既有资格") as progress:
            await start_all(mente, rows, done, per_second=per_second, at_once=at_once, progress=progress)
    return done


def _continued(done: "Imported", judged: "Judged") -> Exception:
    """Return why the import stopped, with how far it has come."""
    assert done.stopped is not None, "asked of an import that stopped"
    far = f"共 {judged.rows} 行，已导入 {done.imported} 行，此前已有 {done.existing} 行；以同一文件再次运行即可继续。"
    return type(done.stopped)(f"{done.stopped}{far}")


def _report(faults: "Sequence[RowFault]") -> bytes:
    """Return the report as CSV; the byte order mark tells a spreadsheet that it is UTF-8."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_REPORT)
    writer.writerows([getattr(each, name) for name in _REPORT] for each in faults)
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def _answer(judged: "Judged", done: "Imported", report: Path | None, *, check: bool) -> Answer:
    refused = {fault.line for fault in done.faults}
    content: dict[str, object] = {
        "checked_only": check,
        "rows": judged.rows,
        "right": judged.rows - len(refused),
        "imported": done.imported,
        "existing": done.existing,
        "refused": len(refused),
        "report": str(report) if report else None,
        "mid_window": [line for line in judged.mid_window if line not in refused],
        "seconds": round(done.seconds, 2),
        "per_second": round(done.imported / done.seconds, 1) if done.seconds and done.imported else 0.0,
        "faults": [fault.model_dump() for fault in done.faults],
    }
    return Answer(content, lambda console: _show(console, content, done), code=1 if refused else 0)


def _show(console: "Console", content: dict[str, object], done: "Imported") -> None:
    told = (
        f"共 {content['rows']} 行：可以导入 {content['right']} 行"
        if content["checked_only"]
        else (f"共 {content['rows']} 行：导入 {content['imported']} 行，用时 {content['seconds']} 秒")
    )
    console.print(f"{told}，此前已有 {content['existing']} 行，不予导入 {content['refused']} 行", soft_wrap=True)
    mid_window = content["mid_window"]
    assert isinstance(mid_window, list), "a list of lines"
    if mid_window:
        console.print(f"其中 {len(mid_window)} 行的本年度复核期已经开始，由原系统完成本年度复核")
    for fault in done.faults[:_SHOWN]:
        console.print(f"第 {fault.line} 行 {fault.field}：{fault.rule}。{fault.remedy}。", soft_wrap=True)
    if len(done.faults) > _SHOWN:
        console.print(f"……另有 {len(done.faults) - _SHOWN} 行，请以 --refused 写入文件")


COMMANDS: tuple[click.Command, ...] = (
    Section("import", help="Go-live: what a city brings along.", commands=[entitlements]),
)
