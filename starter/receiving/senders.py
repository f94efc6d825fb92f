"""Who may report, the secret of each, and how their reports are read: providers of SMS, and whoever signs like us."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from activities.notices.providers.calling import code_of
from activities.notices.providers.registry import PROVIDERS, Registration
from activities.notices.sms import SmsReceipt
from domain.notice_policy import provider_name
from storage.notice_standing import AttemptState
from storage.receipt_effects import PUSH_SENDER
from storage.receipts import Report
from worker.settings import SHORTEST_RECEIPT_SECRET, Settings

Reports = list[Report | None]
"""Reports in their order; None stands for one that cannot be read."""

_STATES = {"delivered": AttemptState.DELIVERED, "failed": AttemptState.FAILED}
_YEARS = range(2000, 2100)


class SecretTooShort(Exception):
    """A secret is no secret. The text is Chinese and names the setting, never its value."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """One sender of reports. `read` raises `ValueError`, which repeats nothing, where a body is no report at all."""

    name: str
    secret: SecretStr
    read: Callable[[bytes], Reports]
    acknowledgement: bytes = b""


def senders_of(settings: Settings, *, providers: Mapping[str, Registration] = PROVIDERS) -> Mapping[str, Sender]:
    """Return the senders whose secret is set, by name. Raises `SecretTooShort`; `ValueError` on a bad name."""
    for name in providers:
        provider_name(name)
    found = [_provider(name, each, settings) for name, each in providers.items()]
    push = Sender(name=PUSH_SENDER, secret=settings.receipts_secret, read=read_push)
    senders = {each.name: each for each in (*found, push) if each is not None and each.secret.get_secret_value()}
    for each in senders.values():
        if len(each.secret.get_secret_value()) < SHORTEST_RECEIPT_SECRET:
            raise SecretTooShort(f"{each.name} 的回执密钥不足 {SHORTEST_RECEIPT_SECRET} 个字符")
    return senders


def read_push(body: bytes) -> Reports:
    """Read our own form: an object, or an array of objects, of `reference`, `state`, `detail` and `at`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict | list):
        raise ValueError("a JSON object or array is expected")
    return [_push(each) for each in (found if isinstance(found, list) else [found])]


def _provider(name: str, registration: Registration, settings: Settings) -> Sender | None:
    read, key = registration.read_receipts, registration.receipt_secret
    if read is None:
        return None
    return Sender(
        name=name,
        secret=settings.sms_keys(name, (key,))[key],
        read=lambda body: [_report(each) for each in read(body)],
        acknowledgement=registration.acknowledgement,
    )


def _report(said: SmsReceipt | None) -> Report | None:
    state = _STATES.get(said.state.value) if said is not None else None
    if said is None or state is None:
        return None
    return Report(
        state=state,
        detail=said.detail,
        reference=said.reference,
        provider_id=said.provider_id,
        phone=said.phone,
        at=said.at,
    )


def _push(said: Any) -> Report | None:
    if not isinstance(said, dict):
        return None
    reference, state, detail = said.get("reference"), said.get("state"), said.get("detail") or ""
    if not isinstance(reference, str) or state not in ("delivered", "failed") or not isinstance(detail, str):
        return None
    at = said.get("at")
    found = _instant(at) if at is not None else None
    if at is not None and found is None:
        return None
    # a sentence may repeat an address: only a code is kept
    told = code_of(detail) if detail else ""
    return Report(state=_STATES[state], reference=reference, detail=told, at=found)


def _instant(said: object) -> datetime | None:
    """Return an RFC 3339 instant with an offset; None where it is none."""
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None and found.year in _YEARS else None
