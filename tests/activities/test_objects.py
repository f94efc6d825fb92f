import asyncio
import hashlib
from pathlib import Path
from typing import Any

import obstore
import pytest

from storage.objects import NotStored, ObjectStore, Tampered, content_address
from storage.store_folder import MARKER

pytestmark = pytest.mark.asyncio

ABSENT = hashlib.sha256(b"absent").hexdigest()


def only_file(folder: Path) -> Path:
    (found,) = [path for path in folder.rglob("*") if path.is_file() and path.name != MARKER]
    return found


async def test_what_is_put_is_found_by_the_hash_of_its_bytes(tmp_path: Path) -> None:
    store = ObjectStore.at(tmp_path / "objects")

    address = await store.put(b"evidence")

    assert address == hashlib.sha256(b"evidence").hexdigest() == content_address(b"evidence")
    assert await store.get(address) == b"evidence"
    assert await store.size(address) == 8
    assert await store.exists(address)


async def test_an_object_lies_below_two_folders_named_after_its_hash(tmp_path: Path) -> None:
    address = await ObjectStore.at(tmp_path).put(b"evidence")

    assert only_file(tmp_path).relative_to(tmp_path) == Path(address[:2], address[2:4], address)


async def test_the_same_bytes_again_are_the_same_object_and_touch_no_file(tmp_path: Path) -> None:
    store = ObjectStore.at(tmp_path)
    address = await store.put(b"evidence")
    written = only_file(tmp_path).stat()

    assert await store.put(b"evidence") == address
    again = only_file(tmp_path).stat()
    assert (again.st_ino, again.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


async def test_many_writers_of_the_same_bytes_all_succeed(tmp_path: Path) -> None:
    store = ObjectStore.at(tmp_path)

    addresses = await asyncio.gather(*(store.put(b"evidence" * 10_000) for _ in range(20)))

    assert len(set(addresses)) == 1
    assert len(await store.get(addresses[0])) == 80_000
    only_file(tmp_path)


async def test_a_store_opened_again_finds_what_was_put(tmp_path: Path) -> None:
    address = await ObjectStore.at(tmp_path).put(b"evidence")

    assert await ObjectStore.at(str(tmp_path)).get(address) == b"evidence"


async def test_changed_bytes_are_reported_as_tampered_on_get_and_on_put(tmp_path: Path) -> None:
    store = ObjectStore.at(tmp_path)
    address = await store.put(b"evidence")
    only_file(tmp_path).write_bytes(b"Evidence")

    with pytest.raises(Tampered):
        await store.get(address)
    with pytest.raises(Tampered):
        await store.put(b"evidence")


async def test_an_absent_object_is_not_stored(tmp_path: Path) -> None:
    store = ObjectStore.at(tmp_path)

    assert not await store.exists(ABSENT)
    with pytest.raises(NotStored):
        await store.get(ABSENT)
    with pytest.raises(NotStored):
        await store.size(ABSENT)


@pytest.mark.parametrize("address", ["", "../../secret", ABSENT.upper(), ABSENT[:-1], f"../{ABSENT}", f"{ABSENT}\n"])
async def test_what_is_no_hash_never_becomes_a_path(tmp_path: Path, address: str) -> None:
    store = ObjectStore.at(tmp_path / "objects")
    (tmp_path / "secret").write_bytes(b"x")

    assert not await store.exists(address)
    with pytest.raises(NotStored):
        await store.get(address)


@pytest.mark.parametrize("scheme", ["memory", "file"])
async def test_a_url_opens_a_store(tmp_path: Path, scheme: str) -> None:
    store = ObjectStore.at("memory:///" if scheme == "memory" else f"file://{tmp_path}/by-url")

    assert await store.get(await store.put(b"evidence")) == b"evidence"


async def test_an_s3_url_names_bucket_and_prefix() -> None:
    described = repr(ObjectStore.at("s3://mente-materials/prod")._backend)

    assert "mente-materials" in described
    assert "prod" in described


async def test_an_unsupported_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="not one of a supported service") as refused:
        ObjectStore.at("ftp://user:secret@example.org/x")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("end", ["one fails", "the caller is stopped"])
async def test_no_removal_is_under_way_any_more_once_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    store = ObjectStore.at(tmp_path / "objects")
    addresses = [await store.put(f"paper {number}".encode()) for number in range(5)]
    real, first = obstore.delete_async, asyncio.Event()

    async def slow(*args: Any) -> None:
        if not first.is_set():
            first.set()
            if end == "one fails":
                raise PermissionError
        await asyncio.sleep(0.3)
        await real(*args)

    monkeypatch.setattr(obstore, "delete_async", slow)
    removing = asyncio.create_task(store.remove(addresses))
    await first.wait()
    if end == "the caller is stopped":
        removing.cancel()
    with pytest.raises((PermissionError, asyncio.CancelledError)):
        await removing

    # Whoever sends one of the files now, under the lock that is free again, keeps it.
    await asyncio.gather(*(store.put(f"paper {number}".encode()) for number in range(5)))
    await asyncio.sleep(0.5)
    assert all([await store.exists(address) for address in addresses])
