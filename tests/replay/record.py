"""Record the histories the replay gate replays: `python -m tests.replay.record [SCENE …]`.

Plays every scene on a real server with skipped time and replaces `histories/` only when all of them ended where
their names say; with scene names it replaces those histories alone. Recording again is a decision: a workflow
change that needs it would also break running cases, unless no such case exists (docs/operations.md, "Upgrading").
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.replay.breaking import write_broken
from tests.replay.delivery_scenes import ALONE
from tests.replay.histories import FOLDER, LIVES, OF_OLDER_CODE
from tests.replay.scenes import SCENES
from tests.replay.stage import Stage, stage

AT_ONCE = 4
SCENE_SECONDS = 150


async def record(names: Sequence[str]) -> int:
    """Play the scenes of these names, all if none; return how many failed."""
    chosen = [scene for scene in SCENES if not names or scene.__name__ in names]
    with tempfile.TemporaryDirectory(prefix="mente-record-") as folder:
        out = Path(folder) / "out"
        out.mkdir()
        async with stage(Path(folder), out) as playing:
            failed = await _play(playing, chosen)
        missing = sorted(set(LIVES) - OF_OLDER_CODE - set(playing.kept)) if not names else []
        for name in missing:
            print(f"not recorded: {name}", file=sys.stderr)
        if failed or missing:
            print("histories/ is left as it was", file=sys.stderr)
            return failed or len(missing)
        _replace(out, everything=not names)
        write_broken()
    return 0


async def _play(playing: Stage, scenes: Sequence[object]) -> int:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(scene: object) -> bool:
        assert callable(scene)
        name, begun = getattr(scene, "__name__", "scene"), 0.0
        async with turn:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(SCENE_SECONDS):
                    await scene(playing)
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                for frame in traceback.extract_tb(error.__traceback__):
                    if "tests/replay" in frame.filename or "starter" in frame.filename:
                        print(f"  {Path(frame.filename).name}:{frame.lineno} {frame.line}", file=sys.stderr)
                return False
        print(f"{name}: {time.monotonic() - begun:.1f} s")
        return True

    played = await asyncio.gather(*(one(scene) for scene in scenes if scene not in ALONE))
    alone = [await one(scene) for scene in scenes if scene in ALONE]
    return [*played, *alone].count(False)


def _replace(out: Path, *, everything: bool) -> None:
    FOLDER.mkdir(exist_ok=True)
    if everything:
        for stale in FOLDER.glob("*.json"):
            if stale.stem not in OF_OLDER_CODE:
                stale.unlink()
    total = 0
    for path in sorted(out.glob("*.json")):
        content = path.read_bytes()
        (FOLDER / path.name).write_bytes(content)
        total += len(content)
    print(f"{len(list(out.glob('*.json')))} histories, {total / 1024:.0f} KB, in {FOLDER.name}/")


def main() -> None:
    """Record, and say with the exit code whether every scene went as its name says."""
    # a notice that is given up fails some hundred times first, each with its traceback
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("scene", nargs="*", choices=[scene.__name__ for scene in SCENES] + [[]])
    sys.exit(1 if asyncio.run(record(parser.parse_args().scene)) else 0)


if __name__ == "__main__":
    main()
