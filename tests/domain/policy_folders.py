"""Folders of policy files for tests: copies of the shipped ones or of the made-up third city, to be spoilt."""

from importlib.resources import files
from pathlib import Path

SHIPPED = files("domain").joinpath("regions")
THIRD_CITY = Path(__file__).with_name("third_city")


def copy_shipped(to: Path) -> Path:
    """Copy every shipped file into a folder and return it."""
    to.mkdir(exist_ok=True)
    for each in SHIPPED.iterdir():
        if each.name.endswith(".toml"):
            (to / each.name).write_text(each.read_text(encoding="utf-8"), encoding="utf-8")
    return to


def copy_third_city(to: Path) -> Path:
    """Copy the made-up city into a folder and return it."""
    to.mkdir(exist_ok=True)
    for each in THIRD_CITY.iterdir():
        (to / each.name).write_text(each.read_text(encoding="utf-8"), encoding="utf-8")
    return to


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Replace the first place of each text; it must be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def add_version(folder: Path, name: str, *changes: tuple[str, str], of: str = "990100.toml") -> Path:
    """Write another version of a policy file beside it."""
    path = folder / name
    path.write_text((folder / of).read_text(encoding="utf-8"), encoding="utf-8")
    edit(path, *changes)
    return path
