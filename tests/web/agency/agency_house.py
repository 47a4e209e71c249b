"""A small host with the agency pages, and a person with a browser that knows no scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "desk"))

from desk_house import DeskHouse, Page, build, path_of

from notice_intake.flows import agencies, page_links

PREFIX = "/notices/agency"
__all__ = ["PREFIX", "TYPED", "DeskHouse", "Guest", "build", "enrolled", "link_of"]


def enrolled(house: DeskHouse, name: str = "Unit BE", *instruments: str) -> str:
    """Add an agency without any key; return its id."""
    codes = instruments or sorted(house.mount.instruments)
    return agencies.register(house.mount, name, place="BE", instruments=codes, now=house.clock())


def link_of(house: DeskHouse, agency_id: str, *, purpose: str = "sign-in", minutes: int | None = None) -> str:
    """Make a one-time link; return its secret."""
    made = page_links.make(house.mount, agency_id, purpose=purpose, minutes=minutes, now=house.clock())
    return made.secret


class Guest:
    """A person at an agency."""

    def __init__(self, house: DeskHouse, secret: str = "", *, prefix: str = PREFIX, **headers: str) -> None:
        self.client = house.app.test_client()
        self.prefix, self.headers = prefix, headers
        if secret:
            self.come_in(secret)

    def come_in(self, secret: str) -> Page:
        """Open a link and press its button."""
        return self.send(self.open(f"/in/{secret}"), "/in", follow=True)

    def open(self, path: str = "/", **headers: str) -> Page:
        """Open a page, or an address that a page gave."""
        where = path if path.startswith(self.prefix) else self.prefix + path
        return Page(self.client.get(where, headers={**self.headers, **headers}))

    def send(self, page: Page, ending: str, *, follow: bool = True, button: str = "", **typed: Any) -> Page:
        """Fill in a form of a page and send it; ``button`` is a step, names of fields go by ``typed`` or ``fill``."""
        return self.fill(page, ending, typed | ({"step": button} if button else {}), follow=follow)

    def fill(self, page: Page, ending: str, typed: dict[str, Any], *, follow: bool = True) -> Page:
        """Do the same, for fields whose names are pointers."""
        form = next(one for one in page.forms if path_of(one.action).endswith(ending))
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            if name not in typed:
                data.setdefault(name, []).append(value)
        data |= {name: value if isinstance(value, list) else [str(value)] for name, value in typed.items()}
        sent = self.client.post(form.action, data=data, headers=self.headers)
        if follow and sent.status_code == 303:
            return self.open(sent.headers["Location"])
        return Page(sent)


#: A voluntary referral as a person types it.
TYPED = {
    "lines": "hxxps://video[.]example/watch?v=1\n@placeholder\n",
    "/agency_reference": "BE-2026-0001",
    "/language": "en",
    "/category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "/grounds/0/kind": "terms",
    "/grounds/0/reference": "Terms, 4.2",
    "/reasons": "Placeholder reasons.",
}
