"""Where the texts of notices stand: the shipped folder `templates`, and region by region a city's own over it.

A city's own folder is `notices` in the folder `MENTE_POLICIES` names, with a folder for each region that words its
notices itself; that region is then read from there alone. What a region does not word is taken from `default`.
Read once per process. A city's file that cannot be used is passed over and logged, so that people are told in the
default words rather than not at all; `mente notices lint` finds it before.
"""

import logging
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field, ValidationError

from domain.application import Model
from domain.events import NoticeEvent
from storage.policies import FOLDER, policies_folder

SHIPPED = Path(__file__).parent / "templates"
DEFAULT = "default"
CITY = "city.toml"
OWN_FOLDER = "notices"
"""Below the folder of a city's own policies."""

BLOCKS = ("sms", "subject", "body")
"""What every event is worded in; `inbox` may be there and else is the body."""

INBOX_BLOCK = "inbox"
REGION = re.compile(r"\d{6}")
Word = Annotated[str, Field(pattern=r"\S")]

logger = logging.getLogger("mente.notices")


class City(Model):
    """How a city signs its notices, and where its people turn to."""

    signature: str = Field(pattern=r"^[^【】]{2,12}$")
    bureau: Word
    hotline: Word
    benefit: Word
    short_benefit: Word
    portal: Word
    where_to_look: Word
    counter: Word


class TemplateSets:
    """The wordings of every city. `own` holds a folder for each region that words its notices itself."""

    def __init__(self, own: Path | None = None) -> None:
        self._roots = {"own": own, "shipped": SHIPPED} if own is not None else {"shipped": SHIPPED}
        self._cities: dict[str, City] = {}

    def regions(self) -> tuple[str, ...]:
        """Return the regions that have a folder, in order."""
        return tuple(sorted({name for root in self._roots.values() for name in regions_in(root)}))

    def folders(self, region: str) -> Iterator[str]:
        """Yield where a region's texts are looked for, the region's own first, as the names of the loader."""
        if REGION.fullmatch(region):
            for root in self._roots:
                if self.path(f"{root}/{region}").is_dir():
                    yield f"{root}/{region}"
                    break
        yield f"shipped/{DEFAULT}"

    def path(self, name: str) -> Path:
        """Return the file or folder a name of the loader stands for."""
        root, _, rest = name.partition("/")
        return self._roots[root] / rest

    def environment(self, name: str) -> SandboxedEnvironment:
        """Return what reads the template a name of the loader stands for."""
        return _environment(self._roots[name.partition("/")[0]], html=name.endswith(".html"))

    def template(self, name: str) -> Template:
        """Return a template. Raises `TemplateNotFound`, `TemplateSyntaxError` or `UnicodeDecodeError`."""
        return self.environment(name).get_template(name.partition("/")[2])

    def city(self, region: str) -> City:
        """Return a city's data, or that of no particular city where the region has none that can be used."""
        if region not in self._cities:
            self._cities[region] = self._read_city(region)
        return self._cities[region]

    def block(self, region: str, event: NoticeEvent, block: str, words: Mapping[str, object]) -> str:
        """Render one block: the region's wording if it has one that says something, else the default.

        Raises `TemplateNotFound` where nobody words it.
        """
        for folder in self.folders(region):
            name = f"{folder}/{event.value}.txt"
            try:
                template = self.template(name)
                said = rendered(template, block, words) if block in template.blocks else ""
                if said.strip():
                    return said
            except TemplateNotFound:
                continue
            except Exception as error:  # a template may fail in any way Python can
                if folder.endswith(DEFAULT):
                    raise
                logger.warning("notice wording %s cannot be used: %s", name, type(error).__name__)
        raise TemplateNotFound(f"{event.value}: {block}")

    def shell(self, name: str, words: Mapping[str, object]) -> str:
        """Render what is around the body: `layout.html`, `plain.txt` or `inbox.txt`."""
        return self.template(f"shipped/{name}").render(words)

    def _read_city(self, region: str) -> City:
        for folder in self.folders(region):
            try:
                return read_city(self.path(folder))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, ValidationError) as error:
                logger.warning("city data %s cannot be used: %s", folder, type(error).__name__)
        raise FileNotFoundError(CITY)


def template_sets() -> TemplateSets:
    """Return the wordings this process works with."""
    return _sets(os.environ.get(FOLDER, ""))


def read_city(folder: Path) -> City:
    """Read a city's data. Raises `OSError`, `ValueError` (of the encoding and of TOML too) or `ValidationError`."""
    # Windows editors write a byte order mark, which TOML does not know.
    return City.model_validate(tomllib.loads((folder / CITY).read_text("utf-8-sig")))


def rendered(template: Template, block: str, words: Mapping[str, object]) -> str:
    """Render one block of a template. Raises whatever the template does."""
    return "".join(template.blocks[block](template.new_context(dict(words))))


def count_numbered(told: str) -> int:
    """Return how many items a list like `1. …` has; its heading and the experts' words are none."""
    return sum(1 for line in told.splitlines() if re.match(r"\d+\. ", line))


def regions_in(root: Path) -> tuple[str, ...]:
    """Return the regions that have a folder in a folder, in order."""
    return tuple(sorted(each.name for each in root.iterdir() if REGION.fullmatch(each.name) and each.is_dir()))


@cache
def _sets(folder: str) -> TemplateSets:
    named = policies_folder({FOLDER: folder})
    own = None if named is None else named / OWN_FOLDER
    return TemplateSets(own if own is not None and own.is_dir() else None)


@cache
def _environment(root: Path, *, html: bool) -> SandboxedEnvironment:
    # sandboxed: a city's file is text, not a program that runs with the keys at hand
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(root, encoding="utf-8-sig"),
        undefined=StrictUndefined,
        autoescape=html,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["numbered"] = count_numbered
    return environment
