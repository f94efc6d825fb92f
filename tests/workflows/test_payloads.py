"""Sealing and opening: every kind of value, rotated keys, damage, plain payloads, errors and references."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from storage.keys import (
    Keys,
    KeysUnusable,
    generate_keys,
    load_keys,
    load_or_create_keys,
    rotate_payload_key,
    with_new_payload_key,
)
from tests.workflows.payload_samples import MARKER, REFERENCES, json_payload, keys, seal_one
from worker.payloads import (
    KEY_ID,
    PLAIN_MARK,
    SEALED_ENCODING,
    SealingCodec,
    data_converter,
    is_plain,
    plain_data_converter,
)

__all__ = ["keys"]


class Person(BaseModel):
    name: str
    born_on: date


async def _opened(keys: Keys, payload: Payload) -> Payload:
    [opened] = await SealingCodec(keys).decode([payload])
    return opened


@pytest.mark.asyncio
async def test_every_kind_of_value_is_sealed_and_comes_back(keys: Keys) -> None:
    converter = data_converter(keys)
    values: list[Any] = [
        None,
        b"\x00" + MARKER.encode(),
        MARKER,
        "",
        7,
        {"name": MARKER},
        Person(name=MARKER, born_on=date(1949, 12, 31)),
        WorkflowExecution(workflow_id=MARKER),
    ]
    hints: list[Any] = [type(None), bytes, str, str, int, dict, Person, WorkflowExecution]

    payloads = await converter.encode(values)

    for payload in payloads:
        assert dict(payload.metadata) == {
            "encoding": SEALED_ENCODING,
            KEY_ID: keys.payload_newest.encode(),
        }
        assert MARKER.encode() not in payload.SerializeToString()
    assert await converter.decode(payloads, hints) == values


@pytest.mark.asyncio
async def test_a_payload_is_sealed_whatever_its_encoding_and_never_twice(keys: Keys) -> None:
    foreign = Payload(metadata={"encoding": b"binary/zlib", "x": b"y"}, data=MARKER.encode())
    once = await seal_one(keys, foreign)

    assert MARKER.encode() not in once.SerializeToString()
    assert await seal_one(keys, once) == once
    assert await _opened(keys, once) == foreign


@pytest.mark.asyncio
async def test_plain_text_that_only_claims_to_be_sealed_is_sealed_too(keys: Keys) -> None:
    claim = Payload(
        metadata={"encoding": SEALED_ENCODING, KEY_ID: keys.payload_newest.encode()}, data=MARKER.encode()
    )

    sealed = await seal_one(keys, claim)

    assert MARKER.encode() not in sealed.SerializeToString()
    assert await _opened(keys, sealed) == claim


@pytest.mark.asyncio
async def test_the_same_value_never_looks_the_same_twice(keys: Keys) -> None:
    payloads = await SealingCodec(keys).encode([json_payload()] * 50)

    assert len({payload.data[:12] for payload in payloads}) == 50
    assert len({payload.data for payload in payloads}) == 50


@pytest.mark.asyncio
async def test_a_rotated_ring_opens_old_payloads_and_seals_with_the_new_key(keys: Keys) -> None:
    rotated = with_new_payload_key(keys)
    old = await seal_one(keys, json_payload())
    new = await seal_one(rotated, json_payload())

    assert new.metadata[KEY_ID] == rotated.payload_newest.encode() != old.metadata[KEY_ID]
    assert await _opened(rotated, old) == json_payload()
    assert await _opened(rotated, new) == json_payload()
    assert await _opened(keys, new) == new


@pytest.mark.asyncio
async def test_a_running_process_opens_what_a_key_rotated_in_meanwhile_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    before = load_or_create_keys(folder)
    running = SealingCodec(before, reload=lambda: load_keys(folder))
    rotate_payload_key(folder)
    sealed = await seal_one(load_keys(folder), json_payload())

    assert await running.decode([sealed]) == [json_payload()]
    [still_old] = await running.encode([json_payload()])
    assert still_old.metadata[KEY_ID] == before.payload_newest.encode()


@pytest.mark.asyncio
async def test_a_key_folder_that_cannot_be_read_again_does_not_make_decoding_raise(keys: Keys) -> None:
    def unusable() -> Keys:
        raise KeysUnusable("x")

    foreign = await seal_one(generate_keys(), json_payload())

    assert await SealingCodec(keys, reload=unusable).decode([foreign]) == [foreign]


def _damaged(sealed: Payload, keys: Keys) -> Iterator[Payload]:
    for position in (0, 11, 12, len(sealed.data) - 1):
        data = bytearray(sealed.data)
        data[position] ^= 1
        yield Payload(metadata=sealed.metadata, data=bytes(data))
    for length in (0, 1, 11, 12, 13, 27, 28, len(sealed.data) - 1):
        yield Payload(metadata=sealed.metadata, data=sealed.data[:length])
    for key_id in (b"", b"0009-ffffffff", b"\xff\xfe"):
        yield Payload(metadata={"encoding": SEALED_ENCODING, KEY_ID: key_id}, data=sealed.data)
    yield Payload(metadata={"encoding": SEALED_ENCODING}, data=sealed.data)
    key_id = keys.payload_newest.encode()
    nonce, cipher = os.urandom(12), AESGCM(keys.payload[keys.payload_newest])
    for text, bound_to in ((b"\xff\xff\xff", b"mente payload 1\x1f" + key_id), (b"", key_id), (b"", None)):
        yield Payload(metadata=sealed.metadata, data=nonce + cipher.encrypt(nonce, text, bound_to))


@pytest.mark.asyncio
async def test_what_cannot_be_opened_is_passed_on_untouched_and_never_raises(keys: Keys) -> None:
    for payload in _damaged(await seal_one(keys, json_payload()), keys):
        before = payload.SerializeToString(deterministic=True)
        [passed] = await SealingCodec(keys).decode([payload])
        assert passed.SerializeToString(deterministic=True) == before


@pytest.mark.asyncio
async def test_a_payload_sealed_under_one_key_id_does_not_open_under_another(keys: Keys) -> None:
    sealed = await seal_one(keys, json_payload())
    twin = Keys(
        payload={"other": keys.payload[keys.payload_newest]},
        payload_newest="other",
        acceptance=keys.acceptance,
        blind_index=keys.blind_index,
        certificate=keys.certificate,
        codec_token=keys.codec_token,
    )
    renamed = Payload(metadata={"encoding": SEALED_ENCODING, KEY_ID: b"other"}, data=sealed.data)

    assert await _opened(twin, renamed) == renamed


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "payload",
    [
        json_payload(),
        Payload(metadata={"encoding": b"binary/null"}),
        Payload(),
        Payload(data=b"no encoding"),
        Payload(metadata={"encoding": b"json/plain", PLAIN_MARK: b"0"}, data=b"1"),
    ],
)
async def test_a_payload_that_arrives_plain_is_marked_and_its_original_left_alone(
    keys: Keys, payload: Payload
) -> None:
    before = Payload()
    before.CopyFrom(payload)

    marked = await _opened(keys, payload)

    assert marked.metadata[PLAIN_MARK] == b"1"
    assert is_plain(marked)
    assert marked.data == before.data
    assert payload == before


@pytest.mark.asyncio
async def test_a_plain_null_is_still_none_after_marking(keys: Keys) -> None:
    assert await data_converter(keys).decode(await plain_data_converter().encode([None])) == [None]


@pytest.mark.asyncio
async def test_a_sealed_payload_never_carries_the_mark_even_if_one_was_sealed_in(keys: Keys) -> None:
    forged = Payload(metadata={"encoding": b"json/plain", PLAIN_MARK: b"1"}, data=b'"x"')

    assert await _opened(keys, await seal_one(keys, forged)) == json_payload()


@pytest.mark.asyncio
async def test_an_error_hides_message_details_cause_and_traceback_and_comes_back_whole(keys: Keys) -> None:
    converter, failure = data_converter(keys), Failure()
    try:
        try:
            raise ValueError(MARKER)
        except ValueError as cause:
            raise ApplicationError(MARKER, {"name": MARKER}, type="Refused") from cause
    except ApplicationError as error:
        await converter.encode_failure(error, failure)

    assert MARKER.encode() not in failure.SerializeToString()
    assert __file__.encode() not in failure.SerializeToString()
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.message == MARKER
    assert back.details == ({"name": MARKER},)
    assert isinstance(back.__cause__, ApplicationError)
    assert back.__cause__.message == MARKER


@pytest.mark.asyncio
@pytest.mark.parametrize("reference", REFERENCES)
async def test_a_reference_to_external_storage_is_just_another_plain_payload(keys: Keys, reference: Payload) -> None:
    converter = data_converter(keys)

    [raw] = await converter.decode([reference], [RawValue])
    assert is_plain(raw.payload)
    failure = Failure(encoded_attributes=reference)
    assert isinstance(await converter.decode_failure(failure), Exception)
