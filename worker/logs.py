"""Logs hold ids, never persons: exceptions are logged by type and place, without their texts."""

import logging
import sys
import traceback
from types import TracebackType


class PlaceFormatter(logging.Formatter):
    """Formats an exception as its type and where it was raised; its message may repeat what a person wrote."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return one line for each exception of the chain."""
        lines, error = [], ei[1]
        while error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
            lines.append(f"{type(error).__name__}{place}")
            error = error.__cause__ or error.__context__
        return " <- ".join(lines)


def log_to_stderr(level: str) -> None:
    """Send logs to stderr, one line an entry."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlaceFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
