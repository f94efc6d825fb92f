"""A light HTTP client: `python -m benchmarks.web_client`; a job on stdin, figures on stdout, both as JSON.

In a process of its own, and it speaks just enough HTTP/1.1 over kept-alive connections, so that on two processors it
is the server that is measured: a request costs it some tenths of a millisecond of processor time.
"""

import asyncio
import itertools
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Job:
    """What to send: `GET` of random paths as fast as answers come, or each of `bodies` to `path` at a steady rate.

    `per_second` 0 means as fast as answers come, with so many `clients` at a time.
    """

    url: str
    key: str
    seconds: float
    clients: int = 8
    paths: tuple[str, ...] = ()
    path: str = ""
    bodies: tuple[str, ...] = ()
    per_second: float = 0.0
    seed: int = 1


@dataclass
class Seen:
    """What came back: milliseconds by request in the order of the answers, and how many answers of each status."""

    seconds: float = 0.0
    processor_seconds: float = 0.0
    ms: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    def note(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.ms.append(1000 * seconds)
        self.statuses[str(status)] = self.statuses.get(str(status), 0) + 1


class Line:
    """One kept-alive connection."""

    def __init__(self, job: Job) -> None:
        where = urlsplit(job.url)
        self._host, self._port = where.hostname or "", where.port or 80
        self._head = f"Host: {where.netloc}\r\nAuthorization: Bearer {job.key}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> int:
        """Send a request and read its whole answer; return the status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        sent = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{sent}\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def ask_on(job: Job) -> Seen:
    """Read random paths with so many clients until the time is over."""
    seen, rng = Seen(), random.Random(job.seed)
    begun, cpu = time.perf_counter(), time.process_time()

    async def client() -> None:
        line = Line(job)
        while (at := time.perf_counter()) - begun < job.seconds:
            seen.note(await line.ask("GET", rng.choice(job.paths)), time.perf_counter() - at)
        line.close()

    await asyncio.gather(*(client() for _ in range(job.clients)))
    seen.seconds, seen.processor_seconds = time.perf_counter() - begun, time.process_time() - cpu
    return seen


async def send_steadily(job: Job) -> Seen:
    """Post bodies at a steady rate, whether or not the ones before were answered."""
    seen, free = Seen(), [Line(job) for _ in range(2)]
    begun, cpu = time.perf_counter(), time.process_time()

    async def send(body: str, due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        line = free.pop() if free else Line(job)
        # From when it was due: a server that is late must not slow down those who ask it.
        seen.note(await line.ask("POST", job.path, body.encode()), time.perf_counter() - due)
        free.append(line)

    most = min(len(job.bodies), int(job.seconds * job.per_second))
    rows = itertools.islice(job.bodies, most)
    await asyncio.gather(*(send(body, begun + place / job.per_second) for place, body in enumerate(rows)))
    for line in free:
        line.close()
    seen.seconds, seen.processor_seconds = time.perf_counter() - begun, time.process_time() - cpu
    return seen


def main() -> None:
    """Do the job."""
    given: dict[str, Any] = json.load(sys.stdin)
    job = Job(**given)
    print(json.dumps(asdict(asyncio.run(send_steadily(job) if job.bodies else ask_on(job)))))


if __name__ == "__main__":
    main()
