"""A browser without a screen: it reads the forms that a page offers and sends them as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

#: Nothing to read in there, and reading is slow.
DRAWINGS = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


@dataclass(slots=True)
class Field:
    """One control of a form. ``offers`` holds the values that it can take, where the page lists them."""

    name: str
    kind: str
    values: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Form:
    """A form of a page."""

    id: str
    action: str
    method: str
    fields: dict[str, Field] = field(default_factory=dict)
    #: (name, value, address to send to instead) of each button.
    buttons: list[tuple[str, str, str]] = field(default_factory=list)

    def offers(self, name: str) -> list[str]:
        """Return the values that the page offers for a field."""
        return self.fields[name].offers if name in self.fields else []

    def fill(self, name: str, *values: str) -> None:
        """Type or choose. Raises ``ValueError`` for what the page does not offer."""
        one = self.fields[name]
        wrong = set(values) - set(one.offers) if one.offers else set()
        if wrong:
            raise ValueError(f"{name} offers no {', '.join(sorted(wrong))}")
        one.values = list(values)

    def pairs(self, button: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield what a browser would send after a click on the button with this value."""
        for one in self.fields.values():
            yield from ((one.name, value) for value in one.values)
        yield from ((name, value) for name, value, _ in self.buttons if name and value == button)


class Page(HTMLParser):
    """A page that was read: its forms, its links and its text."""

    def __init__(self, html: str, *, url: str = "") -> None:
        super().__init__()
        self.url, self.status = url, 200
        self.forms: list[Form] = []
        self.links: list[str] = []
        #: Where ``rel=next`` leads, and the text of the first heading.
        self.following: str | None = None
        self.heading = ""
        #: What the page says is wrong.
        self.alert = ""
        self._text: list[str] = []
        self._in_heading = self._alarmed = False
        self._select: Field | None = None
        self._text_area: Field | None = None
        self._outside: dict[str, list[Field]] = {}
        self.feed(DRAWINGS.sub("", html))
        for form in self.forms:
            for one in self._outside.get(form.id, []):
                form.fields.setdefault(one.name, one)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())

    def form(self, wanted: str) -> Form | None:
        """Return the form with this id, or the first whose address ends so."""
        ends = (one for one in self.forms if urlsplit(one.action).path.endswith(wanted))
        return next((one for one in self.forms if one.id == wanted), None) or next(ends, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._alarmed = self._alarmed or values.get("role") == "alert"
        match tag:
            case "a" if "href" in values:
                self.links.append(values["href"])
                if values.get("rel") == "next":
                    self.following = values["href"]
            case "h1":
                self._in_heading = True
            case "form":
                where = values.get("action") or self.url
                self.forms.append(Form(values.get("id", ""), where, values.get("method", "get").lower()))
            case "input" | "select" | "textarea" | "button" if "disabled" not in values:
                self._control(tag, values)
            case "option" if self._select is not None and "disabled" not in values:
                value = values.get("value", "")
                self._select.offers.append(value)
                if "selected" in values:
                    self._select.values.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select is not None:
            one, self._select = self._select, None
            if not one.values and one.offers and one.kind == "select":
                one.values = one.offers[:1]
        elif tag == "textarea":
            self._text_area = None
        elif tag == "h1":
            self._in_heading = False
        elif tag == "div":
            self._alarmed = False

    def handle_data(self, data: str) -> None:
        if self._text_area is not None:
            self._text_area.values[0] += data.removeprefix("\n") if not self._text_area.values[0] else data
        else:
            self._text.append(data)
            if self._in_heading:
                self.heading = f"{self.heading} {data.strip()}".strip()
            if self._alarmed:
                self.alert = f"{self.alert} {data.strip()}".strip()

    def _control(self, tag: str, values: dict[str, str]) -> None:
        name, kind = values.get("name", ""), values.get("type", "text").lower() if tag == "input" else tag
        if tag == "button" or kind in ("submit", "image", "button", "reset"):
            if self.forms and values.get("type", "submit") == "submit":
                self.forms[-1].buttons.append((name, values.get("value", ""), values.get("formaction", "")))
            return
        if not name:
            return
        one = self._field(name, "select-multiple" if tag == "select" and "multiple" in values else kind, values)
        if tag == "select":
            self._select = one
        elif tag == "textarea":
            self._text_area, one.values = one, [""]
        elif kind in ("checkbox", "radio"):
            one.offers.append(values.get("value", "on"))
            if "checked" in values:
                one.values.append(values.get("value", "on"))
        else:
            one.values = [values.get("value", "")]

    def _field(self, name: str, kind: str, values: dict[str, str]) -> Field:
        if "form" in values:
            fields = self._outside.setdefault(values["form"], [])
            known = next((one for one in fields if one.name == name), None)
            if known is None:
                fields.append(known := Field(name, kind))
            return known
        holder = self.forms[-1].fields if self.forms else {}
        return holder.setdefault(name, Field(name, kind))


class Browser:
    """A person's browser: cookies, pages, forms."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept"] = "text/html"

    def open(self, path: str) -> Page:
        return self._read(self.session.get(urljoin(self.base, path), timeout=30))

    def submit(self, page: Page, form: Form, button: str | None = None) -> Page:
        """Send a form as a browser would, and follow where it leads."""
        elsewhere = next((where for _, value, where in form.buttons if where and value == button), "")
        url = urljoin(page.url, elsewhere or form.action)
        headers = {"Origin": self.base.rstrip("/"), "Referer": page.url, "Sec-Fetch-Site": "same-origin"}
        return self._read(self.session.post(url, data=list(form.pairs(button)), headers=headers, timeout=30))

    def _read(self, answer: requests.Response) -> Page:
        if answer.status_code >= 500:
            raise requests.ConnectionError(f"{answer.status_code} from {answer.url}")
        page = Page(answer.text, url=answer.url)
        page.status = answer.status_code
        return page
