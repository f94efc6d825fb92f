"""How every value of ours travels through Temporal: as JSON by pydantic, sealed with AES-256-GCM.

Inputs, results, messages, memos, headers, summaries and the texts of failures are sealed before they leave
the process. Workflow ids, search attributes, update ids and reasons given to cancel or terminate are not:
they must never hold personal data.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from storage.keys import Keys, KeysUnusable

SEALED_ENCODING: Final = b"binary/encrypted"
KEY_ID: Final = "encryption-key-id"
PLAIN_MARK: Final = "mente-plain"
"""Metadata key, value `b"1"`, on a decoded payload that was not sealed by one of our keys."""
NONCE_BYTES: Final = 12
_PURPOSE: Final = b"mente payload 1\x1f"


class SealingCodec(PayloadCodec):
    """Seals whole payloads with the newest key of a ring and opens them with the key they name.

    `decode` never raises: what claims to be sealed and cannot be opened is passed on untouched, so that
    workflow code can refuse and audit it instead of being wedged by it. `reload` is asked once for each
    payload that names an unknown key, so that a running process opens what a rotated key sealed.
    """

    def __init__(self, keys: Keys, *, reload: Callable[[], Keys] | None = None) -> None:
        self._ciphers = _ciphers(keys.payload)
        self._newest = keys.payload_newest
        self._reload = reload

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload, whatever its encoding; what one of our keys already seals stays as it is."""
        return [self._seal(payload) if self._open(payload) is None else payload for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed, mark what is plain, pass on what cannot be opened."""
        return [self._decoded(payload) for payload in payloads]

    def _decoded(self, payload: Payload) -> Payload:
        if not _claims_to_be_sealed(payload):
            return _marked(payload)
        opened = self._open(payload)
        if opened is None:
            return payload
        # The mark says "arrived plain"; a marked payload that we sealed ourselves did not arrive plain.
        opened.metadata.pop(PLAIN_MARK, None)
        return opened

    def _seal(self, payload: Payload) -> Payload:
        key_id = self._newest.encode()
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[key_id].encrypt(nonce, payload.SerializeToString(), _PURPOSE + key_id)
        return Payload(metadata={"encoding": SEALED_ENCODING, KEY_ID: key_id}, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload | None:
        """Return what a sealed payload holds, or None if it is not sealed by a key of the ring."""
        if not _claims_to_be_sealed(payload):
            return None
        key_id = payload.metadata.get(KEY_ID, b"")
        cipher = self._ciphers.get(key_id) or self._reloaded(key_id)
        if cipher is None:
            return None
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _PURPOSE + key_id))
        except (InvalidTag, ValueError, DecodeError):
            return None

    def _reloaded(self, key_id: bytes) -> AESGCM | None:
        if self._reload is None or not key_id:
            return None
        try:
            self._ciphers |= _ciphers(self._reload().payload)
        except KeysUnusable:
            return None
        return self._ciphers.get(key_id)


class InlineDataConverter(DataConverter):
    """A data converter for which external payload storage does not exist.

    The SDK (1.35) raises while it decodes a payload that looks like a reference to external storage when none
    is set up, before any codec is asked; one such signal argument would fail the workflow task for ever. Here
    it is a payload like any other: marked plain, and refused by the workflow.
    """

    async def _decode_reference_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def _external_retrieve_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def _transform_inbound_payloads(self, payloads: Payloads) -> None:
        if self.payload_codec:
            await self.payload_codec.decode_wrapper(payloads)


def data_converter(keys: Keys, *, reload: Callable[[], Keys] | None = None) -> DataConverter:
    """Return the converter for clients, workers and replayers of sealed histories.

    Headers are sealed only if the client (and the replayer) is also given `HeaderCodecBehavior.CODEC`.
    """
    return InlineDataConverter(
        payload_converter_class=PydanticPayloadConverter,
        payload_codec=SealingCodec(keys, reload=reload),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def plain_data_converter() -> DataConverter:
    """Return the same converter without keys: for tests and for replaying synthetic histories."""
    return InlineDataConverter(
        payload_converter_class=PydanticPayloadConverter,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def is_plain(payload: Payload) -> bool:
    """Whether a decoded payload arrived unsealed."""
    return PLAIN_MARK in payload.metadata


def _ciphers(ring: Mapping[str, bytes]) -> dict[bytes, AESGCM]:
    return {key_id.encode(): AESGCM(key) for key_id, key in ring.items()}


def _claims_to_be_sealed(payload: Payload) -> bool:
    return payload.metadata.get("encoding") == SEALED_ENCODING


def _marked(payload: Payload) -> Payload:
    marked = Payload()
    marked.CopyFrom(payload)
    marked.metadata[PLAIN_MARK] = b"1"
    return marked
