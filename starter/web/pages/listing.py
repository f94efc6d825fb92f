"""Every module of pages, in one list."""

from types import ModuleType

from starter.web.pages import entering, home, registering

PAGES: tuple[ModuleType, ...] = (home, entering, registering)
