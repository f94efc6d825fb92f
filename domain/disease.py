"""One row of a city's disease catalogue 病种目录, and how an id stands towards it."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain.sourced import PolicyModel, Slug
from domain.vocabulary import MaterialKind

EffectException = Literal["pathology_date", "discharge_date", "first_dialysis"]

Percent = Annotated[Decimal, Field(ge=0, le=100)]
Yuan = Annotated[Decimal, Field(ge=0)]

_RULES = (
    "evidence",
    "recheck_evidence",
    "validity_years",
    "photo_required",
    "appraisal_opinion",
    "hospital_stamped_form",
    "verify_originals",
    "effect_exception",
)


class DiseaseRow(PolicyModel):
    """A disease as one city lists it.

    `id` is `<region>-NNN`, given once and never changed or given again. `evidence` is a list of groups: of each
    group at least one paper must be there. `recheck_evidence` empty means the yearly recheck asks for nothing.
    `validity_years` empty means the city's default. Ratios are percent, limits yuan a year; empty means unknown,
    never zero. `source` and `confidence` speak of the listing (name, code, figures); `rule_sources` of each rule
    that differs from the default. `confirmed` is set by the city, never by us.
    """

    id: str = Field(pattern=r"^\d{6}-\d{3}$")
    name: str = Field(min_length=1)
    national_code: str | None = Field(default=None, pattern=r"^M\d{5}$")
    list_class: str = ""
    guide_name: str | None = None
    group: Slug
    specialty: Slug
    evidence: tuple[tuple[MaterialKind, ...], ...] = ()
    recheck_evidence: tuple[MaterialKind, ...] = ()
    validity_years: Literal[1, 2, 3, 5] | None = None
    photo_required: bool = False
    appraisal_opinion: bool = False
    hospital_stamped_form: bool = False
    verify_originals: bool = False
    effect_exception: EffectException | None = None
    ratio_employee: Percent | None = None
    ratio_resident: Percent | None = None
    limit_employee: Yuan | None = None
    limit_resident: Yuan | None = None
    green_channel: bool = False
    confidence: Literal["high", "medium-high", "medium", "low-medium", "low", "guide"]
    source: str = Field(min_length=1)
    rule_sources: dict[str, str] = Field(default_factory=dict)
    confirmed: bool = False
    notes: str = ""

    @model_validator(mode="after")
    def _rules_have_sources(self) -> "DiseaseRow":
        stray = sorted(set(self.rule_sources) - set(_RULES))
        if stray:
            raise ValueError(f"rule_sources 只能写 {'、'.join(_RULES)}，不能写 {'、'.join(stray)}")
        bare = [rule for rule in _RULES if getattr(self, rule) and not self.rule_sources.get(rule)]
        if bare:
            raise ValueError(f"rule_sources 中须为 {'、'.join(bare)} 写明来源或 assumption")
        if any(not group for group in self.evidence):
            raise ValueError("evidence 的每一组至少列出一种材料")
        return self


class Catalogue(PolicyModel):
    """The file that holds a city's disease rows."""

    region: str = Field(pattern=r"^\d{6}$")
    listed_total: int | None = None
    disease: tuple[DiseaseRow, ...]

    @model_validator(mode="after")
    def _ids_are_the_regions_and_unique(self) -> "Catalogue":
        ids = [row.id for row in self.disease]
        foreign = [each for each in ids if not each.startswith(f"{self.region}-")]
        if foreign:
            raise ValueError(f"病种编号须以 {self.region}- 开头：{'、'.join(foreign)}")
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"病种编号不得重复：{'、'.join(twice)}")
        return self


class DiseaseStanding(StrEnum):
    """How a disease id in an application stands towards a city's catalogue.

    `not_listed_here` makes a case that is not accepted; `unknown` is bad input and makes none.
    """

    LISTED = "listed"
    NOT_LISTED_HERE = "not_listed_here"
    UNKNOWN = "unknown"
