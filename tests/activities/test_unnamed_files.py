"""Which files nothing names, on both databases, and that none goes which something names or is about to name."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.service import RPCError, RPCStatusCode

from domain.access import Principal, Role
from domain.application import Material
from domain.refusal import Refused
from domain.vocabulary import MaterialKind
from starter.clearing import clear_files, count_files
from starter.uploads import keep_files
from starter.web.pages.drafting import Content, Paper
from storage.accounts import NewAccount, add_account
from storage.certificates import IssuedCertificate, register_certificate
from storage.database import Database
from storage.drafts import Purpose, begin_draft, delete_draft, draft_of
from storage.objects import ObjectStore
from storage.tables import case, upload
from storage.unnamed import clear_unnamed, count_unnamed, forget_uploads
from storage.uploads import KEPT, name_for_case, not_named_for, record_uploads
from tests.activities.case_samples import AT, NUMBER, OTHER, opened
from worker.connection import Unreachable

pytestmark = pytest.mark.asyncio
OLD, YOUNG = AT - KEPT - timedelta(seconds=1), AT - KEPT
SOMEBODY, SOMEBODY_ELSE = (Principal(kind="account", id=name, role=Role.APPLICANT) for name in ("a1", "a2"))


class Shelf:
    """Takes note of what was removed."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    async def remove(self, addresses: Collection[str]) -> None:
        self.removed += addresses


class Temporal:
    """Knows some numbers; or is away."""

    def __init__(self, *known: str, away: bool = False) -> None:
        self._known, self._away = known, away
        self.asked: list[str] = []

    async def connect(self) -> Any:
        if self._away:
            raise Unreachable("away")
        return self

    def get_workflow_handle(self, number: str) -> Any:
        self._number = number
        return self

    async def describe(self, **_: object) -> object:
        self.asked.append(self._number)
        if self._number not in self._known:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        return object()


def sha(number: int) -> str:
    return f"{number:064x}"


async def sent(database: Database, who: Principal, *hashes: str, at: datetime = OLD) -> None:
    async with database.write() as connection:
        await record_uploads(connection, who, hashes, at=at)


async def handed_in(database: Database, number: str, *hashes: str, at: datetime = OLD) -> None:
    async with database.write() as connection:
        await name_for_case(connection, number, hashes, at=at)


async def issue(database: Database, sha256: str) -> None:
    on = AT.date()
    issued = IssuedCertificate(
        acceptance_no=NUMBER,
        version=1,
        certificate_no="c-1",
        sha256=sha256,
        effect_on=on,
        end_on=None,
        issued_on=on,
        conditional=False,
        issued_at=AT,
    )
    async with database.write() as connection:
        await register_certificate(connection, issued)


async def close(database: Database, number: str = NUMBER) -> None:
    async with database.write() as connection:
        await connection.execute(update(case).where(case.c.acceptance_no == number).values(closed=True))


async def drafting(database: Database, *hashes: str) -> tuple[Principal, str]:
    """Return an account with a draft under way that holds papers, and the draft."""
    new = NewAccount(login="somebody", display_name="某人", role=Role.APPLICANT)
    held = [Paper(name="1.jpg", material=Material(kind=MaterialKind.OTHER, sha256=each)) for each in hashes]
    content = Content(region="620900", papers=tuple(held)).model_dump(mode="json")
    async with database.write() as connection:
        made = await add_account(connection, new, "$none", must_change=False, at=AT, actor="system")
        draft = await begin_draft(connection, made.id, Purpose.APPLY, content, at=AT)
    return Principal(kind="account", id=made.id, role=Role.APPLICANT), draft


async def cleared(database: Database, *, most: int = 50) -> set[str]:
    """Clear away what is unnamed at `AT`, and return what it was."""
    shelf = Shelf()
    async with database.read() as connection:
        counted = await count_unnamed(connection, at=AT)
    while True:
        async with database.write() as connection:
            if not await clear_unnamed(connection, shelf.remove, at=AT, most=most):
                break
    assert len(shelf.removed) == len(set(shelf.removed)) == counted
    return set(shelf.removed)


async def rows(database: Database) -> set[tuple[str, str]]:
    async with database.read() as connection:
        found = await connection.execute(select(upload.c.owner, upload.c.sha256))
    return {(row.owner, row.sha256) for row in found}


async def test_a_file_goes_thirty_days_after_it_was_sent_last_and_not_before(database: Database) -> None:
    await sent(database, SOMEBODY, sha(1), sha(2))
    await sent(database, SOMEBODY, sha(2), at=YOUNG)
    assert await cleared(database) == {sha(1)}
    assert await rows(database) == {("account:a1", sha(2))}


async def test_a_file_of_two_people_stays_as_long_as_one_of_them_may_name_it(database: Database) -> None:
    await sent(database, SOMEBODY, sha(1), sha(2))
    await sent(database, SOMEBODY_ELSE, sha(1), at=YOUNG)
    await sent(database, SOMEBODY_ELSE, sha(2))
    assert await cleared(database) == {sha(2)}


async def test_papers_of_a_case_and_certificates_stay_however_old_and_after_the_case_is_closed(
    database: Database,
) -> None:
    paper = Material(kind=MaterialKind.ID_FRONT, sha256=sha(1))
    await opened(database, materials=(paper,))
    await issue(database, sha(2))
    await sent(database, SOMEBODY, sha(1), sha(2), sha(3))
    await handed_in(database, NUMBER, sha(1), sha(2))
    await close(database)
    assert await cleared(database) == {sha(3)}
    async with database.write() as connection:
        assert await forget_uploads(connection, at=AT) == 4
    assert await cleared(database) == set()
    assert await rows(database) == set()


async def test_the_papers_of_a_draft_stay_until_it_is_gone_and_whatever_else_its_writer_sent_goes(
    database: Database,
) -> None:
    me, draft = await drafting(database, sha(1), sha(3))
    await sent(database, me, sha(1), sha(2))
    # Whose bytes a draft holds is told by who sent them: others' copies are not theirs to keep.
    await sent(database, SOMEBODY_ELSE, sha(1), sha(3))
    assert await cleared(database) == {sha(2), sha(3)}
    async with database.write() as connection:
        found = await draft_of(connection, me.id, draft)
        assert found is not None
        await delete_draft(connection, found)
    assert await cleared(database) == {sha(1)}


async def test_what_a_case_was_handed_stays_until_it_is_closed_even_if_the_case_refused_it(
    database: Database,
) -> None:
    await opened(database)
    await handed_in(database, NUMBER, sha(2))
    assert await cleared(database) == set()
    async with database.write() as connection:
        assert await forget_uploads(connection, at=AT) == 0
    await close(database)
    assert await cleared(database) == {sha(2)}


async def test_what_is_named_for_a_case_is_told_from_what_is_not(database: Database) -> None:
    paper = Material(kind=MaterialKind.ID_FRONT, sha256=sha(1))
    await opened(database, materials=(paper,))
    await handed_in(database, NUMBER, sha(2))
    await handed_in(database, OTHER, sha(3))
    async with database.read() as connection:
        assert await not_named_for(connection, NUMBER, [sha(1), sha(2), sha(3), sha(4), sha(3)]) == [sha(3), sha(4)]


@pytest.mark.parametrize("known", [True, False])
async def test_what_was_handed_in_waits_for_its_case_as_long_as_temporal_knows_of_it(
    database: Database, tmp_path: Path, known: bool
) -> None:
    objects = ObjectStore.at(tmp_path)
    address = await objects.put(b"handed in")
    await handed_in(database, NUMBER, address)
    temporal = Temporal(*[NUMBER] if known else [])
    counted = await count_files(database, temporal.connect, at=AT)
    done = await clear_files(database, objects, temporal.connect, at=AT)
    assert counted.unnamed == done.removed == (0 if known else 1)
    assert await objects.exists(address) is known
    assert temporal.asked == [NUMBER, NUMBER]


async def test_what_was_handed_in_stays_while_temporal_cannot_be_asked(database: Database, tmp_path: Path) -> None:
    await handed_in(database, NUMBER, sha(1))
    await handed_in(database, OTHER, sha(2), at=YOUNG)
    await sent(database, SOMEBODY, sha(3))
    temporal = Temporal(away=True)
    done = await clear_files(database, ObjectStore.at(tmp_path), temporal.connect, at=AT)
    assert (done.removed, done.unsure) == (1, 1)
    assert {sha256 for _, sha256 in await rows(database)} == {sha(1), sha(2)}


async def test_temporal_is_not_asked_about_cases_that_are_written_down(database: Database, tmp_path: Path) -> None:
    await opened(database)
    await handed_in(database, NUMBER, sha(2))
    temporal = Temporal(away=True)
    done = await clear_files(database, ObjectStore.at(tmp_path), temporal.connect, at=AT)
    assert (done.removed, done.unsure) == (0, 0)


async def test_what_the_database_never_heard_of_is_not_touched(database: Database, tmp_path: Path) -> None:
    objects = ObjectStore.at(tmp_path)
    address = await objects.put(b"of another database")
    await clear_files(database, objects, Temporal().connect, at=datetime.now(UTC) + timedelta(days=999))
    assert await objects.exists(address)


async def test_a_store_that_removes_nothing_is_asked_again(database: Database) -> None:
    await sent(database, SOMEBODY, sha(1))

    async def refuse(_: Collection[str]) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        async with database.write() as connection:
            await clear_unnamed(connection, refuse, at=AT)
    assert await cleared(database) == {sha(1)}


async def test_a_store_that_removes_nothing_keeps_nobody_from_being_forgotten(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(database, materials=(Material(kind=MaterialKind.OTHER, sha256=sha(1)),))
    await sent(database, SOMEBODY, sha(1), sha(2))
    objects = ObjectStore.at(tmp_path)

    async def refuse(_: Collection[str]) -> None:
        raise PermissionError

    monkeypatch.setattr(objects, "remove", refuse)
    with pytest.raises(PermissionError):
        await clear_files(database, objects, Temporal().connect, at=AT)
    assert {sha256 for _, sha256 in await rows(database)} == {sha(2)}


@pytest.mark.parametrize("seed", range(6))
async def test_of_any_mixture_exactly_the_unnamed_old_ones_go(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    hashes = [sha(number) for number in range(1, 61)]
    held = chance.sample(hashes, 30)
    me, _ = await drafting(database, *held)
    papers = chance.sample(hashes, 12)
    certificate = chance.choice(hashes)
    await opened(database, materials=tuple(Material(kind=MaterialKind.OTHER, sha256=one) for one in papers))
    await opened(database, OTHER, person_key="cd" * 16, materials=())
    await issue(database, certificate)
    await close(database, OTHER)
    naming: dict[str, bool] = {}
    """Of every file somebody ever sent or handed in: whether one of them still names it."""
    for sha256 in hashes:
        for owner in chance.sample(
            ["stranger", "other", "drafting", "open", "closed", "unheard"], chance.randrange(4)
        ):
            at = chance.choice([OLD, OLD, OLD, YOUNG])
            match owner:
                case "stranger":
                    await sent(database, SOMEBODY, sha256, at=at)
                case "other":
                    await sent(database, SOMEBODY_ELSE, sha256, at=at)
                case "drafting":
                    await sent(database, me, sha256, at=at)
                case "open":
                    await handed_in(database, NUMBER, sha256, at=at)
                case "closed":
                    await handed_in(database, OTHER, sha256, at=at)
                case _:
                    await handed_in(database, f"{seed}-{sha256[-4:]}", sha256, at=at)
            still = at == YOUNG or owner in ("open", "unheard") or (owner == "drafting" and sha256 in held)
            naming[sha256] = naming.get(sha256, False) or still
    expected = {each for each, still in naming.items() if not still} - {*papers, certificate}
    assert expected
    assert await cleared(database, most=7) == expected
    async with database.write() as connection:
        await forget_uploads(connection, at=AT)
    assert {sha256 for _, sha256 in await rows(database)} <= {each for each, still in naming.items() if still}
    assert await cleared(database) == set()


@pytest.fixture
def other(database_url: str) -> Database:
    """The database as another process has it."""
    return Database(database_url)


async def _while_clearing(database: Database, objects: ObjectStore, naming: Callable[[], Awaitable[None]]) -> None:
    """Begin to name a file once it is decided that it goes, and before it is gone."""
    tasks: list[asyncio.Task[None]] = []

    async def remove(addresses: Collection[str]) -> None:
        tasks.append(asyncio.ensure_future(naming()))
        await asyncio.wait(tasks, timeout=0.3)
        await objects.remove(addresses)

    async with database.write() as connection:
        assert await clear_unnamed(connection, remove, at=datetime.now(UTC)) == 1
    await asyncio.gather(*tasks)


async def test_who_hands_in_an_old_file_while_it_is_cleared_away_is_told_to_send_it_again(
    database: Database, other: Database, tmp_path: Path
) -> None:
    objects = ObjectStore.at(tmp_path)
    address = await objects.put(b"old")
    await sent(database, SOMEBODY, address)

    async def hand_in() -> None:
        with pytest.raises(Refused) as caught:
            await keep_files(other, objects, NUMBER, [address], [])
        assert caught.value.refusal.field == "materials[0].sha256"

    await _while_clearing(database, objects, hand_in)
    await other.close()


async def test_who_sends_or_hands_in_the_bytes_while_they_are_cleared_away_keeps_them(
    database: Database, other: Database, tmp_path: Path
) -> None:
    objects = ObjectStore.at(tmp_path)
    address = await objects.put(b"old")
    await sent(database, SOMEBODY, address)

    async def hand_in() -> None:
        await keep_files(other, objects, NUMBER, [address], [b"old"])

    await _while_clearing(database, objects, hand_in)
    assert await objects.get(address) == b"old"
    assert await rows(database) == {(f"case:{NUMBER}", address)}
    await other.close()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_handed_in_while_sweeps_run_is_there_or_refused(
    database: Database, other: Database, tmp_path: Path, seed: int
) -> None:
    objects, chance = ObjectStore.at(tmp_path), random.Random(seed)
    contents = [f"old {number}".encode() for number in range(20)]
    addresses = [await objects.put(content) for content in contents]
    await sent(database, SOMEBODY, *addresses)
    kept: set[str] = set()

    async def hand_in(number: int) -> None:
        await asyncio.sleep(chance.random() * 0.05)
        try:
            await keep_files(other, objects, f"n{number}", [addresses[number]], [])
        except Refused:
            assert not await objects.exists(addresses[number])
        else:
            kept.add(addresses[number])

    async def sweep() -> None:
        await asyncio.sleep(0.01)
        for _ in contents:
            async with database.write() as connection:
                await clear_unnamed(connection, objects.remove, at=datetime.now(UTC), most=1)
            await asyncio.sleep(chance.random() * 0.004)

    await hand_in(0)
    assert kept
    await asyncio.gather(sweep(), *(hand_in(number) for number in range(1, len(contents))))
    assert {each for each in addresses if await objects.exists(each)} == kept
    await other.close()
