"""Setting a namespace up so that operators can find cases: retention and search attributes, repeatably."""

import asyncio
import time
from datetime import timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from workflows.search_attributes import ALL

RETENTION_DAYS: Final = 90
# A self-hosted server refreshes its namespace and attribute caches every ten seconds or so.
VISIBLE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


class NamespaceUnusable(Exception):
    """The namespace cannot be set up; the message is a Chinese sentence for the operator."""


async def ensure_namespace(client: Client, namespace: str, *, retention_days: int = RETENTION_DAYS) -> None:
    """Create a namespace if it is missing and lengthen a shorter retention; never shorten one.

    Returns once the server accepts requests for it. Raises `NamespaceUnusable` if it does not within 30
    seconds, or if this server does not let us.
    """
    retention = Duration()
    retention.FromTimedelta(timedelta(days=retention_days))
    try:
        existing = await _retention(client, namespace)
        if existing is None:
            await _register(client, namespace, retention)
        elif existing < timedelta(days=retention_days):
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(
                    namespace=namespace,
                    config=NamespaceConfig(workflow_execution_retention_ttl=retention),
                ),
                retry=True,
            )
        await _until_served(client, namespace)
    except RPCError as error:
        raise _refused(f"命名空间 {namespace}", error) from error


async def ensure_search_attributes(client: Client, namespace: str) -> None:
    """Register the missing search attributes of `workflows.search_attributes` in a namespace.

    May run any number of times, also at once from several processes. Raises `NamespaceUnusable` if one exists
    with another type (a type cannot be changed), or if this server does not let us register.
    """
    try:
        missing = _missing(await _registered(client, namespace))
        if missing:
            await _add(client, namespace, missing)
        await _until_registered(client, namespace)
    except RPCError as error:
        raise _refused("搜索属性", error) from error


async def _retention(client: Client, namespace: str) -> timedelta | None:
    try:
        answer = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), retry=True
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()


async def _register(client: Client, namespace: str, retention: Duration) -> None:
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention),
            retry=True,
        )
    except RPCError as error:
        # Another process was first.
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise


async def _until_served(client: Client, namespace: str) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while True:
        try:
            await client.workflow_service.count_workflow_executions(
                CountWorkflowExecutionsRequest(namespace=namespace)
            )
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND or time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _registered(client: Client, namespace: str) -> dict[str, int]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace), retry=True
    )
    return {name: int(kind) for name, kind in answer.custom_attributes.items()}


def _missing(registered: dict[str, int]) -> dict[str, IndexedValueType.ValueType]:
    missing: dict[str, IndexedValueType.ValueType] = {}
    for key in ALL:
        wanted = _kind(key)
        found = registered.get(key.name)
        if found is None:
            missing[key.name] = wanted
        elif found != wanted:
            raise NamespaceUnusable(
                f"搜索属性 {key.name} 已存在，但类型不是 {_type_name(wanted)}。类型不能修改，请改用一个新的命名空间。"
            )
    return missing


async def _add(client: Client, namespace: str, missing: dict[str, IndexedValueType.ValueType]) -> None:
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=namespace, search_attributes=missing),
            # Two processes that register at once make the server answer "unavailable" to one of them.
            retry=True,
        )
    except RPCError as error:
        # Another process was first; what it registered is checked right after.
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise


async def _until_registered(client: Client, namespace: str) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while missing := _missing(await _registered(client, namespace)):
        if time.monotonic() > deadline:
            raise NamespaceUnusable(f"搜索属性登记后仍未生效：{'、'.join(missing)}。请稍后重试。")
        await _add(client, namespace, missing)
        await asyncio.sleep(_POLL_SECONDS)


def _kind(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return IndexedValueType.ValueType(int(key.indexed_value_type))


def _type_name(kind: IndexedValueType.ValueType) -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title()


def _refused(what: str, error: RPCError) -> NamespaceUnusable:
    return NamespaceUnusable(
        f"Temporal 服务器未能设置{what}（{error.status.name}）。"
        "若由平台统一管理（如 Temporal Cloud），请让管理员按 docs/operations.md 设置。"
    )
