"""Cases the demo leaves half-way, so that every role finds something to do on the pages."""

from pathlib import Path

from domain.commands import RaiseObjection
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.demo.moves import apply_quick, send, until_status, verdicts

PANZHIHUA, JIUQUAN = "510400", "620900"
_SEED = 7_700


async def leave_open(mente: Mente, folder: Path) -> list[str]:
    """Leave cases in review in both cities, and one on the public list with an objection; return their numbers."""
    review = [
        await _applied(mente, seed, disease_id, folder)
        for seed, disease_id in enumerate((f"{PANZHIHUA}-003", f"{PANZHIHUA}-001", f"{JIUQUAN}-017"), _SEED)
    ]
    objected = await _applied(mente, _SEED + 10, f"{JIUQUAN}-017", folder)
    await verdicts(mente, objected, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(mente, objected, Status.PUBLICITY)
    await send(
        mente, objected, RaiseObjection, actor="channel:gansu-web", by="公示期来信", reason="反映材料与实际不符"
    )
    await until_status(mente, objected, Status.OBJECTED)
    return [*review, objected]


async def _applied(mente: Mente, seed: int, disease_id: str, folder: Path) -> str:
    applied = await apply_quick(mente, seed, disease_id[:6], disease_id, folder / f"open-{seed}")
    await until_status(mente, applied.acceptance_no, Status.REVIEW, Status.VERIFYING)
    return applied.acceptance_no
