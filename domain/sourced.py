"""A value of a city's policy together with where it comes from."""

from datetime import date, time
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

__all__ = [
    "AtLeastOne",
    "Days",
    "Experts",
    "Months",
    "PolicyModel",
    "Rounds",
    "Slug",
    "Sourced",
    "StopSwitch",
    "Switch",
    "Times",
    "Unit",
    "Whole",
    "WorkingDays",
    "WorkingDaysToAct",
]

T = TypeVar("T")

Unit = Literal["working_days", "days", "months", "years", "rounds", "experts", "times", "percent", "points", "yuan"]
"""The units a value may be written in; where a value takes one of them only, its model says which."""

Whole = Annotated[int, Field(strict=True, ge=0, le=3660)]
"""A count or a number of days; the ceiling (ten years) catches a date typed as a number."""

AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=3660)]

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""A lower-case ASCII word that code and messages use for a thing (`panzhihua-app`, `oncology`)."""


class PolicyModel(BaseModel):
    """Frozen and closed: a misspelt key in a policy file must not pass as an ignored one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sourced(PolicyModel, Generic[T]):
    """One value and its source.

    `source` names the guide or law it was read from, or begins with the word `assumption`.
    `review_on` is the date by which the city should look at the value again.
    """

    value: T
    unit: Unit | None = None
    source: str = Field(pattern=r"\S")
    review_on: date | None = None

    @model_validator(mode="after")
    def _only_figures_have_a_unit(self) -> "Sourced[T]":
        if self.unit is not None and isinstance(self.value, bool | str | date | time):
            raise ValueError("这个值没有单位，不写 unit")
        return self

    @property
    def assumed(self) -> bool:
        """Whether nobody but us says so."""
        return self.source.startswith("assumption")


class WorkingDays(Sourced[Whole]):
    """A limit counted in working days of the calendar."""

    unit: Literal["working_days"]


class WorkingDaysToAct(Sourced[AtLeastOne]):
    """A limit somebody must be able to keep: no less than one working day."""

    unit: Literal["working_days"]


class Days(Sourced[Whole]):
    """A limit counted in calendar days."""

    unit: Literal["days"]


class Months(Sourced[AtLeastOne]):
    """An age counted in calendar months."""

    unit: Literal["months"]


class Rounds(Sourced[AtLeastOne]):
    """How often something may be asked for."""

    unit: Literal["rounds"]


class Experts(Sourced[AtLeastOne]):
    """A number of experts."""

    unit: Literal["experts"]


class Times(Sourced[Whole]):
    """How often something may be done."""

    unit: Literal["times"]


class Switch(Sourced[StrictBool]):
    """A rule a city has or has not."""


class StopSwitch(Switch):
    """Whether a kind of waiting stops the decision clock, and on what legal ground (Chinese)."""

    ground: str = Field(min_length=1)
