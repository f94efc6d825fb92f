"""The one way to a Temporal server: standard `TEMPORAL_*` settings, sealed payloads, sealed headers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from temporalio.client import Client
from temporalio.common import HeaderCodecBehavior
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError

from storage.keys import Keys
from worker.payloads import data_converter

DEFAULT_ADDRESS: Final = "localhost:7233"
DEFAULT_NAMESPACE: Final = "mente"
CONNECT_SECONDS: Final = 10.0


class Unreachable(Exception):
    """The Temporal server cannot be reached; the message is a Chinese sentence for its user."""


async def connect(
    *,
    keys: Keys,
    address: str | None = None,
    namespace: str | None = None,
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
    identity: str | None = None,
    reload: Callable[[], Keys] | None = None,
) -> Client:
    """Connect as the environment and `temporal.toml` say; explicit `address` and `namespace` win.

    `environment` replaces the process environment. Without any of them: `localhost:7233`, namespace `mente`.
    Raises `Unreachable` if the configuration cannot be read or the server does not answer within 10 seconds.
    """
    settings = _configured(profile=profile, environment=environment)
    settings["target_host"] = address or settings.get("target_host", DEFAULT_ADDRESS)
    settings["namespace"] = namespace or settings.get("namespace", DEFAULT_NAMESPACE)
    return await _dial(settings, keys=keys, identity=identity, reload=reload)


async def connect_embedded(
    *,
    keys: Keys,
    address: str,
    namespace: str = DEFAULT_NAMESPACE,
    identity: str | None = None,
    reload: Callable[[], Keys] | None = None,
) -> Client:
    """Connect to the embedded server without the environment: a stray TEMPORAL_API_KEY turns TLS on."""
    settings = ClientConnectConfig(target_host=address, namespace=namespace)
    return await _dial(settings, keys=keys, identity=identity, reload=reload)


def _configured(*, profile: str | None, environment: Mapping[str, str] | None) -> ClientConnectConfig:
    try:
        # Strict: a misspelt `tls` key must not silently become a plain-text connection.
        return ClientConfig.load_client_connect_config(
            profile, config_file_strict=True, override_env_vars=environment
        )
    except Exception as error:
        # The bridge's own exception types are not public, and its text quotes lines that may hold an API key.
        raise Unreachable(
            f"Temporal 连接配置无法读取（{type(error).__name__}），请检查 temporal.toml 和 TEMPORAL_* 环境变量。"
        ) from None


async def _dial(
    settings: ClientConnectConfig,
    *,
    keys: Keys,
    identity: str | None,
    reload: Callable[[], Keys] | None,
) -> Client:
    address = settings["target_host"]
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(
                **settings,
                data_converter=data_converter(keys, reload=reload),
                header_codec_behavior=HeaderCodecBehavior.CODEC,
                identity=identity,
            )
    except TimeoutError:
        raise Unreachable(f"连接 Temporal 服务器 {address} 超时，请检查网络和地址。") from None
    except ValueError:
        raise Unreachable(f"Temporal 服务器地址 {address} 写法有误，应为“主机:端口”。") from None
    except (RuntimeError, RPCError, OSError):
        raise Unreachable(f"无法连接 Temporal 服务器 {address}，请确认服务已启动、地址和证书正确。") from None
