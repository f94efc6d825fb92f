"""The object store of material files and certificates: content-addressed, create-only; what is named stays.

An object's address is the SHA-256 of its bytes, so evidence cannot be overwritten and damage cannot go
unnoticed. A local folder by default, any S3-compatible service by URL.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import IO, Self

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url
from obstore.store import ObjectStore as Backend

_ADDRESS = re.compile(r"[0-9a-f]{64}")
_PIECE = 256 * 1024


class NotStored(Exception):
    """No object has this address."""


class Tampered(Exception):
    """The bytes at an address are not those it was made from."""


def content_address(content: bytes) -> str:
    """Return the address of the bytes: SHA-256, 64 lowercase hex digits."""
    return hashlib.sha256(content).hexdigest()


class ObjectStore:
    """Objects by the SHA-256 of their bytes, at `ab/cd/<sha256>` below the folder or the URL's prefix."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @classmethod
    def at(cls, location: str | Path) -> Self:
        """Open a folder (made if missing) or a URL such as `s3://bucket/prefix`.

        Credentials and endpoint of a URL come from the service's usual environment (`AWS_…`). Raises
        `ValueError` on a location that is neither.
        """
        if isinstance(location, Path) or "://" not in location:
            return cls(LocalStore(Path(location).absolute(), mkdir=True))
        if location.startswith("file://"):
            return cls(from_url(location, mkdir=True))
        try:
            return cls(from_url(location))
        except BaseError:
            # the library's message repeats the URL, which may hold a secret
            raise ValueError("the object store URL is not one of a supported service") from None

    async def put(self, content: bytes) -> str:
        """Store the bytes and return their address. The same bytes again are the same object.

        Raises `Tampered` if other bytes already stand at the address.
        """
        address = await asyncio.to_thread(content_address, content)
        try:
            await obstore.put_async(self._backend, _key(address), content, mode="create")
        except AlreadyExistsError:
            await self.get(address)
        return address

    async def get(self, sha256: str) -> bytes:
        """Return the bytes. Raises `NotStored`, and `Tampered` if they do not hash to their address."""
        try:
            found = await obstore.get_async(self._backend, _key(sha256))
            content = bytes(await found.bytes_async())
        except FileNotFoundError:
            raise NotStored(sha256) from None
        if await asyncio.to_thread(content_address, content) != sha256:
            raise Tampered(sha256)
        return content

    async def copy(self, sha256: str, into: IO[bytes]) -> int:
        """Write the bytes to a file, never all of them in memory; return their number. Raises as `get` does."""
        digest, size = hashlib.sha256(), 0

        def take(piece: bytes) -> None:
            digest.update(piece)
            into.write(piece)

        try:
            found = await obstore.get_async(self._backend, _key(sha256))
            async for chunk in found.stream(min_chunk_size=_PIECE):
                piece = bytes(chunk)
                size += len(piece)
                await asyncio.to_thread(take, piece)
        except FileNotFoundError:
            raise NotStored(sha256) from None
        if digest.hexdigest() != sha256:
            raise Tampered(sha256)
        return size

    async def remove(self, addresses: Collection[str]) -> None:
        """Remove objects; one that is not there is removed already. For `storage/unnamed.py`, which knows which."""
        await asyncio.gather(*(self._remove(sha256) for sha256 in addresses))

    async def _remove(self, sha256: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._backend, _key(sha256))

    async def exists(self, sha256: str) -> bool:
        """Say whether an object has this address; its bytes are not read."""
        try:
            await self.size(sha256)
        except NotStored:
            return False
        return True

    async def size(self, sha256: str) -> int:
        """Return the stored size in bytes. Raises `NotStored`."""
        try:
            return (await obstore.head_async(self._backend, _key(sha256)))["size"]
        except FileNotFoundError:
            raise NotStored(sha256) from None


def _key(sha256: str) -> str:
    # an address can come from a request: only a hash may become part of a path
    if _ADDRESS.fullmatch(sha256) is None:
        raise NotStored("not an address")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
