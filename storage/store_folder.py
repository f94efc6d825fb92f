"""The folder an object store lives in: known again by a marker, so that an absent one is not taken for an empty one.

A disk that is not mounted, or a folder that was moved, looks like a store in which nothing ever was. Whoever then
hears that a paper is not stored is asked for it again; whoever writes fills a folder that nobody will look into.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

MARKER = "mente-store"
"""The file in the root by which a store is known again. Written once; made by hand it declares a folder the store."""

_TEXT = b"This folder is an object store of mente. Without this file it is taken to be away.\n"

Known = Callable[[], Awaitable[Sequence[str]]]
"""Returns the addresses of some objects that must be there, none of a store to which nothing was written yet."""


class StoreAway(Exception):
    """The folder of the store is not there, or is another: nothing can be said of any object, and nothing kept."""


class StoreFolder:
    """A folder, opened once it is known to be the store.

    It is begun, which makes the folder and writes the marker, where nothing is known to have been stored. A store of
    before 0.4.0, which has no marker, is known by the objects in it.
    """

    def __init__(self, path: Path, known: Known | None, key_of: Callable[[str], str]) -> None:
        self.path = path
        self._known = known
        self._key_of = key_of
        self._local: LocalStore | None = None
        self._was_there = False

    async def opened(self) -> LocalStore:
        """Return the folder as a store. Raises `StoreAway`."""
        if self._local is not None and await self._holds(self._local, MARKER):
            self._was_there = True
            return self._local
        if self._was_there:
            raise StoreAway("the object store is away")
        return await self._known_again()

    async def _known_again(self) -> LocalStore:
        local = self._local
        if local is None and self.path.is_dir():
            local = LocalStore(self.path)
        if local is None or not await self._holds(local, MARKER):
            await self._begin(local)
        self._local = local or LocalStore(self.path)
        self._was_there = True
        return self._local

    async def _begin(self, local: LocalStore | None) -> None:
        known = () if self._known is None else await self._known()
        if known and (local is None or not await self._holds_any(local, known)):
            raise StoreAway("the object store is away")
        local = local or LocalStore(self.path, mkdir=True)
        with suppress(AlreadyExistsError):
            await obstore.put_async(local, MARKER, _TEXT, mode="create")

    async def _holds_any(self, local: LocalStore, known: Sequence[str]) -> bool:
        for address in known:
            if await self._holds(local, self._key_of(address)):
                return True
        return False

    async def _holds(self, local: LocalStore, key: str) -> bool:
        try:
            await obstore.head_async(local, key)
        except FileNotFoundError:
            return False
        return True
