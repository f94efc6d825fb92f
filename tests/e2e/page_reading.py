"""Reading pages as a browser would: forms with what they carry, links, and the words a person sees."""

import asyncio
import html
import re
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx

_VOID_TEXT = ("script", "style", "title")
_NEXT = re.compile(r'<a class="button second small" href="([^"]+)">下一页</a>')
_PATIENCE_SECONDS = 60.0
_NOBODY_KNOWS = "没有得到应答，不能确定是否已经送达"
"""What a form is answered that may have been carried out: the same form again is the same command."""


class Form:
    """One form: where it goes, and the values it carries."""

    def __init__(self, action: str, method: str) -> None:
        self.action, self.method = action, method
        self.values: list[tuple[str, str]] = []

    def filled(self, **fields: Any) -> list[tuple[str, str]]:
        """Return the form's content with fields typed over; a list is several boxes ticked."""
        kept = [(name, value) for name, value in self.values if name not in fields]
        for name, value in fields.items():
            kept += [(name, str(each)) for each in (value if isinstance(value, list | tuple) else [value])]
        return kept


class Page(HTMLParser):
    """A page that was parsed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.frames: list[str] = []
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str]] = []
        self.inline: list[str] = []
        self._words: list[str] = []
        self._silent = 0
        self._form: Form | None = None
        self._named: dict[str, Form] = {}
        self._area: tuple[Form, str] | None = None
        self._select: tuple[Form, str] | None = None
        self.feed(text)

    @property
    def text(self) -> str:
        """The words a person sees."""
        return re.sub(r"\s+", " ", " ".join(self._words))

    def form(self, action: str) -> Form:
        """Return the form that goes to an address."""
        found = [each for each in self.forms if each.action == action]
        assert found, f"no form to {action}: {[each.action for each in self.forms]}"
        return found[0]

    def form_count(self) -> int:
        """Return how many forms there are beside the one that logs out."""
        return sum(each.action != "/logout" for each in self.forms)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what matters of an element."""
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        self._silent += tag in _VOID_TEXT
        if (tag == "script" and "src" not in found) or any(each.startswith(("on", "style")) for each in found):
            self.inline.append(tag)
        match tag:
            case "form":
                self._form = Form(found.get("action", ""), found.get("method", "get"))
                self.forms.append(self._form)
                self._named[found.get("id", "")] = self._form
            case "button" if "formaction" in found:
                owner = self._owner(found)
                self.forms.append(Form(found["formaction"], "post"))
                self.forms[-1].values = owner.values if owner else []
            case "option" if self._select and "selected" in found:
                self._select[0].values.append((self._select[1], found.get("value", "")))
            case "a":
                self.links.append(found.get("href", ""))
            case "iframe":
                self.frames.append(found.get("src", ""))
            case "label":
                self.labelled.add(found.get("for", ""))
            case "input" | "select" | "textarea":
                self.inputs.append({**found, "tag": tag})
                self._value(tag, found)

    def _value(self, tag: str, found: dict[str, str]) -> None:
        name, kind = found.get("name", ""), found.get("type", "text")
        unticked = kind in ("radio", "checkbox") and "checked" not in found
        owner = self._owner(found)
        self._select = (owner, name) if owner and name and tag == "select" else None
        if owner is None or not name or unticked or tag == "select":
            return
        self._area = (owner, name) if tag == "textarea" else None
        owner.values.append((name, found.get("value", "")))

    def _owner(self, found: dict[str, str]) -> Form | None:
        return self._named.get(found["form"]) if "form" in found else self._form

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._silent -= tag in _VOID_TEXT
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        """Note words."""
        if self._area is not None:
            owner, name = self._area
            owner.values[-1] = (name, owner.values[-1][1] + data)
        if not self._silent:
            self._words.append(data)


def page_of(answer: httpx.Response, status: int = 200) -> Page:
    """Return an answer as a page; it must be one, with a policy, without inline scripts and without double ids."""
    assert answer.status_code == status, f"{answer.status_code}: {Page(answer.text).text[:1500]}"
    assert answer.headers["content-type"].startswith("text/html")
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert len(page.ids) == len(set(page.ids)), [each for each in page.ids if page.ids.count(each) > 1]
    assert not page.inline, page.inline
    for each in page.inputs:
        named = each.get("type") in ("hidden", "submit") or each.get("id", "") in page.labelled
        assert named or "aria-label" in each, f"no label: {each}"
    return page


async def opened(client: httpx.AsyncClient, address: str, status: int = 200) -> Page:
    """Look at a page."""
    return page_of(await client.get(address), status)


async def comes_to_say(client: httpx.AsyncClient, address: str, *words: str) -> Page:
    """Look at a page until it says every one of these words: what a busy house has done is shown a little later."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        page = await opened(client, address)
        missing = [each for each in words if each not in page.text]
        if not missing:
            return page
        assert time.monotonic() < end, f"{missing} not on {address}: {page.text[:1500]}"
        await asyncio.sleep(0.2)


async def all_pages(client: httpx.AsyncClient, address: str) -> list[Page]:
    """Look at a list to its end: in a house that many use, what is looked for may stand on a later page."""
    found = [await opened(client, address)]
    while following := _NEXT.search(found[-1].source):
        found.append(await opened(client, html.unescape(following[1])))
    return found


def listed_on(pages: list[Page], address: str) -> bool:
    """Whether one of these pages leads to an address."""
    return any(address in each.links for each in pages)


async def submitted(client: httpx.AsyncClient, page: Page, action: str, **fields: Any) -> httpx.Response:
    """Fill a form of a page and send it as a browser does, with nothing but what the form carries.

    Where a busy machine got no answer in time, it is sent again, as whoever reads that page is told to.
    """
    form = page.form(action)
    content = form.filled(**fields)
    body = urlencode(content)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    for _ in range(10):
        answer = await client.post(form.action, content=body, headers={**headers, "X-CSRF-Token": ""})
        if answer.status_code != 503 or _NOBODY_KNOWS not in answer.text:
            break
    return answer


def escaped(text: str) -> str:
    """Return a text as it stands in the source of a page that escapes it."""
    return html.escape(text)
