"""Moves that break things: messages no good sender would write, and a search for what must not be found."""

import asyncio
import base64
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from starter.embedded import House
from storage.keys import Keys
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
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
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
