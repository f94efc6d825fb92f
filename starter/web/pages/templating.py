"""The templates: everything escaped, and a name nobody gave is an error rather than an empty place."""

from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.case_dates import last_day
from domain.roles import ROLE_ZH
from starter.web.pages.assets import address_of_asset
from starter.web.pages.fields import by_field, heading_of
from starter.web.pages.menu import current_of, menu_of
from starter.web.pages.standing import by_zh, turn_zh, whose_zh
from starter.web.pages.wording import FILTERS

HOTLINE = "12393"
"""National health insurance service line (国家医保服务热线)."""

HTMX_CONFIG = (
    '{"allowEval":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,"historyCacheSize":0,"attributesToSettle":["class"],'
    '"responseHandling":[{"code":"204","swap":false},{"code":"...","swap":true}]}'
)


@cache
def environment() -> Environment:
    """Return the one environment of this process."""
    with as_file(files("starter.web").joinpath("templates")) as folder:
        made = Environment(
            loader=FileSystemLoader(str(folder)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
    made.filters.update({**FILTERS, "turn_zh": turn_zh, "whose_zh": whose_zh, "by_zh": by_zh, "last_day": last_day})
    made.globals.update(
        asset=address_of_asset,
        menu_of=menu_of,
        current_of=current_of,
        role_zh=ROLE_ZH,
        hotline=HOTLINE,
        htmx_config=HTMX_CONFIG,
        installed_version=version("mente"),
        by_field=by_field,
        heading_of=heading_of,
    )
    # At hand in every template, also in blocks, without an import.
    made.globals["ui"] = made.get_template("macros.html").module
    return made


def rendered(name: str, **context: object) -> str:
    """Return a template with its context."""
    return environment().get_template(name).render(**context)
