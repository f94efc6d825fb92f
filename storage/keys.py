"""The secrets of one installation: a folder of small files, made on first start, read by every process.

Each file holds 32 random bytes as one line of unpadded URL-safe base64, so that a secret store can mount it
as text. Only the payload key ring grows; the acceptance and blind-index keys are part of stored data and
never change.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.public_list import entry_reference

KEY_BYTES = 32
_ACCEPTANCE = "acceptance.key"
_BLIND_INDEX = "blind-index.key"
_CERTIFICATE = "certificate.key"
_CODEC_TOKEN = "codec.token"
_SINGLE_FILES = (_ACCEPTANCE, _BLIND_INDEX, _CERTIFICATE, _CODEC_TOKEN)
# Written last: a key that is missing beside this file was lost, and a fresh one would split people and
# numbers.
_COMPLETE = "complete"
_PAYLOAD_FILE = re.compile(r"^payload-(\d{4})\.key$")


class KeysUnusable(Exception):
    """The key folder cannot be used as it stands; the message is a Chinese sentence without any secret."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Keys:
    """Every secret of one installation.

    `payload` maps key id to 32 bytes; `payload_newest` is the id that seals. `acceptance` is the HMAC key of
    the acceptance number, `blind_index` that of person keys, `certificate` an Ed25519 seed; each 32 bytes.
    `codec_token` opens the codec endpoint.
    """

    payload: Mapping[str, bytes]
    payload_newest: str
    acceptance: bytes
    blind_index: bytes
    certificate: bytes
    codec_token: str

    def __repr__(self) -> str:
        return f"Keys(payload_newest={self.payload_newest!r}, certificate={self.certificate_key_id!r})"

    def person_key(self, id_number: str) -> str:
        """Return the blind index of a person: 32 hex digits of HMAC-SHA256 over the ID number.

        A final `x` counts as `X`. Without the key the number cannot be found by trying all numbers.
        """
        text = b"person\x1f" + id_number.strip().upper().encode()
        return hmac.new(self.blind_index, text, hashlib.sha256).hexdigest()[:32]

    def command_digest(self, acceptance_no: str, said: str) -> str:
        """Return the keyed digest of what a command said to a case, from its plain digest: 32 hex digits.

        A telephone number could be found from a plain one by trying; the case's number keeps two cases apart.
        """
        text = b"command\x1f" + f"{acceptance_no}\x1f{said}".encode()
        return hmac.new(self.blind_index, text, hashlib.sha256).hexdigest()[:32]

    def phone_digest(self, phone: str) -> str:
        """Return the blind index of a telephone number, like that of a person; empty for none.

        Blanks, hyphens and a leading +86 do not count. The prefix keeps the two kinds of digest apart under one key;
        a key file of its own would be missing in installations there already are.
        """
        digits = re.sub(r"[^0-9]", "", re.sub(r"^\s*(\+|00)86", "", phone))
        if not digits:
            return ""
        return hmac.new(self.blind_index, b"phone\x1f" + digits.encode(), hashlib.sha256).hexdigest()[:32]

    def list_number(self, acceptance_no: str) -> str:
        """Return what a case is called on the public list: ten characters.

        Keyed: an acceptance number stands on every certificate, and must not lead to the line with the disease.
        """
        text = b"public-list\x1f" + acceptance_no.encode()
        return entry_reference(hmac.new(self.blind_index, text, hashlib.sha256).digest())

    def certificate_signing_key(self) -> Ed25519PrivateKey:
        """Return the private key that signs certificates."""
        return Ed25519PrivateKey.from_private_bytes(self.certificate)

    @property
    def certificate_public_key(self) -> bytes:
        """The 32 raw bytes of the Ed25519 public key that verifies certificates."""
        return self.certificate_signing_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def certificate_key_id(self) -> str:
        """Which key signed: the first 16 hex digits of SHA-256 over the raw public key."""
        return hashlib.sha256(self.certificate_public_key).hexdigest()[:16]


def keys_folder(home: Path, environment: Mapping[str, str]) -> Path:
    """Return where the keys are: the folder named by `MENTE_KEYS` (mounted secrets), else `home/keys`."""
    named = environment.get("MENTE_KEYS", "").strip()
    return Path(named) if named else home / "keys"


def generate_keys() -> Keys:
    """Return fresh keys that were never on a disk: for tests and for tools that only need some key."""
    payload = secrets.token_bytes(KEY_BYTES)
    key_id = _payload_key_id(1, payload)
    return Keys(
        payload=MappingProxyType({key_id: payload}),
        payload_newest=key_id,
        acceptance=secrets.token_bytes(KEY_BYTES),
        blind_index=secrets.token_bytes(KEY_BYTES),
        certificate=secrets.token_bytes(KEY_BYTES),
        codec_token=_as_text(secrets.token_bytes(KEY_BYTES)),
    )


def with_new_payload_key(keys: Keys) -> Keys:
    """Return the same keys with one more payload key, which seals from now on; nothing is written."""
    number = 1 + max(int(key_id.partition("-")[0]) for key_id in keys.payload)
    fresh = secrets.token_bytes(KEY_BYTES)
    key_id = _payload_key_id(number, fresh)
    return replace(keys, payload=MappingProxyType({**keys.payload, key_id: fresh}), payload_newest=key_id)


def load_or_create_keys(folder: Path) -> Keys:
    """Return the keys of a folder, making folder (0700) and missing files (0600) on first start.

    Two processes may start at once: each file is created whole and exclusively, then read back, so both
    agree. Raises `KeysUnusable` if a file may be read by others, is damaged, or was lost after the first
    start.
    """
    _make_folder(folder)
    if not (folder / _COMPLETE).exists():
        _create_missing(folder)
    return load_keys(folder)


def load_keys(folder: Path) -> Keys:
    """Return the keys of a folder; never creates one. Raises `KeysUnusable` as `load_or_create_keys` does."""
    if not folder.is_dir():
        raise KeysUnusable(f"密钥目录 {folder} 不存在，请先启动一次系统或挂载密钥。")
    _refuse_writable_by_others(folder)
    ring = dict(_read_payload_key(folder, number) for number in _payload_numbers(folder))
    if not ring:
        raise KeysUnusable(f"密钥目录 {folder} 中没有载荷密钥 payload-0001.key，请从备份恢复。")
    return Keys(
        payload=MappingProxyType(ring),
        payload_newest=max(ring),
        acceptance=_read_key(folder / _ACCEPTANCE),
        blind_index=_read_key(folder / _BLIND_INDEX),
        certificate=_read_key(folder / _CERTIFICATE),
        codec_token=_as_text(_read_key(folder / _CODEC_TOKEN)),
    )


def rotate_payload_key(folder: Path) -> str:
    """Add a payload key and return its id; old keys stay, because old histories are still sealed with them.

    Processes started afterwards seal with it; those already running open it as soon as they meet it, if their
    codec was given a way to reload. Copy the new file to every machine before restarting the first process.
    """
    load_keys(folder)
    number = max(_payload_numbers(folder)) + 1
    while not _create_key(folder, f"payload-{number:04d}.key"):
        number += 1
    return _read_payload_key(folder, number)[0]


def _payload_numbers(folder: Path) -> list[int]:
    matches = (_PAYLOAD_FILE.match(path.name) for path in folder.iterdir())
    return sorted(int(match.group(1)) for match in matches if match)


def _read_payload_key(folder: Path, number: int) -> tuple[str, bytes]:
    key = _read_key(folder / f"payload-{number:04d}.key")
    return _payload_key_id(number, key), key


def _payload_key_id(number: int, key: bytes) -> str:
    # The fingerprint keeps two installations apart, whose first keys are both number 1.
    return f"{number:04d}-{hashlib.sha256(b'mente payload key' + key).hexdigest()[:8]}"


def _read_key(path: Path) -> bytes:
    try:
        _refuse_readable_by_others(path)
        text = path.read_bytes().strip()
    except FileNotFoundError as error:
        raise KeysUnusable(f"密钥文件 {path} 缺失。重新生成会使已有数据无法对应，请从备份恢复。") from error
    except OSError as error:
        raise KeysUnusable(f"密钥文件 {path} 无法读取，请检查属主和权限。") from error
    try:
        key = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeysUnusable(f"密钥文件 {path} 已损坏，请从备份恢复。")
    return key


def _refuse_readable_by_others(path: Path) -> None:
    if os.name != "posix":
        return
    status = path.stat()
    # A mounted secret belongs to root and is read through the group (0640); our own files are for us alone
    # (0600).
    forbidden = 0o077 if status.st_uid == os.geteuid() else 0o027
    if status.st_mode & forbidden:
        raise KeysUnusable(f"密钥文件 {path} 可被其他用户访问，请执行：chmod 600 {path}")


def _refuse_writable_by_others(folder: Path) -> None:
    if os.name != "posix":
        return
    status = folder.stat()
    if status.st_uid == os.geteuid() and status.st_mode & 0o022:
        raise KeysUnusable(f"密钥目录 {folder} 可被其他用户写入，请执行：chmod 700 {folder}")


def _create_missing(folder: Path) -> None:
    missing = [name for name in _SINGLE_FILES if not (folder / name).exists()]
    if not _payload_numbers(folder):
        missing.append("payload-0001.key")
    try:
        for name in missing:
            _create_key(folder, name)
    except OSError as error:
        raise KeysUnusable(f"无法在密钥目录 {folder} 中创建密钥文件，请检查目录的写入权限。") from error
    # Mounted secrets are complete and read-only; nothing can be created there by accident.
    with contextlib.suppress(OSError):
        _create_file(folder, _COMPLETE, "")


def _make_folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise KeysUnusable(f"无法创建密钥目录 {folder}，请检查上级目录的写入权限。") from error


def _create_key(folder: Path, name: str) -> bool:
    if (folder / name).exists():
        return False
    return _create_file(folder, name, _as_text(secrets.token_bytes(KEY_BYTES)) + "\n")


def _create_file(folder: Path, name: str, text: str) -> bool:
    """Create a file whole or not at all, mode 0600; False if it was there already."""
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link appears with its content and fails if the name is taken: no reader sees half a key.
        os.link(temporary, folder / name)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    _flush_folder(folder)
    return True


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()
