"""How much of what is being sent is in memory: bounded for the process, and for each address by a part of that."""

from collections import Counter

from starter.web.problems import RETRY_SECONDS, Stopped, stopped

MOST_BYTES, MOST_OF_ONE_ADDRESS = 48 * 1024 * 1024, 12 * 1024 * 1024
"""Bodies that have come, whole or in part, and are not answered yet."""


class Bodies:
    """The bodies in flight of one process."""

    def __init__(self, most: int = MOST_BYTES, of_one: int = MOST_OF_ONE_ADDRESS) -> None:
        self._most, self._of_one = most, of_one
        self._total, self._by_address = 0, Counter[str]()

    def of(self, address: str) -> "Body":
        """Return the part of a request from an address, nothing as yet."""
        return Body(self, address)

    def take(self, address: str, count: int) -> None:
        """Hold bytes for an address. Raises `Stopped` (503) where there is no room for them."""
        if self._total + count > self._most or self._by_address[address] + count > self._of_one:
            raise _too_much()
        self._total += count
        self._by_address[address] += count

    def give_back(self, address: str, count: int) -> None:
        """Give back bytes of an address."""
        self._total -= count
        self._by_address[address] -= count
        if not self._by_address[address]:
            del self._by_address[address]


class Body:
    """The part of one request."""

    def __init__(self, bodies: Bodies, address: str) -> None:
        self._bodies, self._address, self._held = bodies, address, 0

    def take(self, count: int) -> None:
        """Hold so many bytes more. Raises `Stopped` (503)."""
        if count:
            self._bodies.take(self._address, count)
            self._held += count

    def release(self) -> None:
        """Give back what is held."""
        if self._held:
            self._bodies.give_back(self._address, self._held)
            self._held = 0


def _too_much() -> Stopped:
    return stopped(
        503,
        field="input",
        rule=f"正在接收的请求内容合计最多 {MOST_BYTES // 1024 // 1024} MB，"
        f"同一网络地址最多 {MOST_OF_ONE_ADDRESS // 1024 // 1024} MB",
        remedy="请稍后重新发送",
        message="正在接收的内容过多。",
        headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
    )
