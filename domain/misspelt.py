"""Keys of an application nobody reads because they are misspelt: what was meant must not silently be ignored."""

import difflib
import re
from collections.abc import Iterator, Mapping

from domain.application import Agent, Applicant, ApplicationForm, DeclaredMaterial, Model, OffregionStay
from domain.refusal import refuse

_NAME = re.compile(r"[A-Za-z_][A-Za-z_\-]{0,39}")
CLOSE = 0.8
"""How alike (`difflib` ratio) an unknown key must be to a known one to be taken for it; 1 is the same."""

_LONGEST = 80
"""A longer key is like none of ours, and only costs to be compared."""

_MOST_COMPARED = 200
"""Unknown keys of an application that are compared: nobody misspells so many, and each costs as much as a form."""


def check_keys(raw: object) -> None:
    """Raise `Refused` on the first unknown key of an application as parsed that is close to a known one.

    Any other unknown key is let pass: a newer sender may add fields.
    """
    compared = set[tuple[object, type[Model]]]()
    for path, table, model in _tables(raw):
        for key in table:
            if key in model.model_fields or (key, model) in compared:
                continue
            compared.add((key, model))
            if len(compared) > _MOST_COMPARED:
                return
            meant = _meant(key, model)
            if meant is None:
                continue
            field = f"{path}{key}"
            raise refuse(
                field=field,
                rule=f"项目名称须与申请文件的格式一致，此处应为 {meant}",
                remedy=f"您是否要写 {meant}？请更正项目名称；确为另一项的，请改用不易混淆的名称",
                message=f"{field}：没有这一项，是否为 {meant}",
            )


def check_known(raw: object) -> None:
    """Raise `Refused` on the first key of an application as parsed that nobody reads, however it is spelt."""
    check_keys(raw)
    for path, table, model in _tables(raw):
        for key in table:
            if key in model.model_fields:
                continue
            # A key may be as long, and as personal, as its sender likes.
            named = isinstance(key, str) and _NAME.fullmatch(key) is not None
            field = f"{path}{key}" if named else path.rstrip(".") or "input"
            raise refuse(
                field=field,
                rule="只能填写申请文件格式中列出的项目",
                remedy="请去掉该项，或更正项目名称",
                message=f"{field}：没有这一项" if named else f"{field}：含有格式中没有的项目",
            )


def _meant(key: object, model: type[Model]) -> str | None:
    """Return the known key an unknown one was meant to be; None where it is like none."""
    known = model.model_fields
    if not isinstance(key, str) or len(key) > _LONGEST:
        return None
    # Capitals and hyphens are spelling too: idNumber, ID_NUMBER and id-number are all id_number.
    plain = key.strip().lower().replace("-", "_")
    found = difflib.get_close_matches(plain, known, n=1, cutoff=CLOSE)
    return found[0] if found else None


def _tables(raw: object) -> Iterator[tuple[str, Mapping[object, object], type[Model]]]:
    """Yield every object of an application with the path before its keys, and the model that reads it."""
    if not isinstance(raw, Mapping):
        return
    yield "", raw, ApplicationForm
    applicant = raw.get("applicant")
    if isinstance(applicant, Mapping):
        yield "applicant.", applicant, Applicant
        if isinstance(applicant.get("agent"), Mapping):
            yield "applicant.agent.", applicant["agent"], Agent
    if isinstance(raw.get("offregion"), Mapping):
        yield "offregion.", raw["offregion"], OffregionStay
    papers = raw.get("materials")
    for number, paper in enumerate(papers if isinstance(papers, list | tuple) else ()):
        if isinstance(paper, Mapping):
            yield f"materials[{number}].", paper, DeclaredMaterial
