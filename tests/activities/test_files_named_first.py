"""Whatever is stored, handed in or judged is named in the database before: no sweep takes it meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import Headers

from activities.cases import CaseActivities
from activities.contract import InspectMaterials, IssueCertificate
from domain.acceptance import acceptance_number
from domain.access import Principal, Role
from domain.application import Material
from domain.commands import SupplyMaterials
from domain.vocabulary import MaterialKind
from starter.client import Mente
from starter.web.papers import DECODED_AT_ONCE, Papers
from storage.database import Database
from storage.keys import generate_keys
from storage.objects import NotStored, ObjectStore, content_address
from storage.tables import upload
from tests.activities.case_samples import AT, DISEASE, NUMBER, PAPER, opened

pytestmark = pytest.mark.asyncio
KEYS = generate_keys()
ME = Principal(kind="account", id="a1", role=Role.COUNTER, regions=("620900",))


class Watched(ObjectStore):
    """A store that notes who names a file at the moment it is stored or read."""

    database: Database

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.named: list[tuple[str, str, list[str]]] = []

    async def put(self, content: bytes) -> str:
        await self._note("put", content_address(content))
        return await super().put(content)

    async def get(self, sha256: str) -> bytes:
        await self._note("get", sha256)
        return await super().get(sha256)

    async def _note(self, what: str, sha256: str) -> None:
        async with self.database.read() as connection:
            owners = await connection.scalars(select(upload.c.owner).where(upload.c.sha256 == sha256))
            self.named.append((what, sha256, list(owners)))


class Busy:
    """A database in which nothing can be written until it is set free."""

    def __init__(self, database: Database) -> None:
        self._database, self.asked, self.free = database, 0, asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self.asked += 1
        await self.free.wait()
        async with self._database.write() as connection:
            yield connection


def incoming(content: bytes) -> Any:
    async def stream() -> AsyncIterator[bytes]:
        yield content

    return SimpleNamespace(
        headers=Headers(), receive=None, scope={"client": ("127.0.0.1", 1), "headers": []}, stream=stream
    )


@pytest.fixture
def objects(tmp_path: Path, database: Database) -> Watched:
    store = Watched.at(tmp_path / "objects")
    store.database = database
    return store


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    path = tmp_path / "photo.jpg"
    Image.effect_noise((1200, 1600), 60).convert("RGB").save(path, quality=40)
    return path.read_bytes()


async def test_an_upload_is_somebodys_before_it_is_stored(
    database: Database, objects: Watched, photo: bytes, tmp_path: Path
) -> None:
    shelves: Any = SimpleNamespace(database=database, objects=objects, keys=KEYS)
    sha256, _ = await Papers(tmp_path / "incoming").receive(incoming(photo), ME, shelves, MaterialKind.OTHER)
    assert objects.named == [("put", sha256, ["account:a1"])]
    assert await objects.exists(sha256)


async def test_uploads_that_wait_for_a_busy_database_keep_no_other_from_being_decoded(
    database: Database, objects: Watched, photo: bytes, tmp_path: Path
) -> None:
    busy = Busy(database)
    shelves: Any = SimpleNamespace(database=busy, objects=objects, keys=KEYS)
    papers = Papers(tmp_path / "incoming")
    many = [
        asyncio.ensure_future(papers.receive(incoming(photo), ME, shelves, MaterialKind.OTHER))
        for _ in range(DECODED_AT_ONCE + 2)
    ]
    async with asyncio.timeout(60):
        while busy.asked < len(many):
            await asyncio.sleep(0.01)
    assert objects.named == []
    busy.free.set()
    assert len({sha256 for sha256, _ in await asyncio.gather(*many)}) == 1
    assert [what for what, *_ in objects.named].count("put") == len(many)


async def test_a_certificate_is_its_cases_before_it_is_stored(database: Database, objects: Watched) -> None:
    await opened(database)
    task = IssueCertificate(
        acceptance_no=NUMBER,
        version=1,
        region="620900",
        effect_on=AT.date(),
        end_on=None,
        issued_on=AT.date(),
        conditional=False,
        policy_version="",
        at=AT,
    )
    issued = await CaseActivities(database, objects, KEYS).issue_certificate(task)
    assert objects.named == [("put", issued.sha256, [f"case:{NUMBER}"])]
    assert await objects.exists(issued.sha256)


async def test_papers_that_came_past_our_own_doors_are_their_cases_before_they_are_looked_at(
    database: Database, objects: Watched
) -> None:
    await opened(database)
    strange = Material(kind=MaterialKind.OTHER, sha256="7" * 64)
    task = InspectMaterials(
        acceptance_no=NUMBER,
        region="620900",
        disease_id=DISEASE,
        policy_version="",
        received_on=AT.date(),
        materials=(strange, PAPER),
    )
    found = await CaseActivities(database, objects, KEYS).inspect_materials(task)
    assert found.refused is not None
    # What stands in the case already needs no other name.
    assert objects.named == [("get", strange.sha256, [f"case:{NUMBER}"])]
    async with database.read() as connection:
        assert [*await connection.scalars(select(upload.c.sha256))] == [strange.sha256]


class Waiting:
    """A server that takes a signal and looks, while it does, who names the file in it."""

    def __init__(self, objects: Watched) -> None:
        self._objects = objects

    def get_workflow_handle(self, _: str) -> "Waiting":
        return self

    async def signal(self, _: str, command: SupplyMaterials, **__: object) -> None:
        with pytest.raises(NotStored):
            await self._objects.get(command.materials[0].sha256)


async def test_papers_are_their_cases_before_a_signal_says_so(database: Database, objects: Watched) -> None:
    client: Any = Waiting(objects)
    mente = Mente(client=client, database=database, objects=objects, keys=KEYS)
    number = acceptance_number(KEYS.acceptance, region="510400", channel="app", request_id="r")
    command = SupplyMaterials(
        command_id="c-1", actor="channel:app", materials=(Material(kind=MaterialKind.OTHER, sha256="8" * 64),)
    )
    assert await mente.signal(number, command) is None
    assert objects.named == [("get", "8" * 64, [f"case:{number}"])]
    await mente.keep(number, [b"paper"])
    assert objects.named[1:] == [("put", content_address(b"paper"), [f"case:{number}"])]
