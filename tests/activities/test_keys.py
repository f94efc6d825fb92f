import multiprocessing
import os
import secrets
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.keys import (
    Keys,
    KeysUnusable,
    generate_keys,
    keys_folder,
    load_keys,
    load_or_create_keys,
    rotate_payload_key,
    with_new_payload_key,
)

ID_NUMBER = "11010519491231002X"
ROUNDS = 15


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys"


def _secrets(keys: Keys) -> list[bytes]:
    return [*keys.payload.values(), keys.acceptance, keys.blind_index, keys.certificate]


def test_the_first_start_makes_every_key_and_the_second_reads_the_same(folder: Path) -> None:
    first = load_or_create_keys(folder)

    assert load_or_create_keys(folder) == first
    assert load_keys(folder) == first
    assert [len(secret) for secret in _secrets(first)] == [32, 32, 32, 32]
    assert len(set(_secrets(first))) == 4
    assert list(first.payload) == [first.payload_newest]
    assert len(first.codec_token) == 43


def test_folder_and_files_are_for_their_owner_alone_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create_keys(folder)
        rotate_payload_key(folder)
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {
        "acceptance.key",
        "blind-index.key",
        "certificate.key",
        "codec.token",
        "complete",
        "payload-0001.key",
        "payload-0002.key",
    }


def test_loading_never_creates_anything(folder: Path) -> None:
    with pytest.raises(KeysUnusable, match="不存在"):
        load_keys(folder)
    assert not folder.exists()

    folder.mkdir(parents=True, mode=0o700)
    with pytest.raises(KeysUnusable, match="备份"):
        load_keys(folder)
    assert list(folder.iterdir()) == []


def _start_at_once(home: str, barrier: Barrier, answers: "Queue[list[tuple[bytes, ...]]]") -> None:
    seen = []
    for number in range(ROUNDS):
        barrier.wait(timeout=60)
        seen.append(tuple(_secrets(load_or_create_keys(Path(home) / str(number)))))
    answers.put(seen)


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_start_at_once, args=(str(tmp_path), barrier, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    seen = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) == ROUNDS


def test_whoever_loses_the_race_for_a_file_takes_the_winners_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, winners = secrets.token_bytes, list[Keys]()

    def overtaken(size: int) -> bytes:
        monkeypatch.setattr(secrets, "token_bytes", fresh)
        winners.append(load_or_create_keys(folder))
        return fresh(size)

    monkeypatch.setattr(secrets, "token_bytes", overtaken)

    assert [load_or_create_keys(folder)] == winners


@pytest.mark.parametrize("name", ["acceptance.key", "payload-0001.key", "codec.token"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620])
def test_a_key_that_others_may_touch_is_refused_with_the_remedy(folder: Path, name: str, mode: int) -> None:
    load_or_create_keys(folder)
    (folder / name).chmod(mode)

    with pytest.raises(KeysUnusable, match=f"chmod 600 .*{name}"):
        load_keys(folder)


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    load_or_create_keys(folder)
    folder.chmod(0o770)

    with pytest.raises(KeysUnusable, match="chmod 700"):
        load_or_create_keys(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_mounted_secret_of_another_owner_may_be_read_by_the_group_but_not_by_all(folder: Path) -> None:
    keys = load_or_create_keys(folder)
    os.chown(folder / "acceptance.key", 12345, os.getegid())
    (folder / "acceptance.key").chmod(0o640)
    assert load_keys(folder) == keys

    (folder / "acceptance.key").chmod(0o644)
    with pytest.raises(KeysUnusable):
        load_keys(folder)


@pytest.mark.parametrize(
    "name", ["acceptance.key", "blind-index.key", "certificate.key", "codec.token", "payload-0001.key"]
)
def test_a_key_lost_after_the_first_start_is_not_silently_made_anew(folder: Path, name: str) -> None:
    load_or_create_keys(folder)
    (folder / name).unlink()

    with pytest.raises(KeysUnusable, match="备份"):
        load_or_create_keys(folder)
    assert not (folder / name).exists()


def test_a_first_start_that_died_half_way_is_finished_by_the_next_one(folder: Path) -> None:
    before = load_or_create_keys(folder)
    (folder / "complete").unlink()
    (folder / "certificate.key").unlink()

    after = load_or_create_keys(folder)

    assert after.acceptance == before.acceptance
    assert after.payload == before.payload
    assert after.certificate != before.certificate


@pytest.mark.parametrize("content", [b"", b"SECRETSECRET", b"\xff\xfe" * 16, b"!" * 43, b"A" * 90])
def test_a_damaged_key_is_refused_without_repeating_it(folder: Path, content: bytes) -> None:
    load_or_create_keys(folder)
    (folder / "acceptance.key").write_bytes(content)

    with pytest.raises(KeysUnusable, match="已损坏") as caught:
        load_keys(folder)
    assert "SECRET" not in str(caught.value)


def test_rotation_adds_a_key_that_seals_and_keeps_the_old_ones(folder: Path) -> None:
    before = load_or_create_keys(folder)

    new_id = rotate_payload_key(folder)
    newest_id = rotate_payload_key(folder)

    after = load_or_create_keys(folder)
    assert list(after.payload) == [before.payload_newest, new_id, newest_id]
    assert after.payload_newest == newest_id
    assert after.payload[before.payload_newest] == before.payload[before.payload_newest]
    assert len(set(after.payload.values())) == 3
    assert (after.acceptance, after.blind_index) == (before.acceptance, before.blind_index)


def test_rotation_in_memory_follows_the_same_rule() -> None:
    before = generate_keys()
    after = with_new_payload_key(before)

    assert next(iter(after.payload)) == before.payload_newest != after.payload_newest
    assert after.payload_newest.startswith("0002-")


def test_no_secret_shows_when_keys_are_printed(folder: Path) -> None:
    keys = load_or_create_keys(folder)

    shown = f"{keys!r} {keys} {[keys]}"

    assert keys.codec_token not in shown
    for secret in _secrets(keys):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
    for path in folder.glob("*.key"):
        assert path.read_text().strip() not in shown


def test_a_person_key_is_a_keyed_blind_index_of_32_hex_digits() -> None:
    keys = generate_keys()

    key = keys.person_key(ID_NUMBER)

    assert len(key) == 32
    assert int(key, 16) >= 0
    assert keys.person_key(f" {ID_NUMBER.lower()} ") == key
    assert keys.person_key("110105194912310038") != key
    assert generate_keys().person_key(ID_NUMBER) != key


def test_the_certificate_key_signs_what_its_public_key_verifies() -> None:
    keys = generate_keys()
    signature = keys.certificate_signing_key().sign(b"text")

    Ed25519PublicKey.from_public_bytes(keys.certificate_public_key).verify(signature, b"text")
    assert len(keys.certificate_key_id) == 16
    assert keys.certificate_key_id != generate_keys().certificate_key_id


def test_the_key_folder_is_below_home_unless_the_environment_names_another(tmp_path: Path) -> None:
    assert keys_folder(tmp_path, {}) == tmp_path / "keys"
    assert keys_folder(tmp_path, {"MENTE_KEYS": "/run/secrets/mente"}) == Path("/run/secrets/mente")
