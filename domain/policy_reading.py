"""From parsed policy files to a policy: every fault of both files at once, so that they are mended in one go."""

import re
from collections.abc import Iterator, Mapping

from pydantic import Field, ValidationError

from domain.disease import Catalogue
from domain.policy import RegionPolicy
from domain.policy_fault import PolicyError, PolicyFault, policy_faults, shown
from domain.sourced import PolicyModel

_DISEASE_ID = re.compile(r"\d{6}-\d{3}")
_ELSEWHERE = ("diseases", "candidates", "listed_total")
"""Fields of the model that the catalogue file fills: in the policy file they are misplaced."""


class NationalDisease(PolicyModel):
    """One code of the national list; only code and name are used, to tell "not listed here" from a typing error."""

    code: str = Field(pattern=r"^M\d{5}$")
    name: str = Field(min_length=1)
    confidence: str = ""
    source: str = Field(pattern=r"\S")


class NationalList(PolicyModel):
    """The file of the national codes."""

    disease: tuple[NationalDisease, ...] = ()


def read_policy(
    raw: Mapping[str, object], *, file: str, catalogue: Mapping[str, object], catalogue_file: str
) -> RegionPolicy:
    """Validate a parsed policy file (without its key `catalogue`) and its catalogue.

    Raises `PolicyError` with every fault of both, naming file, key, value and what is allowed.
    """
    faults = [_misplaced(raw, key, file) for key in _ELSEWHERE if key in raw]
    rows: Catalogue | None = None
    try:
        rows = Catalogue.model_validate(catalogue)
    except ValidationError as error:
        faults += policy_faults(error, raw=catalogue, file=catalogue_file, model=Catalogue)
    listed: dict[str, object] = {}
    if rows is not None:
        listed = {"diseases": rows.disease, "candidates": rows.candidate, "listed_total": rows.listed_total}
    own = {key: value for key, value in raw.items() if key not in _ELSEWHERE}
    policy: RegionPolicy | None = None
    try:
        policy = RegionPolicy.model_validate({**own, **listed})
    except ValidationError as error:
        faults += policy_faults(error, raw=own, file=file, model=RegionPolicy)
    if rows is not None:
        known = frozenset(row.id for row in rows.disease)
        faults += _unknown_diseases(own, known, file=file)
        faults += _unknown_diseases(catalogue, known, file=catalogue_file)
    if policy is not None and rows is not None:
        faults += _between(policy, rows, file=file, catalogue_file=catalogue_file)
    if faults or policy is None:
        raise PolicyError(*faults)
    return policy


def read_national(raw: Mapping[str, object], *, file: str) -> dict[str, str]:
    """Return the names of the national list by M-code. Raises `PolicyError`."""
    try:
        rows = NationalList.model_validate(raw)
    except ValidationError as error:
        raise PolicyError(*policy_faults(error, raw=raw, file=file, model=NationalList)) from error
    return {row.code: row.name for row in rows.disease}


def _misplaced(raw: Mapping[str, object], key: str, file: str) -> PolicyFault:
    allowed = "病种及其总数写在病种目录文件中"
    return PolicyFault(file=file, key=key, value=shown(raw[key]), allowed=allowed, remedy="请删除此键")


def _between(policy: RegionPolicy, rows: Catalogue, *, file: str, catalogue_file: str) -> Iterator[PolicyFault]:
    """Yield what does not fit together although each part is well written."""
    if rows.region != policy.region:
        allowed = f"{shown(policy.region)}（与 {file} 一致）"
        yield PolicyFault(file=catalogue_file, key="region", value=shown(rows.region), allowed=allowed)
    if not file.startswith(policy.region):
        allowed = f"文件名以其地区代码开头，例如 {policy.region}.toml"
        remedy = "请改写 region，或改文件名"
        yield PolicyFault(file=file, key="region", value=shown(policy.region), allowed=allowed, remedy=remedy)
    if policy.benefit is not None:
        tiers = (*policy.filing.resident_tiers.value, "any_tier")
        for tier in policy.benefit.ratio.resident:
            if tier not in tiers:
                allowed = f"filing.resident_tiers 中的档次：{'、'.join(tiers)}"
                yield PolicyFault(file=file, key=f"benefit.ratio.resident.{tier}", value="{ … }", allowed=allowed)


def _unknown_diseases(raw: object, known: frozenset[str], *, file: str) -> Iterator[PolicyFault]:
    for key, disease_id in _named_diseases(raw, ""):
        if disease_id not in known:
            allowed = "本市病种目录中的病种编号"
            remedy = "请核对编号，或先在病种目录中写入该病种"
            yield PolicyFault(file=file, key=key, value=shown(disease_id), allowed=allowed, remedy=remedy)


def _named_diseases(raw: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield every disease a rule names, with its key: wherever a file may hold one, now or later."""
    match raw:
        case Mapping():
            for key, each in raw.items():
                here = f"{path}.{key}" if path else str(key)
                if _DISEASE_ID.fullmatch(str(key)):
                    yield here, str(key)
                if key != "id":  # an id is where a disease is listed, not where a rule names it
                    yield from _named_diseases(each, here)
        case list() | tuple():
            for position, each in enumerate(raw):
                name = each.get("id", position) if isinstance(each, Mapping) else position
                yield from _named_diseases(each, f"{path}[{name}]")
        case str() if _DISEASE_ID.fullmatch(raw):
            yield path, raw
