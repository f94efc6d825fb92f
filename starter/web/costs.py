"""What an answer costs, in tokens of the rate of callers nobody knows: some milliseconds of the one processor each.

Whoever shows no credentials pays for every answer; who does, only for what is open to all, or if they do not hold.
"""

from starter.web.rates import Buckets

_FREE = ("/static/", "/favicon.ico", "/receipts/", "/healthz")
_OPEN = (
    ("/api/v1/public/lists", 20),
    ("/lists/", 20),
    ("/api/v1/public/certificates/", 4),
    ("/api/v1/public/", 2),
    ("/api/v1/openapi.json", 2),
    ("/api/v1/calendar", 2),
    ("/api/v1/regions", 2),
    ("/readyz", 4),
)
_API, API_COST, PAGE_COST = "/api/", 1, 4
_OPEN_TO_ALL = tuple(start for start, _ in _OPEN)

ANEW = 10
"""So many times as dear is an answer that is made anew, where it is else remembered."""


def cost_of(path: str) -> int:
    """Return the tokens an answer at this address costs."""
    if path.startswith(_FREE):
        return 0
    known = next((cost for start, cost in _OPEN if path.startswith(start)), None)
    if known is not None:
        return known
    return API_COST if path.startswith(_API) else PAGE_COST


def is_open(path: str) -> bool:
    """Whether it is an answer for everybody alike: whoever is known pays for it too."""
    return path.startswith(_OPEN_TO_ALL)


class Charge:
    """What an answer costs whoever nobody knows. Paid once, however many find out; `times` is paid on top."""

    def __init__(self, buckets: Buckets, address: str, cost: int) -> None:
        self._buckets, self._address, self._cost = buckets, address, cost
        self._paid = False

    def __call__(self, times: int = 0) -> None:
        """Take what is due. Raises `Stopped` (429) where nothing is left."""
        due = self._cost * (times or (0 if self._paid else 1))
        self._paid = True
        if due:
            self._buckets.take(self._address, due)
