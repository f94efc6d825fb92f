"""Moves that break things: messages no good sender would write, and a search for what must not be found."""

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import text
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from domain.case_status import CaseStatus, TimelineLine
from domain.commands import GiveVerdict
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.demo.moves import until, until_status
from starter.embedded import House
from storage.keys import Keys
from storage.objects import ObjectStore
from worker.payloads import SEALED_ENCODING, SealingCodec, data_converter

TEMPORAL = str(Path(sys.executable).parent / "temporal")


class _SendsAsIs(SealingCodec):
    """Puts payloads on the wire untouched, and opens what comes back."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)


def careless_client(client: Client, keys: Keys) -> Client:
    """Return a client that seals nothing: what it is given is what travels."""
    return _with_converter(client, _replaced(data_converter(keys), _SendsAsIs(keys)))


def stranger_client(client: Client, strange: Keys) -> Client:
    """Return a client that seals with keys of its own."""
    return _with_converter(client, data_converter(strange))


def _replaced(converter: DataConverter, codec: SealingCodec) -> DataConverter:
    return type(converter)(
        payload_converter_class=converter.payload_converter_class,
        payload_codec=codec,
        failure_converter_class=converter.failure_converter_class,
    )


def _with_converter(client: Client, converter: DataConverter) -> Client:
    return Client(client.service_client, namespace=client.namespace, data_converter=converter)


def raw(data: bytes, **metadata: bytes) -> RawValue:
    """Return an argument of exactly these bytes; metadata names take `-` for `_`."""
    return RawValue(Payload(metadata={key.replace("_", "-"): value for key, value in metadata.items()}, data=data))


async def temporal_command(running: House, *arguments: str) -> tuple[int, str]:
    """Run the real `temporal` program against the house; return its exit code and all it printed."""
    where = ("--address", running.endpoints.temporal, "--namespace", running.endpoints.namespace)
    process = await asyncio.create_subprocess_exec(
        TEMPORAL, *arguments, *where, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, printed.decode()


# -- searching --------------------------------------------------------------------------------------------------


def forms_of(marker: str) -> dict[str, bytes]:
    """Return the byte forms in which a text could have been written down."""
    plain = marker.encode()
    forms = {
        "utf-8": plain,
        "utf-16-le": marker.encode("utf-16-le"),
        "utf-16-be": marker.encode("utf-16-be"),
        "gb18030": marker.encode("gb18030"),
        "json": marker.encode("ascii", "backslashreplace"),
        "url": quote(marker).encode(),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "reversed": plain[::-1],
    }
    return forms | {f"base64+{shift}": _inside_base64(plain, shift) for shift in range(3)}


def _inside_base64(content: bytes, shift: int) -> bytes:
    """Return what of a text's base64 stays the same whatever stands around it, `shift` bytes into a group."""
    encoded = base64.b64encode(b"\x00" * shift + content)
    first = (0, 2, 3)[shift]
    last = (shift + len(content)) // 3 * 4
    return encoded[first:last]


def found_in(places: Iterable[tuple[str, bytes]], markers: Iterable[str]) -> list[str]:
    """Return where which marker stands in which form."""
    forms = [(marker, name, form) for marker in markers for name, form in forms_of(marker).items()]
    return [
        f"{marker} as {name} in {place}"
        for place, content in places
        for marker, name, form in forms
        if form in content
    ]


def files_below(folder: Path, *patterns: str) -> Iterator[tuple[str, bytes]]:
    """Yield every file's name and bytes."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            yield path.name, path.read_bytes()


def unsealed_payloads(message: Message) -> Iterator[Payload]:
    """Yield every payload of a history that is not sealed; search attributes are plain by nature."""
    if isinstance(message, SearchAttributes):
        return
    if isinstance(message, Payload):
        if message.metadata.get("encoding") != SEALED_ENCODING:
            yield message
        return
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in _messages_of(value):
                yield from unsealed_payloads(child)


def failures_in(message: Message) -> Iterator[Failure]:
    """Yield every failure of a history that activity or workflow code has caused; the server's own have no texts."""
    if isinstance(message, Failure) and message.HasField("application_failure_info"):
        yield message
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for child in _messages_of(value):
                yield from failures_in(child)


def _messages_of(value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    members = value.values() if hasattr(value, "values") else value
    return [member for member in members if isinstance(member, Message)]


# -- a case to be sent anything ---------------------------------------------------------------------------------


class OpenCase:
    """A case in review, and ways to send it anything."""

    def __init__(self, mente: Mente, city: House, number: str, experts: Sequence[str]) -> None:
        self.mente, self.city, self.number, self.experts = mente, city, number, experts

    def verdict(self, expert: str, **changes: Any) -> GiveVerdict:
        values: dict[str, Any] = {
            "command_id": new_command_id(),
            "actor": f"expert:{expert}",
            "decision": Decision.GRANT,
            "reason": "材料符合认定标准",
        }
        return GiveVerdict.model_validate(values | changes)

    async def status(self) -> CaseStatus:
        return await self.mente.status(self.number)

    async def signal(self, name: str, *args: Any) -> None:
        await self.mente.handle(self.number).signal(name, args=list(args))

    async def signal_untouched(self, name: str, *args: RawValue) -> None:
        client = careless_client(self.mente.client, self.city.keys)
        await client.get_workflow_handle(self.number).signal(name, args=list(args))

    async def refused_since(self, before: int, count: int = 1) -> list[TimelineLine]:
        """Wait for the entries behind `before`; all must be refusals."""

        async def there() -> bool:
            return len((await self.status()).timeline) >= before + count

        await until(there)
        status = await self.status()
        assert status.status is Status.REVIEW
        new = list(status.timeline[before:])
        assert [line.kind for line in new] == ["refused"] * count
        assert all(line.detail["field"] and line.detail["rule"] and line.detail["message"] for line in new)
        return new

    async def still_lives(self) -> None:
        """Whatever came before, the three experts are heard and the case is granted."""
        for expert in self.experts:
            assert (await self.mente.send(self.number, self.verdict(expert))).status is Status.REVIEW
        await until_status(self.mente, self.number, Status.EFFECTIVE)


# -- a house with faults ----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def registry_down(mente: Mente) -> AsyncIterator[None]:
    """Take the registry's table away, so that an activity fails with the database driver's own words."""
    await _execute(mente, "ALTER TABLE registry_entry RENAME TO registry_gone")
    try:
        yield
    finally:
        await _execute(mente, "ALTER TABLE registry_gone RENAME TO registry_entry")


async def _execute(mente: Mente, statement: str) -> None:
    async with mente.database.write() as connection:
        await connection.execute(text(statement))


@contextlib.asynccontextmanager
async def damaged_object(running: House, content: bytes, rot: bytes) -> AsyncIterator[None]:
    """Let the bytes of a stored paper rot, so that reading it fails; heal them at the end."""
    store = ObjectStore.at(running.settings.objects)
    address = await store.put(content)
    path = Path(running.settings.objects) / address[:2] / address[2:4] / address
    rotten = path.with_suffix(".rotten")
    path.rename(rotten)

    async def set_in() -> None:
        while True:
            if path.exists():
                path.write_bytes(rot)
                return
            await asyncio.sleep(0.001)

    rotting = asyncio.create_task(set_in())
    yield
    await rotting
    path.unlink()
    rotten.rename(path)
