"""A new catalogue is tried before it replaces the old one: the policies of its folder must load with it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import refused
from starter.cli.output import Answer

if TYPE_CHECKING:
    from domain.policy_fault import PolicyFault


def breaks_policies(target: Path, content: bytes) -> Answer | None:
    """Return the refusal of a catalogue with which a policy of its folder would no longer load, None if all do.

    Faults the folder has already do not stand in the way: an import may be what mends them.
    """
    before = _policy_faults(target)
    faults = [fault for fault in _policy_faults(target, content) if fault not in before]
    if not faults:
        return None
    error = refused(
        field="file",
        rule="目录须与同一文件夹中的政策文件相符",
        remedy="请更正表中所列各行，或先修改政策文件，再重新导入",
        message="用这份目录，本市的政策文件将不能读取，没有改动。",
    ).refusal
    shown = {"error": error.model_dump(), "faults": [fault.model_dump() for fault in faults]}
    lines = "\n".join([f"错误：{error.message}", *(f"  {fault}" for fault in faults), f"  办法：{error.remedy}"])
    return Answer(shown, lambda _: click.echo(lines, err=True), code=1)


def _policy_faults(target: Path, content: bytes | None = None) -> "tuple[PolicyFault, ...]":
    """Return what is wrong with the folder's policies, with `content` in place of the target where it is given."""
    import shutil
    from tempfile import TemporaryDirectory

    from storage.policies import read_folder

    with TemporaryDirectory() as tried:
        for each in target.parent.glob("*.toml"):
            if each.is_file():
                shutil.copy(each, tried)
        if content is not None:
            (Path(tried) / target.name).write_bytes(content)
        return read_folder(Path(tried)).faults
