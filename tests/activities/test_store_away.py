"""A store that is not there is not taken for one in which nothing was ever stored."""

import shutil
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.cases import CaseActivities
from activities.contract import InspectMaterials
from domain.application import Material
from domain.vocabulary import MaterialKind
from starter.clearing import clear_files
from starter.uploads import keep_files
from storage.database import Database
from storage.keys import generate_keys
from storage.known_files import object_store
from storage.objects import NotStored, ObjectStore, StoreAway, content_address
from storage.store_folder import MARKER
from storage.tables import upload
from storage.unnamed import count_unnamed
from storage.uploads import name_for_case
from tests.activities.case_samples import AT, DISEASE, NUMBER, opened

pytestmark = pytest.mark.asyncio
ADDRESS = content_address(b"a paper")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def store(folder: Path, database: Database) -> ObjectStore:
    """Open the store as a process that starts."""
    return object_store(str(folder), lambda: database)


async def filled(folder: Path, database: Database) -> ObjectStore:
    """Return a store with one paper, which the database knows."""
    objects = store(folder, database)
    await objects.check()
    async with database.write() as connection:
        await name_for_case(connection, NUMBER, [ADDRESS], at=AT)
    await objects.put(b"a paper")
    return objects


async def test_the_first_start_makes_the_store_and_a_second_finds_it(folder: Path, database: Database) -> None:
    await store(folder, database).check()
    assert [path.name for path in folder.iterdir()] == [MARKER]
    again = store(folder, database)
    await again.check()
    with pytest.raises(NotStored):
        await again.get(ADDRESS)


@pytest.mark.parametrize("started_anew", [False, True])
@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
async def test_a_store_that_is_away_says_nothing_takes_nothing_and_is_not_made_anew(
    folder: Path, database: Database, started_anew: bool, left: str
) -> None:
    objects = await filled(folder, database)
    away = folder.rename(folder.with_name("away"))
    if left == "an empty folder":
        folder.mkdir()
    if started_anew:
        objects = store(folder, database)
    for asked in (
        objects.check(),
        objects.get(ADDRESS),
        objects.size(ADDRESS),
        objects.exists("0" * 64),
        objects.copy(ADDRESS, BytesIO()),
        objects.put(b"another"),
        objects.remove([ADDRESS]),
    ):
        with pytest.raises(StoreAway):
            await asked
    assert not folder.exists() if left == "nothing" else not list(folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    assert await objects.get(ADDRESS) == b"a paper"
    assert not await objects.exists("0" * 64)
    await objects.put(b"another")


async def test_a_store_of_an_older_version_is_known_by_what_is_in_it(folder: Path, database: Database) -> None:
    await filled(folder, database)
    (folder / MARKER).unlink()
    objects = store(folder, database)
    assert await objects.get(ADDRESS) == b"a paper"
    assert not await objects.exists("0" * 64)
    assert (folder / MARKER).is_file()


async def test_a_folder_with_files_of_another_is_not_the_store(folder: Path, database: Database) -> None:
    await filled(folder, database)
    shutil.rmtree(folder)
    strange = folder / "ab" / "cd"
    strange.mkdir(parents=True)
    (strange / ("ab" * 32)).write_bytes(b"another's")
    with pytest.raises(StoreAway):
        await store(folder, database).check()


async def test_a_marker_made_by_hand_declares_a_folder_the_store(folder: Path, database: Database) -> None:
    await filled(folder, database)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARKER).touch()
    with pytest.raises(NotStored):
        await store(folder, database).get(ADDRESS)


async def test_a_store_that_comes_back_between_two_looks_has_its_paper(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = await filled(folder, database)
    away = folder.rename(folder.with_name("away"))
    first = ObjectStore._opened
    looks: list[None] = []

    async def opened_late(self: ObjectStore) -> Any:
        looks.append(None)
        if len(looks) == 1:
            assert self._backend._local is not None  # type: ignore[union-attr]  # as any read before the marker
            return self._backend._local  # type: ignore[union-attr]
        if len(looks) == 2:
            away.rename(folder)
        return await first(self)

    monkeypatch.setattr(ObjectStore, "_opened", opened_late)
    assert await objects.get(ADDRESS) == b"a paper"


async def test_papers_are_judged_again_when_the_store_is_back_and_never_called_missing(
    folder: Path, database: Database
) -> None:
    objects = await filled(folder, database)
    await opened(database)
    desk = CaseActivities(database, objects, generate_keys())
    away = folder.rename(folder.with_name("away"))
    task = InspectMaterials(
        acceptance_no=NUMBER,
        region="620900",
        disease_id=DISEASE,
        policy_version="none",
        received_on=date(2026, 3, 2),
        materials=(Material(kind=MaterialKind.ID_FRONT, sha256=ADDRESS),),
    )
    with pytest.raises(ApplicationError) as told:
        await desk.inspect_materials(task)
    assert (told.value.type, told.value.non_retryable) == ("StoreAway", False)
    away.rename(folder)
    found = await desk.inspect_materials(task)
    assert found.refused is not None
    assert "尚未上传" not in found.refused.message


async def test_what_is_handed_in_meanwhile_is_not_written_down_as_stored(folder: Path, database: Database) -> None:
    objects = await filled(folder, database)
    shutil.rmtree(folder)
    new = content_address(b"new")
    with pytest.raises(StoreAway):
        await keep_files(database, objects, NUMBER, [new], [b"new"])
    async with database.read() as connection:
        assert new not in set(await connection.scalars(upload.select().with_only_columns(upload.c.sha256)))


async def test_nothing_is_cleared_away_from_a_store_that_is_away(folder: Path, database: Database) -> None:
    async def connect() -> Any:
        return SimpleNamespace()

    objects = await filled(folder, database)
    async with database.write() as connection:
        await connection.execute(upload.update().values(owner="account:a1"))
    folder.rename(folder.with_name("away"))
    at = datetime.now(UTC) + timedelta(days=999)
    with pytest.raises(StoreAway):
        await clear_files(database, objects, connect, at=at)
    async with database.read() as connection:
        assert await count_unnamed(connection, at=at) == 1


async def test_a_folder_remade_while_the_store_is_away_is_not_taken_for_it(folder: Path, database: Database) -> None:
    objects = await filled(folder, database)
    folder.rename(folder.with_name("away"))
    await ObjectStore.at(folder).put(b"a paper")
    (folder / MARKER).unlink()
    with pytest.raises(StoreAway):
        await objects.check()


async def test_what_is_stored_while_the_store_goes_away_does_not_count_as_stored(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = await filled(folder, database)
    first = ObjectStore._opened

    async def opened_just_before(self: ObjectStore) -> Any:
        found = await first(self)
        folder.rename(folder.with_name("away"))
        return found

    monkeypatch.setattr(ObjectStore, "_opened", opened_just_before)
    with pytest.raises(StoreAway):
        await objects.put(b"another")
