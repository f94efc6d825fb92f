"""Whether the disks have room for one more file: said before somebody sends one."""

import shutil
from pathlib import Path

from activities.materials import MAX_FILE_BYTES

LEAST_FREE_BYTES = 2 * MAX_FILE_BYTES
"""One file of the largest size lies in the spool and in the store, perhaps on the same disk."""

_FULL_ZH = "磁盘剩余空间不足，无法再收文件。"


def no_room(*folders: Path | None) -> str:
    """Return in words that the disk of a folder is full, or an empty text. Blocking; a folder may not be made yet.

    Raises `OSError` if a disk cannot be asked.
    """
    return _FULL_ZH if any(_free(each.absolute()) < LEAST_FREE_BYTES for each in folders if each) else ""


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
