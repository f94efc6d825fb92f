"""A city whose own policy counts from delivery: papers are asked for, a denial, notices that come late or not."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from domain.commands import NoticeDelivered, NoticeFailed
from domain.vocabulary import Decision, Status
from starter.skipping import now_of
from storage.policies import FOLDER
from storage.reading import notices_of
from tests.replay.stage import Stage

DIABETES = "510400-003"
DENY = Decision.DENY


@contextmanager
def _counting_from_delivery() -> Iterator[None]:
    """Have Panzhihua count both periods from delivery, by a folder of its own policies."""
    with tempfile.TemporaryDirectory(prefix="mente-policies-") as folder:
        for name in ("510400.toml", "510400.diseases.toml"):
            text = files("domain").joinpath("regions", name).read_text("utf-8")
            head, mark, starts = text.partition("[notices.starts]\n")
            edited = head + mark + starts.replace('value = "sent"', 'value = "delivered"', 2)
            (Path(folder) / name).write_text(edited, "utf-8")
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(FOLDER)


async def counted_from_delivery(stage: Stage) -> None:
    """Asked for papers, reached by an officer after the SMS failed, denied, told of it weeks later, and no appeal."""
    with _counting_from_delivery():
        number = await stage.apply(DIABETES, edit=_incomplete)
        await stage.until(number, Status.SUPPLEMENT)
    await stage.keep("application-open-delivery-awaited", number)
    await stage.skip(number, 20)
    failed_at = await now_of(stage.mente.client, number)
    await stage.send(number, NoticeFailed, actor="system", notice_seq=1, reason="no-receipt", failed_at=failed_at)
    await stage.skip(number, 1)
    await _deliver(stage, number, "supplement", actor="officer:O01")
    await stage.skip(number, 2)
    await stage.supply(number, "glucose_record", "laboratory_report")
    await stage.verdicts(number, DENY, DENY, DENY)
    await stage.until(number, Status.DENIED)
    await stage.skip(number, 40)
    await _deliver(stage, number, "denied", actor="system")
    await stage.past_due(number)
    await stage.keep("application-denied-counted-from-delivery", number)


async def _deliver(stage: Stage, number: str, event: str, *, actor: str) -> None:
    async with stage.mente.database.read() as connection:
        (seq,) = [notice.seq for notice in await notices_of(connection, number) if notice.event == event]
    now = await now_of(stage.mente.client, number)
    await stage.send(number, NoticeDelivered, actor=actor, notice_seq=seq, delivered_at=now)


def _incomplete(raw: dict[str, Any]) -> None:
    missing = ("glucose_record", "laboratory_report")
    raw["materials"] = [paper for paper in raw["materials"] if paper["kind"] not in missing]


ALONE = (counted_from_delivery,)
"""Scenes that change the city's policy for everybody who applies meanwhile: played when nobody else plays."""
