"""API keys of the back ends of channels: `mk_<id>_<secret>`, each for one city and one channel.

The id is public and names the key in logs; of the 256 random bits of the secret only the SHA-256 is kept, which is
enough for what nobody can guess. A key is shown once, when it is made.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import WEB_CHANNEL, Principal, Role, Scope
from domain.application import COUNTER, Model
from domain.imported import IMPORT_CHANNEL
from domain.refusal import Refused, refuse
from storage.access import log_access
from storage.database import Database
from storage.tables import api_key

_KEY = re.compile(r"mk_(?P<id>[a-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_OURS = frozenset({COUNTER, WEB_CHANNEL, IMPORT_CHANNEL})
_ID_BYTES, _SECRET_BYTES = 6, 32
_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_LABEL = 100


class ApiKey(Model):
    """A key as it is listed: nothing in it opens a door."""

    id: str
    region: str
    channel: str
    label: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        """Who asks, for the rules in `domain/access.py`."""
        return Principal(
            kind="key",
            id=self.id,
            role=Role.BACKEND,
            regions=(self.region,),
            channel=self.channel,
            scopes=self.scopes,
        )


class NewApiKey(Model):
    """A key just made, and the only sight of what it is: `presented` goes into `Authorization: Bearer`."""

    key: ApiKey
    presented: str

    def __repr__(self) -> str:
        return f"NewApiKey(id={self.key.id!r})"

    __str__ = __repr__


class KeyMade(Exception):
    """A key of this id is there: the form that asks for it was sent before, and its secret was shown then."""


def id_for(asked: str) -> str:
    """Return the id of the one key that `asked` may make, such as who sent a form and the form's own id."""
    return _digest(f"mente key form\0{asked}")[: 2 * _ID_BYTES]


async def add_key(
    connection: AsyncConnection,
    *,
    region: str,
    channel: str,
    label: str,
    scopes: Collection[Scope],
    at: datetime,
    actor: str,
    key_id: str = "",
) -> NewApiKey:
    """Make a key. Raises `Refused` for a channel that is ours or malformed, without scopes, with a long label.

    `key_id` is for who must make one key however often asked, `id_for` of the form; raises `KeyMade` the second time.
    That the region is one with a policy is checked by who asks: storage knows no policies folder here.
    """
    _check(channel, label, scopes)
    key_id, secret = key_id or secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    ordered = [scope for scope in Scope if scope in scopes]
    values = {
        "id": key_id,
        "region": region,
        "channel": channel,
        "label": label,
        "scopes": [scope.value for scope in ordered],
        "created_at": at,
    }
    try:
        await connection.execute(insert(api_key).values(**values, secret_hash=_digest(secret)))
    except IntegrityError:
        raise KeyMade from None
    await log_access(connection, at=at, actor=actor, action="key.added", detail={"key": key_id, "region": region})
    return NewApiKey(key=ApiKey.model_validate(values), presented=f"mk_{key_id}_{secret}")


async def authenticate_key(database: Database, presented: str, *, at: datetime) -> ApiKey | None:
    """Return the key that was presented, None if it is none of ours or revoked; note once a minute that it was used.

    The secret is compared in constant time, against nobody's when the id is unknown.
    """
    found = _KEY.fullmatch(presented)
    if found is None:
        return None
    async with database.read() as connection:
        row = await _row(connection, found["id"])
    kept = row["secret_hash"] if row is not None else _digest("")
    same = hmac.compare_digest(kept, _digest(found["secret"]))
    if row is None or not same or row["revoked_at"] is not None:
        return None
    if row["last_used_at"] is None or at - row["last_used_at"] >= _NOTED_EVERY:
        async with database.write() as connection:
            await connection.execute(update(api_key).where(api_key.c.id == row["id"]).values(last_used_at=at))
    return _as_key(row)


async def list_keys(connection: AsyncConnection) -> tuple[ApiKey, ...]:
    """Return every key by city, channel and age, revoked ones included."""
    query = select(api_key).order_by(api_key.c.region, api_key.c.channel, api_key.c.created_at, api_key.c.id)
    return tuple(_as_key(row) for row in (await connection.execute(query)).mappings())


async def revoke_key(connection: AsyncConnection, key_id: str, *, at: datetime, actor: str) -> ApiKey:
    """Revoke a key at once and for ever; again changes nothing. Raises `Refused` when there is none of this id."""
    row = await _row(connection, key_id)
    if row is None:
        raise refuse(
            field="id",
            rule="须为已登记的接口密钥编号",
            remedy="请用 mente api-keys list 查看编号",
            message="没有这个接口密钥。",
        )
    if row["revoked_at"] is None:
        await connection.execute(update(api_key).where(api_key.c.id == key_id).values(revoked_at=at))
        await log_access(connection, at=at, actor=actor, action="key.revoked", detail={"key": key_id})
        row = await _row(connection, key_id)
        assert row is not None
    return _as_key(row)


def _check(channel: str, label: str, scopes: Collection[Scope]) -> None:
    if not _CHANNEL.fullmatch(channel) or channel.lower() in _OURS:
        rule = "渠道代号由字母、数字、点、下划线和连字符组成，不超过64个字符；counter、web、import 由本系统专用"
        raise _refusal("channel", rule, "请填写渠道自己的代号", "渠道代号不符合要求。")
    if not label.strip() or len(label) > _LONGEST_LABEL:
        rule = f"说明为1至{_LONGEST_LABEL}个字"
        raise _refusal("label", rule, "请写明密钥由谁用在何处", "密钥的说明不符合要求。")
    if not scopes:
        raise _refusal("scopes", "密钥至少有一项授权范围", "请指定授权范围", "密钥没有授权范围。")


def _refusal(field: str, rule: str, remedy: str, message: str) -> Refused:
    return refuse(field=field, rule=rule, remedy=remedy, message=message)


async def _row(connection: AsyncConnection, key_id: str) -> RowMapping | None:
    return (await connection.execute(select(api_key).where(api_key.c.id == key_id))).mappings().first()


def _as_key(row: RowMapping) -> ApiKey:
    return ApiKey.model_validate({**row, "scopes": tuple(row["scopes"])})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
