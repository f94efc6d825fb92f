"""Reads the policy files that ship with the product, or a folder of a city's own."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast

from domain.policy import PolicyBook, PolicyError, RegionPolicy, read_policy

NATIONAL = "national_diseases.toml"


def load_policies(folder: Traversable) -> PolicyBook:
    """Read every policy file of a folder.

    A policy file is a `.toml` whose name starts with a region code; its key `catalogue` names the file of its
    disease rows beside it. Raises `PolicyError` naming file, key, value and what is allowed.
    """
    names = sorted(each.name for each in folder.iterdir() if _is_policy(each.name))
    return PolicyBook(policies=tuple(_load_policy(folder, name) for name in names), national=_load_national(folder))


@cache
def policy_book() -> PolicyBook:
    """Return the policies that ship with the product, read once per process."""
    return load_policies(files("domain").joinpath("regions"))


def policy_for(region: str, on: date) -> RegionPolicy:
    """Return the version in force in a region on a date; raises `PolicyError` when there is none."""
    return policy_book().policy_for(region, on)


def known_regions() -> tuple[str, ...]:
    """Return the region codes that have a policy."""
    return policy_book().regions()


def _is_policy(name: str) -> bool:
    return name[:6].isdigit() and name.endswith(".toml") and not name.endswith(".diseases.toml")


def _load_policy(folder: Traversable, name: str) -> RegionPolicy:
    raw = _parse(folder, name)
    beside = raw.pop("catalogue", None)
    if not isinstance(beside, str) or not folder.joinpath(beside).is_file():
        raise PolicyError(f"{name}：catalogue = {beside!r}；允许：同一文件夹中病种目录文件的名称")
    return read_policy(raw, file=name, catalogue=_parse(folder, beside), catalogue_file=beside)


def _load_national(folder: Traversable) -> dict[str, str]:
    if not folder.joinpath(NATIONAL).is_file():
        return {}
    rows = cast(list[Mapping[str, str]], _parse(folder, NATIONAL).get("disease", []))
    return {row["code"]: row["name"] for row in rows}


def _parse(folder: Traversable, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{name}：不是合格的 TOML 文件（{error}）") from error
