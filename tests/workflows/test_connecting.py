"""Connecting to a server: what is told where it cannot be reached, and which setting counts."""

import socket
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import DataConverter

from storage.keys import Keys
from tests.workflows.payload_samples import keys
from worker import connection
from worker.connection import Unreachable, connect, connect_embedded
from worker.payloads import SealingCodec

__all__ = ["keys"]


@pytest.mark.asyncio
async def test_an_unreachable_server_is_told_in_one_sentence_with_its_address(keys: Keys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match=f"无法连接 Temporal 服务器 {address}"):
            await connect(keys=keys, environment={"TEMPORAL_ADDRESS": address})
        with pytest.raises(Unreachable, match=f"无法连接 Temporal 服务器 {address}"):
            await connect_embedded(keys=keys, address=address)


@pytest.mark.asyncio
async def test_a_server_that_never_answers_is_given_up(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Unreachable, match="超时"):
        await connect_embedded(keys=keys, address=f"127.0.0.1:{mute.getsockname()[1]}")


@pytest.mark.asyncio
async def test_an_unreadable_configuration_is_told_without_quoting_it(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.default]\napi_kee = "SECRET"\n')

    with pytest.raises(Unreachable, match=r"temporal\.toml") as caught:
        await connect(keys=keys, environment={"TEMPORAL_CONFIG_FILE": str(file)})
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.asyncio
async def test_an_address_that_is_none_is_told(keys: Keys) -> None:
    with pytest.raises(Unreachable, match="主机:端口"):
        await connect(keys=keys, address="bad address", environment={})


@pytest.mark.asyncio
async def test_what_is_said_explicitly_beats_the_environment_which_beats_the_file(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[dict[str, Any]] = []

    async def dial(**settings: Any) -> None:
        dialled.append(settings)

    monkeypatch.setattr(Client, "connect", dial)
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.default]\naddress = "file:1"\nnamespace = "file"\n')
    environment = {"TEMPORAL_CONFIG_FILE": str(file), "TEMPORAL_ADDRESS": "environment:1"}

    await connect(keys=keys, environment=environment)
    await connect(keys=keys, environment=environment, address="explicit:1", namespace="explicit")
    await connect(keys=keys, environment={"TEMPORAL_CONFIG_FILE": str(tmp_path / "none.toml")})

    assert [(one["target_host"], one["namespace"]) for one in dialled] == [
        ("environment:1", "file"),
        ("explicit:1", "explicit"),
        ("localhost:7233", "mente"),
    ]
    for one in dialled:
        assert one["header_codec_behavior"] is HeaderCodecBehavior.CODEC
        assert isinstance(one["data_converter"], DataConverter)
        assert isinstance(one["data_converter"].payload_codec, SealingCodec)
