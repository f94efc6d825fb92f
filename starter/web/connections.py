"""The connections of one server: so many from one address, and none whose reader does not read.

Whoever waits gives way to whoever asks: of an address with too many, and of the address with most when there are too
many altogether, the connection that has been idle for longest is closed, or else one that sends what it asks too
slowly. A proxy that is trusted speaks for many.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from starter.web.networks import wide_of

MOST_OF_ONE_ADDRESS = 150
"""Connections of one address, an IPv6 network of 64 bits being one: what two dozen browsers open at a time."""

MOST_OF_ONE_NETWORK = 600
"""Connections of an IPv6 network of 48 bits, which one customer of an internet provider may have whole."""

MOST_CONNECTIONS, RESERVED = 1_000, 24
"""Connections altogether, and those beyond them that are asked nothing but whether the process lives."""

UNREAD_SECONDS, LEAST_READ = 30.0, 16 * 1024
"""Within so long a reader must have taken so many bytes of what waits for it, or all of it."""


class Known(Protocol):
    """Addresses."""

    def __contains__(self, host: str, /) -> bool:
        """Whether a host is one of them."""
        ...


class Connection(Protocol):
    """One connection as the crowd sees it."""

    @property
    def address(self) -> str:
        """The network address it is counted by."""
        ...

    @property
    def peer(self) -> str:
        """The host at its other end."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer on it, or reads one."""
        ...

    @property
    def slow(self) -> bool:
        """Whether the rest of what is asked on it comes too slowly, or not at all."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that wait for its reader."""
        ...

    @property
    def resumed(self) -> int:
        """How often its reader has taken most of what waited."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def abort(self) -> None:
        """Close it at once."""
        ...


class Crowd:
    """Who is connected to one server. `trusted` are the addresses of proxies."""

    def __init__(
        self,
        *,
        trusted: Known = (),
        of_one: int = MOST_OF_ONE_ADDRESS,
        of_network: int = MOST_OF_ONE_NETWORK,
        most: int = MOST_CONNECTIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted, self._of_one, self._of_network, self._most = trusted, of_one, of_network, most
        self._clock = clock
        self._by_address: dict[str, OrderedDict[Connection, None]] = {}
        self._by_network = Counter[str]()
        self._count = 0
        self._unread: dict[Connection, tuple[float, int, int]] = {}

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, closing an idle or slow one for it if need be; False if there is no place."""
        address = connection.address
        if connection.peer not in self._trusted and not self._has_room(address):
            return False
        if self._count >= self._most:
            fullest = sorted(self._by_address.values(), key=len, reverse=True)
            if not any(self._gave_way(each) for each in fullest) and self._count >= self._most + RESERVED:
                return False
        self._by_address.setdefault(address, OrderedDict())[connection] = None
        self._by_network[wide_of(address)] += 1
        self._count += 1
        return True

    @property
    def crowded(self) -> bool:
        """Whether the newest connection has one of the reserved places."""
        return self._count > self._most

    def used(self, connection: Connection) -> None:
        """Note that a connection carries a request."""
        own = self._by_address.get(connection.address, OrderedDict())
        if connection in own:
            own.move_to_end(connection)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended; one that was not taken in is nothing to it."""
        own = self._by_address.get(connection.address, OrderedDict())
        if connection not in own:
            return
        del own[connection]
        self._count -= 1
        network = wide_of(connection.address)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
        self._unread.pop(connection, None)
        if not own:
            del self._by_address[connection.address]

    def cut_unread(self) -> int:
        """Close every connection whose reader has stopped reading; return how many."""
        stuck = [each for each in self._all() if self._is_stuck(each)]
        for each in stuck:
            each.abort()
        return len(stuck)

    def _is_stuck(self, connection: Connection) -> bool:
        left, at = connection.unsent, self._clock()
        if left == 0:
            self._unread.pop(connection, None)
            return False
        since, before, resumed = self._unread.get(connection, (at, left, -1))
        if resumed == connection.resumed and before - left < LEAST_READ:
            return at - since >= UNREAD_SECONDS
        self._unread[connection] = (at, left, connection.resumed)
        return False

    def _has_room(self, address: str) -> bool:
        own = self._by_address.get(address, ())
        if len(own) >= self._of_one and not self._gave_way(own):
            return False
        network = wide_of(address)
        if network == address or self._by_network[network] < self._of_network:
            return True
        return self._gave_way([each for each in self._all() if wide_of(each.address) == network])

    def _gave_way(self, connections: Iterable[Connection]) -> bool:
        found = next((each for each in connections if each.idle), None)
        found = found or next((each for each in connections if each.slow), None)
        if found is None:
            return False
        self.leave(found)
        found.close()
        return True

    def _all(self) -> Iterator[Connection]:
        for own in self._by_address.values():
            yield from own
