"""A deployment of which one thing is wrong: a sandbox on a socket, and between it and the wire a fault to choose."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

ROOT = "/notices/sandbox/v1"
ONE, BULK = f"{ROOT}/referrals", f"{ROOT}/referrals/bulk"


@dataclass
class Exchanged:
    """A request and its answer, for a fault to change."""

    environ: dict[str, Any]
    status: int
    headers: Headers
    body: bytes

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"])

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    def change(self, change: Callable[[Any], Any]) -> None:
        """Change the document in the answer, and leave the rest as if it had been so."""
        self.body = json.dumps(change(json.loads(self.body))).encode()


Before = Callable[[dict[str, Any], bytes], bytes]
After = Callable[[Exchanged], None]
#: Each fault by name: what it does to a request, what it does to an answer, and which rules must find it.
FAULTS: dict[str, tuple[Before | None, After | None, set[str]]] = {}


def before(*rules: str) -> Callable[[Before], Before]:
    def add(change: Before) -> Before:
        FAULTS[change.__name__] = (change, None, set(rules))
        return change

    return add


def after(*rules: str) -> Callable[[After], After]:
    def add(change: After) -> After:
        FAULTS[change.__name__] = (None, change, set(rules))
        return change

    return add


class Faulty:
    """The WSGI application with a fault; with none it changes nothing."""

    def __init__(self, app: Any, name: str | None = None) -> None:
        self.app, self.name = app, name

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        first, then, _ = FAULTS[self.name] if self.name is not None else (None, None, set())
        if first is not None:
            body = first(environ, _body(environ))
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        if then is None:
            return self.app(environ, start)
        said, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        exchanged = Exchanged(environ, int(status.split()[0]), headers, b"".join(said))
        then(exchanged)
        exchanged.headers["Content-Length"] = str(len(exchanged.body))
        start(f"{exchanged.status} Said", list(exchanged.headers))
        return [exchanged.body]


def _body(environ: dict[str, Any]) -> bytes:
    """Read a body to its end, which only a chunked one has by itself."""
    source = environ["wsgi.input"]
    if "HTTP_TRANSFER_ENCODING" in environ:
        return bytes(source.read())
    return bytes(source.read(int(environ.get("CONTENT_LENGTH") or 0)))


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _single(environ: dict[str, Any]) -> bool:
    return bool(environ["PATH_INFO"] == ONE and environ["REQUEST_METHOD"] == "POST")


@after("answers.no-store")
def lets_itself_be_cached(told: Exchanged) -> None:
    told.headers["Cache-Control"] = "public, max-age=600"


@after("answers.request-id")
def names_every_request_alike(told: Exchanged) -> None:
    told.headers["X-Request-Id"] = "req_1"


@after("answers.problems")
def leaves_titles_out(told: Exchanged) -> None:
    if told.headers.get("Content-Type") == "application/problem+json":
        told.change(lambda found: {name: value for name, value in found.items() if name != "title"})


@after("answers.problem-types")
def explains_nothing(told: Exchanged) -> None:
    if "/problems/" in told.path:
        told.status = 404


@after("access.one-answer")
def says_what_is_wrong_with_a_token(told: Exchanged) -> None:
    if told.status == 401 and told.environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer"):
        told.change(lambda found: {**found, "detail": "This token is expired."})


@before("access.before-the-body")
def reads_the_body_before_it_asks_who_calls(environ: dict[str, Any], body: bytes) -> bytes:
    if body == b"not json" and "HTTP_AUTHORIZATION" not in environ:
        environ["PATH_INFO"] = f"{ROOT}/nothing"
    return body


@after("access.other-agency")
def tells_that_others_have_it(told: Exchanged) -> None:
    if told.status == 404 and told.method == "GET" and "AAAAAA" not in told.path and "ref_0" in told.path:
        told.status = 403


@after("answers.method")
def does_not_say_what_is_allowed(told: Exchanged) -> None:
    told.headers.pop("Allow", None)


@after("answers.rate-limit")
def says_nothing_of_limits(told: Exchanged) -> None:
    told.headers.pop("RateLimit", None)


@after("answers.unknown-path", "answers.problems", "answers.request-id")
def answers_unknown_paths_with_a_page(told: Exchanged) -> None:
    if told.path.endswith("/nothing/here"):
        told.headers["Content-Type"], told.body = "text/html", b"<h1>Not found</h1>"


@after("receipts.created")
def gives_no_location(told: Exchanged) -> None:
    if told.status == 201:
        told.headers.pop("Location", None)


@after("receipts.members")
def leaves_the_rule_of_the_clock_out(told: Exchanged) -> None:
    if told.path == ONE and told.status == 201:
        told.change(lambda found: {**found, "due_rule": ""})


@after("receipts.items")
def turns_the_items_round(told: Exchanged) -> None:
    if told.path == ONE and told.status == 201:
        told.change(lambda found: {**found, "items": found["items"][::-1]})


@after("receipts.times")
def writes_times_without_an_offset(told: Exchanged) -> None:
    if told.path == ONE and told.status == 201:
        told.change(lambda found: {**found, "received_at": found["received_at"][:19]})


@after("receipts.sandbox")
def keeps_quiet_that_it_is_a_sandbox(told: Exchanged) -> None:
    told.body = told.body.replace(b',"sandbox":true', b"").replace(b',"sandbox": true', b"")


@before("repeats.same-receipt", "repeats.quoted-key", "repeats.other-body", "repeats.bad-key")
def knows_no_idempotency(environ: dict[str, Any], body: bytes) -> bytes:
    if _single(environ) and "HTTP_SIGNATURE" not in environ:
        environ.pop("HTTP_IDEMPOTENCY_KEY", None)
    return body


@after("repeats.reference")
def takes_a_reference_twice(told: Exchanged) -> None:
    if told.path == ONE and told.status == 409:
        told.status = 201


@before("json.repeated-field")
def takes_the_last_of_two_fields(environ: dict[str, Any], body: bytes) -> bytes:
    if _single(environ) and (body.count(b'"language"') > 1 or body.count(b'"reference": ') > 2):
        with suppress(ValueError):
            return json.dumps(json.loads(body)).encode()
    return body


@before("json.not-a-number")
def takes_nan_for_nothing(environ: dict[str, Any], body: bytes) -> bytes:
    return body.replace(b'"x":NaN', b'"operation":{"code":"X-1","name":"x"}')


@before("json.byte-order-mark")
def takes_a_byte_order_mark_away(environ: dict[str, Any], body: bytes) -> bytes:
    return body.removeprefix(b"\xef\xbb\xbf")


@before("json.utf-8")
def guesses_encodings(environ: dict[str, Any], body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError:
        return body if body[:2] == b"\x1f\x8b" else body.decode("latin-1").encode()
    return body


@before("json.whole")
def reads_the_first_of_two_documents(environ: dict[str, Any], body: bytes) -> bytes:
    return body[:-1] if _single(environ) and body.endswith(b"}}") and body.count(b"{") < body.count(b"}") else body


@before("bodies.content-type")
def takes_any_type(environ: dict[str, Any], body: bytes) -> bytes:
    if _single(environ) and "HTTP_SIGNATURE" not in environ:
        environ["CONTENT_TYPE"] = "application/json"
    return body


@before("bodies.too-large-in-pieces")
def cuts_what_comes_in_pieces(environ: dict[str, Any], body: bytes) -> bytes:
    return body[:100_000] if "HTTP_TRANSFER_ENCODING" in environ else body


@before("fields.unknown")
def drops_fields_that_it_does_not_know(environ: dict[str, Any], body: bytes) -> bytes:
    return body.replace(b', "surprise": 1', b"") if _single(environ) else body


@after("fields.all-at-once")
def lists_only_the_first_fault(told: Exchanged) -> None:
    if told.path == ONE and told.status == 422:
        told.change(lambda found: {**found, "errors": found.get("errors", [])[:1]})


@before("fields.links")
def takes_any_link(environ: dict[str, Any], body: bytes) -> bytes:
    return body.replace(b"javascript:alert(1)", b"https://conformance.example/js")


@before("fields.repeated-reference")
def renames_items_that_stand_twice(environ: dict[str, Any], body: bytes) -> bytes:
    first, found, rest = body.partition(b'"reference": "1"')
    return first + found + rest.replace(b'"reference": "1"', b'"reference": "x"') if _single(environ) else body


@before("reading.not-modified")
def knows_no_conditions(environ: dict[str, Any], body: bytes) -> bytes:
    environ.pop("HTTP_IF_NONE_MATCH", None)
    return body


@after("reading.etag", "reading.not-modified", "messages.stale", "messages.supplement")
def gives_tags_of_its_own(told: Exchanged) -> None:
    if told.method == "GET" and told.status == 200 and "ETag" in told.headers:
        told.headers["ETag"] = told.headers["ETag"] + ', "other"'


@before("reading.cursor")
def begins_anew_for_a_bad_cursor(environ: dict[str, Any], body: bytes) -> bytes:
    environ["QUERY_STRING"] = environ["QUERY_STRING"].replace("cursor=garbage", "")
    return body


@before("reading.query")
def takes_what_fits_of_a_query(environ: dict[str, Any], body: bytes) -> bytes:
    environ["QUERY_STRING"] = environ["QUERY_STRING"].replace("limit=201", "limit=200")
    return body


@before("reading.pages")
def says_that_every_page_is_the_last(environ: dict[str, Any], body: bytes) -> bytes:
    later = "updated_since=2999-01-01T00%3A00%3A00Z"
    if "cursor=" in environ["QUERY_STRING"] and not re.search("garbage|A{9}|%", environ["QUERY_STRING"]):
        environ["QUERY_STRING"] = re.sub("cursor=[^&]*", later, environ["QUERY_STRING"])
    return body


@after("events.received")
def counts_events_from_nought(told: Exchanged) -> None:
    if told.path.endswith("/events"):
        told.body = told.body.replace(b'"sequence":1,', b'"sequence":0,')


@after("events.thin")
def tells_in_events_what_was_referred(told: Exchanged) -> None:
    if told.path.endswith("/events"):
        told.body = told.body.replace(b'"type":', b'"reasons":"Placeholder reason.","type":')


@before("messages.precondition", "messages.stale")
def asks_for_no_condition(environ: dict[str, Any], body: bytes) -> bytes:
    if environ["REQUEST_METHOD"] == "POST" and "/ref_" in environ["PATH_INFO"]:
        environ["HTTP_IF_MATCH"] = "*"
    return body


@after("messages.supplement")
def tells_nobody_of_supplements(told: Exchanged) -> None:
    if told.path.endswith("/events"):
        told.body = told.body.replace(b"referral.supplemented", b"referral.something")


@after("bulk.in-order", "bulk.blank-lines", "bulk.again")
def answers_lines_as_they_come(told: Exchanged) -> None:
    if told.path == BULK and told.status == 200:
        told.body = b"\n".join(told.body.splitlines()[::-1]) + b"\n"


@after("bulk.alone", "bulk.reference")
def refuses_a_stream_for_one_bad_line(told: Exchanged) -> None:
    if told.path == BULK and b'"problem"' in told.body:
        told.status = 422


@after("endpoint.addresses")
def sends_callbacks_anywhere(told: Exchanged) -> None:
    if told.path.endswith("/endpoint") and told.status == 422:
        told.status, told.body = 200, b'{"state":"active"}'
        told.headers["Content-Type"] = "application/json"


@after("keys.published", "keys.answers", "keys.receipts")
def publishes_its_private_key(told: Exchanged) -> None:
    if told.path.endswith("/keys"):
        told.change(lambda found: {"keys": [{**one, "d": "AAAA"} for one in found["keys"]]})


@after("keys.answers", "keys.receipts")
def changes_answers_after_they_were_signed(told: Exchanged) -> None:
    if told.headers.get("Content-Type", "").startswith("application/json") and not told.path.endswith("/keys"):
        told.body += b" "


@before("signed.once")
def forgets_nonces(environ: dict[str, Any], body: bytes) -> bytes:
    """Whoever signs twice with one nonce is let in by a token of the test's own."""
    seen = environ.get("HTTP_SIGNATURE", "")
    if seen and seen in _SEEN:
        for name in ("HTTP_SIGNATURE", "HTTP_SIGNATURE_INPUT"):
            environ.pop(name)
        environ["HTTP_AUTHORIZATION"] = _TOKEN[0]
    _SEEN.add(seen)
    return body


@before("signed.body")
def checks_no_digest(environ: dict[str, Any], body: bytes) -> bytes:
    if "HTTP_SIGNATURE" in environ and body.count(b"placeholder"):
        return body.replace(b"placeholder", b"Placeholder", 1)
    return body


_SEEN: set[str] = set()
#: The agency's own credentials, for the fault that needs them.
_TOKEN = [""]


def use_token(token: str) -> None:
    """Say what the fault ``forgets_nonces`` lets people in with."""
    _TOKEN[0] = f"Bearer {token}"
