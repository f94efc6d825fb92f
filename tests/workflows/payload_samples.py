"""Keys, plain and sealed payloads, and the references to external storage that payloads may be."""

import pytest
from temporalio.api.common.v1 import Payload

from storage.keys import Keys, generate_keys
from worker.payloads import SealingCodec

MARKER = "王小明110105194912310MARKER"
REFERENCES = [
    Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"{}"),
    Payload(
        metadata={
            "encoding": b"json/protobuf",
            "messageType": b"temporal.api.sdk.v1.ExternalStorageReference",
        },
        data=b"{}",
    ),
    Payload(metadata={"encoding": b"json/plain", "__temporal_external_storage_reference": b"true"}, data=b"1"),
]


@pytest.fixture
def keys() -> Keys:
    return generate_keys()


def json_payload(text: bytes = b'"x"') -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text)


async def seal_one(keys: Keys, payload: Payload) -> Payload:
    [sealed] = await SealingCodec(keys).encode([payload])
    return sealed
