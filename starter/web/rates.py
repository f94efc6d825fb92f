"""How often somebody may ask: token buckets in memory, one for each asker, forgotten once they are full again."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starter.web.problems import Stopped, stopped

HOUR, DAY = 3_600, 86_400
"""Seconds."""

MEGABYTE = 1024 * 1024

MOST_ASKERS = 50_000
"""Askers remembered at a time; the one unseen for longest is forgotten first."""


@dataclass(frozen=True)
class Rate:
    """At most `burst` requests at once, and `per_second` on average."""

    name: str
    per_second: float
    burst: int
    unit: str = "次请求"
    """What is counted, in words."""


@dataclass(frozen=True)
class Rates:
    """The rates of one installation. The strict ones are for doors where somebody could try numbers out."""

    address: Rate = Rate("address", 1_000, 4_000)
    anonymous: Rate = Rate("anonymous", 200, 2_000, "点访问量，打开一个网页计 4 点")
    """By network address, in tokens of `costs.py`: what nobody known asks for takes part of the processor at most."""
    principal: Rate = Rate("principal", 1_000, 2_000)
    """Twice what one process answers: against whoever sends without reading, not against a busy back end."""
    public_query: Rate = Rate("public-query", 10 / 60, 10)
    """By network address: a person mistypes a few times a minute, a program tries thousands."""
    queried_case: Rate = Rate("queried-case", 5 / 900, 5)
    """By acceptance number and network address, failed tries only: four digits have ten thousand values."""
    queried_number: Rate = Rate("queried-number", 40 / 3600, 40)
    """By acceptance number, failed tries from anywhere: a stranger must not close the query of somebody's number with
    five of them, nor many strangers try it out."""
    verification: Rate = Rate("verification", 1, 60)
    """By network address: a pharmacy's counter verifies one certificate after the other."""
    refused_key: Rate = Rate("refused-key", 10 / 60, 20)
    """By network address: credentials that were refused."""
    login: Rate = Rate("login", 10 / 60, 20)
    """By network address: a household or a counter logs in a few times a minute. Accounts lock by themselves."""
    registration: Rate = Rate("registration", 10 / 3600, 10)
    """By network address: accounts made by citizens themselves."""
    hand_in: Rate = Rate("hand-in", 10 / DAY, 10)
    """By applicant's account: applications handed in, taken or refused. A household has a few in a year."""
    hand_in_address: Rate = Rate("hand-in-address", 30 / DAY, 30)
    """By network address, of accounts that are not known to be a person's: another account is quickly made."""
    signal: Rate = Rate("signal", 30 / HOUR, 30, "条不等待答复的命令（同一案件、同一发送者）")
    """By case and sender: each is in the record of the case for good, refused or not."""
    sent_bytes: Rate = Rate("sent-bytes", 200 * MEGABYTE / DAY, 200 * MEGABYTE, "同一个人账号")
    """By applicant's account, in bytes of files sent: a case has a few papers of some megabytes."""
    sent_bytes_address: Rate = Rate(
        "sent-bytes-address", 1_000 * MEGABYTE / DAY, 1_000 * MEGABYTE, "同一网络地址的个人账号"
    )
    """By network address, of applicants' accounts: another account is quickly made."""
    claim: Rate = Rate("claim", 5 / 900, 5)
    """By account: cases somebody tries to claim."""
    claimed_case: Rate = Rate("claimed-case", 40 / HOUR, 40)
    """By acceptance number, failed tries of all accounts: one stranger must not keep somebody from their own case,
    nor may whoever has several accounts try numbers out."""
    command: Rate = Rate("command", 60 / HOUR, 60, "条命令（同一案件、同一发送者）")
    """By case and sender, of applicants and back ends, what was carried out or delivered: each stands in the record
    for good. A person does a few things to a case in a month."""
    objection: Rate = Rate("objection", 2 / DAY, 2, "条异议（同一案件、同一账号）")
    """By case and applicant's account. A case bears so many in all: one account must not take everybody's places."""
    objection_account: Rate = Rate("objection-account", 5 / DAY, 5, "条异议（同一账号）")
    """By applicant's account, whatever the cases."""
    objection_address: Rate = Rate("objection-address", 5 / DAY, 5, "条异议（同一公示条目、同一网络地址的个人账号）")
    """By line of the list and network address, of applicants' accounts: another account is quickly made."""
    objection_channel: Rate = Rate("objection-channel", 30 / DAY, 30, "条异议（同一案件、同一渠道）")
    """By case and channel: a back end answers for its people, and leaves places to the others."""
    counted_once: Rate = Rate("counted-once", 1 / DAY, 1)
    """By case, sender and command id: what is sent again is the same thing, and counts once."""


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True)
class Left:
    """What is left of a rate: `remaining` requests now, one more after `wait` seconds."""

    rate: Rate
    remaining: int
    wait: float

    def headers(self) -> dict[str, str]:
        """Return the RateLimit fields of draft-ietf-httpapi-ratelimit-headers."""
        window = max(1, math.ceil(self.rate.burst / self.rate.per_second))
        return {
            "RateLimit-Policy": f'"{self.rate.name}";q={self.rate.burst};w={window}',
            "RateLimit": f'"{self.rate.name}";r={self.remaining};t={math.ceil(self.wait)}',
        }


class Buckets:
    """The buckets of one rate."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, asker: str, tokens: int = 1) -> Left:
        """Take tokens of an asker, one for most things; raise `Stopped` (429) if there is none.

        What costs more than is left is still done, and paid for before the next thing.
        """
        left = self.look(asker)
        if left.remaining < 1:
            raise too_many(left)
        self._buckets[asker].tokens -= tokens
        return Left(self.rate, max(0, left.remaining - tokens), left.wait)

    def give_back(self, asker: str) -> None:
        """Give back what was taken for something that could not be done."""
        self.look(asker)
        bucket = self._buckets[asker]
        bucket.tokens = min(self.rate.burst, bucket.tokens + 1)

    def look(self, asker: str) -> Left:
        """Return what is left to an asker, without taking any of it."""
        now = self._clock()
        bucket = self._buckets.get(asker)
        if bucket is None:
            bucket = self._buckets[asker] = _Bucket(self.rate.burst, now)
            if len(self._buckets) > MOST_ASKERS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(asker)
        bucket.tokens = min(self.rate.burst, bucket.tokens + (now - bucket.at) * self.rate.per_second)
        bucket.at = now
        wait = 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / self.rate.per_second
        return Left(self.rate, max(0, int(bucket.tokens)), wait)

    def check(self, asker: str) -> None:
        """Raise `Stopped` (429) if an asker has nothing left, without taking any of it."""
        left = self.look(asker)
        if left.remaining < 1:
            raise too_many(left)


def too_many(left: Left) -> Stopped:
    """Return what who asks too often gets."""
    wait, window = max(1, math.ceil(left.wait)), max(1, math.ceil(left.rate.burst / left.rate.per_second))
    return stopped(
        429,
        field="rate",
        rule=f"每 {_span_zh(window)}最多 {left.rate.burst} {left.rate.unit}",
        remedy=f"请在 {_span_zh(wait)}后重试",
        message="请求过于频繁。",
        headers={"Retry-After": str(wait), **left.headers()},
    )


def _span_zh(seconds: int) -> str:
    """Say a span as people do: nobody counts an afternoon in seconds. Rounded up."""
    if seconds >= DAY and seconds % DAY == 0:
        return f"{seconds // DAY} 天"
    if seconds >= 2 * HOUR:
        return f"{-(-seconds // HOUR)} 小时"
    return f"{seconds} 秒" if seconds < 120 else f"{-(-seconds // 60)} 分钟"
