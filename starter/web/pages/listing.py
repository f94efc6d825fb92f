"""Every module of pages, in one list."""

from types import ModuleType

from starter.web.pages import entering, guides, home, looking_up, reckoning, registering, verifying

PAGES: tuple[ModuleType, ...] = (home, entering, registering, looking_up, verifying, guides, reckoning)
