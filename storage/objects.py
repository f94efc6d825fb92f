"""The object store of material files and certificates: content-addressed, create-only; what is named stays.

An object's address is the SHA-256 of its bytes, so evidence cannot be overwritten and damage cannot go
unnoticed. A local folder by default, any S3-compatible service by URL. What is not found in a folder is only said to
be not stored while the folder is known to be the store: `storage/store_folder.py`.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import IO, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore as Backend
from obstore.store import from_url

from storage.store_folder import Known, StoreAway, StoreFolder

Found = TypeVar("Found")

_ADDRESS = re.compile(r"[0-9a-f]{64}")
_PIECE = 256 * 1024


class NotStored(Exception):
    """No object has this address, in a store that is there."""


class Tampered(Exception):
    """The bytes at an address are not those it was made from."""


def content_address(content: bytes) -> str:
    """Return the address of the bytes: SHA-256, 64 lowercase hex digits."""
    return hashlib.sha256(content).hexdigest()


class ObjectStore:
    """Objects by the SHA-256 of their bytes, at `ab/cd/<sha256>` below the folder or the URL's prefix.

    While a folder is away, everything raises `StoreAway`.
    """

    def __init__(self, backend: Backend | StoreFolder) -> None:
        self._backend = backend

    @classmethod
    def at(cls, location: str | Path, *, known: Known | None = None) -> Self:
        """Open a folder or a URL such as `s3://bucket/prefix`.

        A folder that is missing is made where `known` names no object that must be in it, and with `known` None.
        Credentials and endpoint of a URL come from the service's usual environment (`AWS_…`). Raises
        `ValueError` on a location that is neither.
        """
        if isinstance(location, str) and location.startswith("file://"):
            location = Path(url2pathname(urlsplit(location).path))
        if isinstance(location, Path) or "://" not in location:
            return cls(StoreFolder(Path(location).absolute(), known, _key))
        try:
            return cls(from_url(location))
        except BaseError:
            # the library's message repeats the URL, which may hold a secret
            raise ValueError("the object store URL is not one of a supported service") from None

    @property
    def folder(self) -> Path | None:
        """Where the objects lie on this machine, or None where a service keeps them."""
        return self._backend.path if isinstance(self._backend, StoreFolder) else None

    async def check(self) -> None:
        """Return if the store is there; a folder in which nothing was ever stored is made. Raises `StoreAway`."""
        await self._opened()

    async def _opened(self) -> Backend:
        return await self._backend.opened() if isinstance(self._backend, StoreFolder) else self._backend

    async def _found(self, sha256: str, read: Callable[[Backend], Awaitable[Found]]) -> Found:
        """Return what reading finds. Raises `NotStored`, of a folder that was away meanwhile `StoreAway`."""
        with contextlib.suppress(FileNotFoundError):
            return await read(await self._opened())
        if isinstance(self._backend, StoreFolder):
            # It may have been away at the first look and back since.
            backend = await self._opened()
            with contextlib.suppress(FileNotFoundError):
                return await read(backend)
            await self._opened()
        raise NotStored(sha256)

    async def put(self, content: bytes) -> str:
        """Store the bytes and return their address. The same bytes again are the same object.

        Raises `Tampered` if other bytes already stand at the address.
        """
        address = await asyncio.to_thread(content_address, content)
        try:
            await obstore.put_async(await self._opened(), _key(address), content, mode="create")
        except AlreadyExistsError:
            await self.get(address)
        # Moved away meanwhile, the folder was made anew for this one object, and nobody will look there.
        await self._opened()
        return address

    async def get(self, sha256: str) -> bytes:
        """Return the bytes. Raises `NotStored`, and `Tampered` if they do not hash to their address."""

        async def read(backend: Backend) -> bytes:
            return bytes(await (await obstore.get_async(backend, _key(sha256))).bytes_async())

        content = await self._found(sha256, read)
        if await asyncio.to_thread(content_address, content) != sha256:
            raise Tampered(sha256)
        return content

    async def copy(self, sha256: str, into: IO[bytes]) -> int:
        """Write the bytes to a file, never all of them in memory; return their number. Raises as `get` does."""
        digest, size = hashlib.sha256(), 0

        def take(piece: bytes) -> None:
            digest.update(piece)
            into.write(piece)

        found = await self._found(sha256, lambda backend: obstore.get_async(backend, _key(sha256)))
        try:
            async for chunk in found.stream(min_chunk_size=_PIECE):
                piece = bytes(chunk)
                size += len(piece)
                await asyncio.to_thread(take, piece)
        except FileNotFoundError:
            await self._opened()
            raise NotStored(sha256) from None
        if digest.hexdigest() != sha256:
            raise Tampered(sha256)
        return size

    async def remove(self, addresses: Collection[str]) -> None:
        """Remove objects; one that is not there is removed already. For `storage/unnamed.py`, which knows which.

        None is under way any more when it returns or raises, also where one could not be removed or the caller is
        stopped: whoever asked holds a lock until then.
        """
        backend = await self._opened()
        removing = asyncio.gather(*(_remove(backend, sha256) for sha256 in addresses), return_exceptions=True)
        try:
            found = await asyncio.shield(removing)
        except asyncio.CancelledError:
            await removing
            raise
        for each in found:
            if isinstance(each, BaseException):
                raise each
        if not all(found):
            await self._opened()

    async def exists(self, sha256: str) -> bool:
        """Say whether an object has this address; its bytes are not read."""
        try:
            await self.size(sha256)
        except NotStored:
            return False
        return True

    async def size(self, sha256: str) -> int:
        """Return the stored size in bytes. Raises `NotStored`."""
        found = await self._found(sha256, lambda backend: obstore.head_async(backend, _key(sha256)))
        return found["size"]


def _key(sha256: str) -> str:
    # an address can come from a request: only a hash may become part of a path
    if _ADDRESS.fullmatch(sha256) is None:
        raise NotStored("not an address")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


async def _remove(backend: Backend, sha256: str) -> bool:
    """Remove an object, and say whether it was there."""
    try:
        await obstore.delete_async(backend, _key(sha256))
    except FileNotFoundError:
        return False
    return True


__all__ = ["NotStored", "ObjectStore", "StoreAway", "Tampered", "content_address"]
