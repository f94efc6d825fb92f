"""Reading the files an application or a supply names, judging them before anything is kept, and keeping them."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from activities.materials import MAX_FILE_BYTES, judge_file
from domain.application import ApplicationForm, DeclaredMaterial, Material
from domain.refusal import refuse
from storage.database import Database
from storage.objects import ObjectStore, content_address
from storage.uploads import name_for_case


@dataclass(frozen=True)
class Paper:
    """One file's bytes and what is known of it."""

    material: Material
    content: bytes


def read_papers(form: ApplicationForm, folder: Path) -> list[Paper]:
    """Read and judge every file of an application. Raises `Refused` at the first bad one."""
    return [_read(entry, folder, f"materials[{number}].file") for number, entry in enumerate(form.materials)]


def read_declared(declared: list[dict[str, object]], folder: Path) -> list[Paper]:
    """Read and judge the files of a supply."""
    papers = []
    for number, raw in enumerate(declared):
        try:
            entry = DeclaredMaterial.model_validate(raw)
        except ValidationError as error:
            name = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise refuse(
                field=f"materials[{number}].{name}",
                rule="材料须写明种类（kind）与文件名（file），日期为 YYYY-MM-DD",
                remedy=f"请更正字段 {name} 后重新提交",
                message=f"第 {number + 1} 份材料的 {name} 缺失或不符合要求。",
            ) from None
        papers.append(_read(entry, folder, f"materials[{number}].file"))
    return papers


def _read(entry: DeclaredMaterial, folder: Path, field: str) -> Paper:
    path = folder / entry.file
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise refuse(
            field=field,
            rule="材料文件须在所给的材料文件夹内",
            remedy="请核对文件名，并把文件放入材料文件夹",
            message="找不到申请中写明的材料文件。",
        )
    with path.open("rb") as stream:
        # One byte more than allowed is enough to refuse: a huge file is never read whole.
        content = stream.read(MAX_FILE_BYTES + 1)
    facts = judge_file(content, kind=entry.kind, field=field)
    declared = entry.model_dump(exclude={"file"})
    material = Material(sha256=content_address(content), **declared, **facts.model_dump())
    return Paper(material=material, content=content)


async def keep_files(
    database: Database, objects: ObjectStore, number: str, named: Collection[str], contents: Iterable[bytes]
) -> None:
    """Keep what is handed in to a case: the files it names, by SHA-256, and the bytes of those not stored yet.

    They are named before they are stored and before the case hears of them. Raises `Refused` where one is not stored:
    nothing named it any more, and it was cleared away while it was handed in. Raises `StoreAway`.
    """
    # A store that is away must not be told of files it never got.
    await objects.check()
    async with database.write() as connection:
        await name_for_case(connection, number, named, at=datetime.now(UTC))
    brought = {await objects.put(content) for content in contents}
    asked = [(position, sha256) for position, sha256 in enumerate(named) if sha256 not in brought]
    there = await asyncio.gather(*(objects.exists(sha256) for _, sha256 in asked))
    for (position, _), is_there in zip(asked, there, strict=True):
        if not is_there:
            raise refuse(
                field=f"materials[{position}].sha256",
                rule="材料文件须已上传并仍在保存",
                remedy="请重新上传该文件后再次提交",
                message="这一文件已不在文件库中。",
            )
