"""Every module of pages, in one list."""

from types import ModuleType

from starter.web.pages import (
    applying,
    beginning,
    discarding,
    entering,
    guides,
    home,
    looking_up,
    one_case,
    own_cases,
    own_moves,
    papering,
    reckoning,
    registering,
    verifying,
)
from starter.web.pages.officials import OFFICIALS
from starter.web.pages.overseeing import OVERSEEING

# /my/claim stands before /my/{acceptance_no}: the first route that fits answers.
PAGES: tuple[ModuleType, ...] = (
    home,
    entering,
    registering,
    looking_up,
    verifying,
    guides,
    reckoning,
    own_cases,
    one_case,
    own_moves,
    beginning,
    applying,
    discarding,
    papering,
)
PAGES += OFFICIALS + OVERSEEING
