"""Reads the policy files: those that ship with the product, and over them a folder of the city's own."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from domain.moments import local_date
from domain.notice_policy import SmsContract
from domain.policy import PolicyBook, PolicyError, RegionPolicy, overlaps
from domain.policy_fault import PolicyFault, shown
from domain.policy_reading import read_national, read_policy

NATIONAL = "national_diseases.toml"
FOLDER = "MENTE_POLICIES"
"""The variable that names a folder of the city's own: a region with a file there is read from there alone."""

_POLICY = re.compile(r"([0-9]{6})(?!.*\.diseases\.toml$).*\.toml")
_PLACE = re.compile(r"at line (\d+), column (\d+)")


@dataclass(frozen=True)
class PolicyFile:
    """One version of one region's policy, and the names of the two files it was read from."""

    name: str
    catalogue: str
    policy: RegionPolicy


@dataclass(frozen=True)
class PolicyFolder:
    """What was read: sound policies, every fault, the national names by M-code, and `.toml` files nothing names."""

    files: tuple[PolicyFile, ...]
    national: dict[str, str]
    faults: tuple[PolicyFault, ...] = ()
    unread: tuple[str, ...] = ()

    def book(self) -> PolicyBook:
        """Return the policies to work with; raises `PolicyError` with every fault when there is one."""
        if self.faults:
            raise PolicyError(*self.faults)
        return PolicyBook(policies=tuple(each.policy for each in self.files), national=self.national)


def read_folder(folder: Traversable, *, without: frozenset[str] = frozenset()) -> PolicyFolder:
    """Read every policy file of a folder, but for the regions of `without`; what is wrong is kept, not raised.

    A policy file is a `.toml` whose name starts with a region code; its key `catalogue` names the file of its
    disease rows beside it. Raises `PolicyError` when the folder cannot be read.
    """
    names = _names(folder)
    sound: list[PolicyFile] = []
    faults: list[PolicyFault] = []
    for name in names:
        if (region := _region(name)) and region not in without:
            try:
                sound.append(_read(folder, name))
            except PolicyError as error:
                faults += error.faults
    national: dict[str, str] = {}
    if NATIONAL in names:
        try:
            national = read_national(_parse(folder, NATIONAL), file=NATIONAL)
        except PolicyError as error:
            faults += error.faults
    faults += overlaps((each.name, each.policy) for each in sound)
    unread = [] if faults else _unread(names, sound)
    return PolicyFolder(files=tuple(sound), national=national, faults=tuple(faults), unread=tuple(unread))


def read_policy_file(path: Path) -> PolicyFile:
    """Read one policy file and its catalogue beside it. Raises `PolicyError`."""
    if not path.is_file():
        raise PolicyError(f"{path.name}：没有这个文件")
    return _read(path.parent, path.name)


def load_policies(folder: Traversable) -> PolicyBook:
    """Read every policy file of a folder; raises `PolicyError` naming file, key, value and what is allowed."""
    return read_folder(folder).book()


def policies_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the city's own policies, or None where only the shipped ones are meant."""
    named = environment.get(FOLDER, "")
    return Path(named) if named else None


def read_own_folder(own: Path) -> PolicyFolder:
    """Read a folder of the city's own; without a national list of its own, the shipped one counts.

    Raises `PolicyError` where there is no policy file: a mistyped path must not pass as "nothing of our own".
    """
    found = read_folder(own)
    if not (found.files or found.faults):
        raise PolicyError(f"{own.name}：文件夹中没有政策文件；政策文件名以六位地区代码开头、以 .toml 结尾")
    if found.national or found.faults:
        return found
    return PolicyFolder(files=found.files, national=_shipped().national, unread=found.unread)


def policies_in_force(environment: Mapping[str, str]) -> PolicyFolder:
    """Return what this process works with: the shipped policies, region by region under the city's own."""
    named = policies_folder(environment)
    if named is None:
        return _shipped()
    own = read_own_folder(named)
    regions = frozenset(region for name in _names(named) if (region := _region(name)))
    rest = read_folder(_shipped_folder(), without=regions)
    return PolicyFolder(
        files=tuple(sorted((*own.files, *rest.files), key=lambda each: each.name)),
        national=own.national,
        faults=(*own.faults, *rest.faults),
        unread=own.unread,
    )


def policy_book() -> PolicyBook:
    """Return the policies in force, read once per process. Raises `PolicyError` when a file is faulty."""
    return _book(os.environ.get(FOLDER, ""))


def policy_for(region: str, on: date) -> RegionPolicy:
    """Return the version in force in a region on a date; raises `PolicyError` when there is none."""
    return policy_book().policy_for(region, on)


def known_regions() -> tuple[str, ...]:
    """Return the region codes that have a policy."""
    return policy_book().regions()


def sms_providers() -> tuple[str, ...]:
    """Return the SMS providers any version of any city's policy names."""
    named = [name for policy in policy_book().policies for name in policy.notices.sms.order]
    return tuple(dict.fromkeys(named))


def sms_contract(region: str, provider: str) -> SmsContract | None:
    """Return what a city and a provider have agreed by the policy of today; None where there is nothing.

    Today is that of the real world: what a provider has approved is a fact of it, whatever clock a case lives on.
    """
    try:
        policy = policy_for(region, local_date(datetime.now(UTC)))
    except PolicyError:
        return None
    return policy.notices.sms.contracts.get(provider)


@cache
def _book(folder: str) -> PolicyBook:
    return policies_in_force({FOLDER: folder}).book()


def _shipped_folder() -> Traversable:
    return files("domain").joinpath("regions")


def _shipped() -> PolicyFolder:
    return read_folder(_shipped_folder())


def _names(folder: Traversable) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    except OSError:
        raise PolicyError(f"{folder.name}：文件夹不存在或无法读取") from None


def _region(name: str) -> str | None:
    """Return the region a file name starts with, or None where it is not a policy file."""
    found = _POLICY.fullmatch(name)
    return found[1] if found else None


def _unread(names: list[str], sound: list[PolicyFile]) -> list[str]:
    named = {NATIONAL} | {each.catalogue for each in sound}
    return [name for name in names if not _region(name) and name not in named]


def _read(folder: Traversable, name: str) -> PolicyFile:
    raw = _parse(folder, name)
    beside = raw.pop("catalogue", None)
    if not isinstance(beside, str) or "/" in beside or not folder.joinpath(beside).is_file():
        value = None if beside is None else shown(beside)
        allowed = "同一文件夹中病种目录文件的名称"
        raise PolicyError(PolicyFault(file=name, key="catalogue", value=value, allowed=allowed))
    policy = read_policy(raw, file=name, catalogue=_parse(folder, beside), catalogue_file=beside)
    return PolicyFile(name=name, catalogue=beside, policy=policy)


def _toml_rule(error: tomllib.TOMLDecodeError) -> str:
    # tomllib speaks English; its place and the commonest mistake are what an official can use.
    twice = re.search("overwrite|twice|mutate", str(error))
    return "每个键和每个表只写一次（TOML）" if twice else "合格的 TOML 写法"


def _parse(folder: Traversable, name: str) -> dict[str, object]:
    try:
        # Windows editors write a byte order mark, which TOML does not know.
        return tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        fault = PolicyFault(file=name, allowed="UTF-8 编码的文字", remedy="请以 UTF-8 编码另存")
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        key = f"第 {place[1]} 行第 {place[2]} 列附近" if place else "文件末尾附近"
        remedy = "请检查引号、括号和逗号是否成对；同一个键不能写两次"
        fault = PolicyFault(file=name, key=key, allowed=_toml_rule(error), remedy=remedy)
    except OSError:
        fault = PolicyFault(file=name, allowed="可以读取的文件", remedy="请检查读取权限")
    raise PolicyError(fault)
