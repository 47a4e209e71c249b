"""The whole URL map against everybody who may come: who gets in, and that all others are told the same nothing.

The routes come out of the app's own map. One that stands in no table here fails: say whom it is for, and it is checked
like the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from auth.battery import ORIGIN, SETTINGS, Battery
from sqlalchemy import select, update

from notice_intake.auth import bearer, keys, signing
from notice_intake.auth.schemes import challenges
from notice_intake.store import agencies as store

PREFIX = "/notices"
READ, WRITE, ENDPOINT = bearer.SCOPES[1], bearer.SCOPES[0], bearer.SCOPES[2]
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNKNOWN = "unknown_0000000000000000"


@dataclass(frozen=True)
class Scoped:
    """For agencies with this scope; what a right request of the owner is answered."""

    scope: str
    status: int
    #: What is sent: ``referral``, ``lines``, or a document.
    body: Any = None
    #: Whether the path names something that belongs to an agency.
    owned: bool = False


COMPLAINT = {"items": ["1-1"], "text": "Look again."}
#: In this order: the last one takes away what others need.
AGENCIES: dict[tuple[str, str], Scoped] = {
    ("POST", "/v1/referrals"): Scoped(WRITE, 201, "referral"),
    ("POST", "/v1/referrals/bulk"): Scoped(WRITE, 200, "lines"),
    ("GET", "/v1/referrals"): Scoped(READ, 200),
    ("GET", "/v1/referrals/<referral_id>"): Scoped(READ, 200, owned=True),
    ("POST", "/v1/referrals/<referral_id>/supplements"): Scoped(WRITE, 201, {"text": "More."}, owned=True),
    ("POST", "/v1/referrals/<referral_id>/complaints"): Scoped(WRITE, 409, COMPLAINT, owned=True),
    ("POST", "/v1/referrals/<referral_id>/withdrawal"): Scoped(WRITE, 201, {"reason": "Void."}, owned=True),
    ("GET", "/v1/events"): Scoped(READ, 200),
    ("GET", "/v1/endpoint"): Scoped(ENDPOINT, 200),
    ("POST", "/v1/endpoint/test"): Scoped(ENDPOINT, 202),
    ("GET", "/v1/deliveries"): Scoped(ENDPOINT, 200),
    ("POST", "/v1/deliveries/<delivery_id>/replay"): Scoped(ENDPOINT, 202, owned=True),
    ("PUT", "/v1/endpoint"): Scoped(ENDPOINT, 200, {"url": "https://unit.example/new"}),
    ("DELETE", "/v1/endpoint"): Scoped(ENDPOINT, 204),
}
#: For everybody: nothing in them belongs to anybody.
PUBLIC = {
    "/v1/keys": 200,
    "/v1/problems/<slug>": 200,
    "/v1/openapi.json": 200,
    "/v1/schemas/<name>": 200,
    "/healthz": 200,
    "/readyz": 200,
}
#: Answer what no other rule does: an unknown path, a method that a path does not have.
REFUSING = re.compile(r"\.(unknown\w*|\w+_other)$")


@dataclass(frozen=True)
class Pages:
    """Pages for people: what somebody without a log-in is answered, by method, and what is open all the same."""

    away: dict[str, int]
    open: frozenset[str] = frozenset({"static"})


#: By what their blueprint's name ends in. Every rule of such a blueprint is checked, without being named here.
PAGES = {
    "_desk": Pages({"GET": 303, "POST": 303}),
    "_agency": Pages({"GET": 303, "POST": 401}, frozenset({"static", "door", "offer", "enter"})),
}


@dataclass(frozen=True)
class Route:
    """A rule and one of its methods."""

    method: str
    rule: str
    endpoint: str

    @property
    def path(self) -> str:
        """The rule without the prefix."""
        return self.rule.removeprefix(PREFIX)

    @property
    def blueprint(self) -> str:
        return self.endpoint.rpartition(".")[0]

    def filled(self, value: str = UNKNOWN) -> str:
        """An address that the rule takes."""
        return re.sub(r"<[^>]+>", value, self.rule)


def routes(app: Any) -> Iterator[Route]:
    """Every rule of ours with each method that it takes."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("notice_intake"):
            methods = rule.methods or EVERY
            # What takes any method at all is asked by one that nothing else takes.
            for method in ["WHATEVER"] if "WHATEVER" in methods else sorted(methods):
                yield Route(method, rule.rule, rule.endpoint)


def named(route: Route) -> str:
    """Return whom a route is for; fails for one that stands nowhere."""
    if route.blueprint.startswith("notice_intake_"):
        (suffix,) = [one for one in PAGES if route.blueprint.endswith(one)] or [""]
        assert suffix, f"{route.blueprint} is a blueprint that PAGES does not know: say how its door is kept"
        return "open" if route.endpoint.rpartition(".")[2] in PAGES[suffix].open else suffix
    if REFUSING.search(route.endpoint):
        return "refusing"
    asked = "GET" if route.method == "HEAD" else route.method
    if (asked, route.path) in AGENCIES:
        return "agencies"
    assert asked in ("GET", "OPTIONS"), f"{route.method} {route.path} stands in no table: whom is it for?"
    assert route.path in PUBLIC, f"{route.method} {route.path} stands in no table: whom is it for?"
    return "public"


@dataclass
class Matrix:
    """A house, two agencies with everything that can belong to one, and whoever must not come in."""

    house: Any
    one: Any
    two: Any
    referral: str = ""
    delivery: str = ""
    etag: str = ""

    def __post_init__(self) -> None:
        for agency in (self.one, self.two):
            answer = agency.refer()
            if agency is self.one:
                self.referral, self.etag = answer.json["id"], f'"r{answer.json.get("sequence", 1)}"'
        found = self.house.client.get(f"{PREFIX}/v1/deliveries", headers=self.one.headers).json["deliveries"]
        self.delivery = found[0]["id"]
        with self.house.mount.storage.begin() as tx:
            table = tx.tables.outbox
            tx.execute(update(table).values(state="done", done_at=self.house.clock.now))

    def battery(self, agency: Any) -> Battery:
        return Battery(self.house, agency.id, bearer, _bearer)

    def token(self, agency: Any, **options: Any) -> dict[str, str]:
        """The fields of a further token of an agency."""
        scopes = options.pop("scopes", frozenset(bearer.SCOPES))
        return {"Authorization": self.battery(agency).good(scopes=scopes, **options)[0]}

    def of(self, agency: Any) -> list[Route]:
        return [one for one in routes(self.house.app) if named(one) == agency]

    def ask(self, route: Route, headers: dict[str, str], *, place: str = UNKNOWN, **options: Any) -> Any:
        """Send a request that is right in all but, perhaps, its credentials."""
        asked = "GET" if route.method == "HEAD" else route.method
        known = AGENCIES.get((asked, route.path))
        sent, data = {"If-Match": self.etag, **headers}, None
        if known is not None and known.body is not None:
            document = self.one.document() if known.body in ("referral", "lines") else known.body
            data = json.dumps(document).encode()
            sent["Content-Type"] = "application/x-ndjson" if known.body == "lines" else "application/json"
        path = route.filled(place) + options.pop("query", "")
        return self.house.client.open(path, method=route.method, data=data, headers=sent, **options)

    def place(self, route: Route) -> str:
        """The id of the first agency's own thing that a path names."""
        return self.delivery if "deliver" in route.path else self.referral

    def dump(self) -> Any:
        """Every row of every table."""
        with self.house.mount.storage.read() as tx:
            tables = self.house.mount.storage.tables.metadata.sorted_tables
            # When a key was used is noted for good keys, whatever they ask for.
            columns = {table.name: [one for one in table.c if one.name != "used_at"] for table in tables}
            return {name: sorted(map(repr, tx.execute(select(*found)))) for name, found in columns.items()}

    def strangers(self) -> dict[str, dict[str, str]]:
        """Everybody who must get the one 401, by what is wrong with them."""
        good = self.token(self.one)["Authorization"]
        asleep = self.house.agency("Asleep")
        with self.house.mount.storage.begin() as tx:
            table = tx.tables.agency
            tx.execute(update(table).where(table.c.id == asleep.id).values(active=False))
        revoked, key_id = self.battery(self.one).good()
        with self.house.mount.storage.begin() as tx:
            store.revoke(tx, key_id, now=self.house.clock.now)
        over = self.token(self.one, expires_at=self.house.clock.now - timedelta(seconds=1))
        signed = {"Signature": "ni=:AAAA:", "Signature-Input": f'ni=("@method");{_parameters(self.house)}'}
        return {
            "nobody": {},
            "garbage": {"Authorization": "Bearer garbage"},
            "Basic": {"Authorization": "Basic dW5pdDpwYXNz"},
            "a forged token": {"Authorization": good[:-12] + "AAAAAAAAAAAA"},
            "an expired token": over,
            "a revoked token": {"Authorization": revoked},
            "an agency that is switched off": dict(asleep.headers),
            "a signature of an unknown key": signed,
            "a certificate that no proxy vouches for": {"Client-Cert": ":AAAA:", "X-Forwarded-For": "127.0.0.1"},
            "a moderator": {"Cookie": "session=anything; who=mona"},
            "a token in a cookie": {"Cookie": f"token={good.split()[1]}; Authorization={good.split()[1]}"},
        }


def _bearer(secrets: Any) -> tuple[str, str, bytes]:
    token, key_id, digest = bearer.mint(secrets.signer(bearer.PURPOSE))
    return f"Bearer {token}", key_id, digest


def _parameters(house: Any) -> str:
    key, created = signing.new_ed25519()[0], int(house.clock.now.timestamp())
    return f'created={created};nonce="{"n" * 22}";keyid="{keys.thumbprint(key.public.jwk)}";tag="notice-intake-v1"'


@pytest.fixture
def matrix(make_house):
    house = make_house(**SETTINGS)
    return Matrix(house, *[house.agency(name, callback_url="https://unit.example/hook") for name in ("One", "Two")])


def told(answer: Any) -> tuple[Any, ...]:
    """All that an answer tells, byte for byte, but the id of its request."""
    request_id = answer.headers.get("X-Request-Id", "-")
    headers = sorted((name, value) for name, value in answer.headers if name != "X-Request-Id")
    return answer.status_code, answer.get_data(as_text=True).replace(request_id, ""), tuple(headers)


def test_every_route_is_known_and_every_known_one_is_there(matrix):
    kinds = {(named(one), one.method, one.path) for one in routes(matrix.house.app)}
    there = {(method, path) for kind, method, path in kinds if kind == "agencies" and method != "HEAD"}
    assert there == set(AGENCIES)
    assert len([one for one in kinds if one[0] == "_desk"]) > 20


def test_a_route_that_nobody_classified_is_found():
    for endpoint, path in (("notice_intake.new", "/v1/new"), ("notice_intake_more.new", "/more/<id>")):
        route = Route("GET", PREFIX + path, endpoint)
        with pytest.raises(AssertionError, match=r"stands in no table|does not know"):
            named(route)


def test_strangers_get_one_and_the_same_401_everywhere_and_leave_nothing(matrix):
    strangers = matrix.strangers()
    secrets = [value.split()[-1] for one in strangers.values() for value in one.values() if len(value) > 40]
    before, answers = matrix.dump(), {}
    for route in matrix.of("agencies"):
        for who, fields in strangers.items():
            for place in {UNKNOWN, matrix.place(route)} if "<" in route.rule else {UNKNOWN}:
                answer = matrix.ask(route, fields, place=place)
                assert answer.status_code == 401, (route, who)
                assert challenges().items() <= dict(answer.headers).items()
                key = (route.method == "HEAD", answer.headers.get("Content-Length"))
                answers.setdefault(key[0], {}).setdefault(told(answer), (route, who))
                said = answer.get_data(as_text=True) + str(answer.headers)
                assert not [one for one in secrets if one in said], (route, who)
    # HEAD has no body; beside that there is one answer for every route, path, method and reason.
    assert {head: len(found) for head, found in answers.items()} == {False: 1, True: 1}, answers
    assert matrix.dump() == before


def test_a_token_in_the_address_opens_nothing(matrix):
    token = matrix.token(matrix.one)["Authorization"].split()[1]
    before = matrix.dump()
    for route in matrix.of("agencies"):
        answer = matrix.ask(route, {}, place=matrix.place(route), query=f"?access_token={token}&token={token}")
        assert answer.status_code == 401
        assert token not in answer.get_data(as_text=True) + str(answer.headers)
    assert matrix.dump() == before


def test_each_scope_opens_its_own_routes_and_no_other(matrix):
    scopes = {one: matrix.token(matrix.one, scopes=frozenset({one})) for one in bearer.SCOPES}
    none = matrix.token(matrix.one, scopes=frozenset())
    before = matrix.dump()
    for route in matrix.of("agencies"):
        known = AGENCIES["GET" if route.method == "HEAD" else route.method, route.path]
        for scope, fields in [*scopes.items(), ("", none)]:
            if scope == known.scope:
                continue
            answer = matrix.ask(route, fields, place=matrix.place(route))
            assert answer.status_code == 403, (route, scope)
            if route.method != "HEAD":
                assert answer.json["type"].endswith("/problems/scope-missing")
    assert matrix.dump() == before
    for (method, path), known in AGENCIES.items():
        (route,) = [one for one in matrix.of("agencies") if (one.method, one.path) == (method, path)]
        if known.owned and method == "POST" and "deliver" not in path:
            owner = matrix.token(matrix.one, scopes=frozenset({READ}))
            matrix.etag = matrix.house.client.get(route.rule.rpartition("/<")[0] + f"/{matrix.referral}", headers=owner)
            matrix.etag = matrix.etag.headers["ETag"]
        answer = matrix.ask(route, scopes[known.scope], place=matrix.place(route))
        assert answer.status_code == known.status, (route, answer.get_data(as_text=True))


def test_anothers_thing_answers_like_none_on_every_route(matrix):
    fields, before, seen = matrix.token(matrix.two), matrix.dump(), 0
    for route in matrix.of("agencies"):
        if "<" not in route.rule:
            continue
        assert AGENCIES["GET" if route.method == "HEAD" else route.method, route.path].owned, route
        seen += 1
        foreign, none = (matrix.ask(route, fields, place=place) for place in (matrix.place(route), UNKNOWN))
        assert (foreign.status_code, foreign.status_code) == (404, none.status_code), route
        assert _without_signature(foreign) == _without_signature(none), route
    assert seen >= 6
    assert matrix.dump() == before


def _without_signature(answer: Any) -> tuple[Any, ...]:
    """An answer to somebody known is signed over its own body, which names its request."""
    status, body, headers = told(answer)
    changing = ("Signature", "Signature-Input", "Content-Digest", "RateLimit")
    return status, body, tuple(one for one in headers if one[0] not in changing)


def test_lists_hold_nothing_of_anothers(matrix):
    theirs = {matrix.referral, matrix.delivery, "agy_" + matrix.one.id.removeprefix("agy_")}
    fields = matrix.token(matrix.two)
    for route in matrix.of("agencies"):
        if route.method == "GET" and "<" not in route.rule:
            said = matrix.ask(route, fields).get_data(as_text=True)
            assert not [one for one in theirs if one in said], route


def test_who_is_not_logged_in_is_sent_away_from_every_page_token_or_not(matrix):
    matrix.house.gate.moderator = None
    before, seen = matrix.dump(), 0
    for suffix, pages in PAGES.items():
        for route in matrix.of(suffix):
            if route.method not in pages.away and route.method != "HEAD":
                continue
            seen += 1
            wanted = pages.away["GET" if route.method == "HEAD" else route.method]
            alone = matrix.ask(route, {})
            assert alone.status_code == wanted, route
            for agency in (matrix.one, matrix.two):
                known = matrix.ask(route, matrix.token(agency))
                assert known.status_code == wanted, route
                assert known.headers.get("Location") == alone.headers.get("Location")
    assert seen > 20
    after = matrix.dump()
    assert {name for name, rows in after.items() if rows != before[name]} <= {"ni_credential"}, "the tokens made here"


def test_no_form_counts_without_its_token_for_a_moderator_either(matrix):
    before = matrix.dump()
    for route in matrix.of("_desk"):
        if route.method == "POST":
            assert matrix.ask(route, {}).status_code == 400, route
    assert matrix.dump() == before


def test_a_moderator_opens_no_route_of_agencies(matrix):
    assert matrix.house.gate.current() is not None
    for route in matrix.of("agencies"):
        assert matrix.ask(route, {}, place=matrix.place(route)).status_code == 401, route


def test_what_is_open_tells_nothing_of_anybody(matrix):
    before = matrix.dump()
    owned = (matrix.referral, matrix.delivery, matrix.one.id, matrix.two.id, "unit.example", "One")
    seen = {}
    for route in [*matrix.of("public"), *matrix.of("refusing")]:
        for place in (UNKNOWN, "credentials-refused", matrix.referral):
            answer = matrix.ask(route, {}, place=place)
            said = answer.get_data(as_text=True) + str(answer.headers)
            assert answer.status_code < 500, route
            if place != matrix.referral:
                assert not [one for one in owned if f'"{one}"' in said], route
            seen[named(route), answer.status_code] = True
    assert {status for kind, status in seen if kind == "refusing"} <= {204, 404, 405}
    # 412: the matrix sends If-Match with everything, and these have an ETag.
    assert {status for kind, status in seen if kind == "public"} <= {200, 204, 404, 405, 412}
    changed = {name for name, rows in matrix.dump().items() if rows != before[name]}
    assert changed <= {"ni_platform_key"}, "the platform's own key is made when it is first asked for"


def test_a_signed_request_of_another_key_or_for_another_route_is_a_stranger(matrix):
    key = signing.new_ed25519()[0]
    from notice_intake.flows.agency_keys import add_public_key

    add_public_key(matrix.house.mount, matrix.one.id, key=key.public, now=matrix.house.clock.now)
    before = matrix.dump()
    created = int(matrix.house.clock.now.timestamp())
    elsewhere = signing.sign_request(
        key, method="GET", url=f"{ORIGIN}{PREFIX}/v1/nowhere", headers={}, body=None, created=created
    )
    for route in matrix.of("agencies"):
        assert matrix.ask(route, elsewhere, place=matrix.place(route)).status_code == 401, route
    assert matrix.dump() == before, "no nonce is spent either"
