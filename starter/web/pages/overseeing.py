"""The pages of those who oversee a city or run the installation, for `listing.PAGES`."""

from types import ModuleType

from starter.web.pages import operator, operator_accounts, operator_keys, statistics

OVERSEEING: tuple[ModuleType, ...] = (statistics, operator, operator_accounts, operator_keys)
