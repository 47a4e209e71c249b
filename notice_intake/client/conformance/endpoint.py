"""The agency's own callback address. It is taken away again at the end of the run."""

from __future__ import annotations

from . import expect
from .door import Door
from .expect import that
from .listener import Came, Listener
from .reading import events_of
from .rules import Broken, NotTried, rule

_ADDRESS, _CALLBACKS = "refer-to-us.md#your-address", "refer-to-us.md#callbacks"
#: Where clouds keep their machines' credentials: no platform may be sent there, whoever asks.
_FORBIDDEN = ("https://169.254.169.254/", "https://[::ffff:169.254.169.254]/", "ftp://unit.example/", "https://", "x")


def _listening(door: Door) -> Listener:
    if door.listener is None:
        raise NotTried("needs an address that the platform reaches: --callback-url")
    return door.listener


def _in_use(door: Door) -> Listener:
    listener = _listening(door)
    reply = door.get("/v1/endpoint")
    if reply.status != 200 or reply.object().get("state") != "active" or reply.object().get("url") != listener.url:
        raise NotTried("the callback address is not in use: see endpoint.challenge")
    return listener


def _wait(door: Door, listener: Listener, type: str, *, id: str | None = None, after: int = 0) -> Came:
    def wanted(one: Came) -> bool:
        return one.document.get("type") == type and id in (None, one.id)

    found = listener.wait(wanted, after=after, rest=door.rest, patience=door.patience)
    if found is None:
        raise Broken(f"a callback {type} within {door.patience:.0f} seconds", "none: is a worker running?")
    that(found.verified, f"a callback {type} signed with the secret", "one whose signature does not fit")
    return found


@rule("endpoint.addresses", "Callbacks cannot be sent where no callback may go", _ADDRESS)
def _addresses(door: Door) -> None:
    for url in _FORBIDDEN:
        found = expect.problem(door.send("PUT", "/v1/endpoint", body=_named(url)), 422, "invalid-document")
        pointers = [one.get("pointer") for one in expect.objects(found, "errors")]
        that("/url" in pointers, f"an error at /url for {url}", pointers)


def _named(url: str) -> bytes:
    return f'{{"url":"{url}"}}'.encode()


@rule(
    "endpoint.challenge",
    "A new address is used once it has given the challenge back; its secret is shown once",
    _ADDRESS,
)
def _challenge(door: Door) -> None:
    listener = _listening(door)
    reply = door.send("PUT", "/v1/endpoint", body=_named(listener.url)[:-1] + b',"rotate_secret":true}')
    expect.status(reply, 200, 201)
    listener.secret = expect.member(reply.object(), "secret", str)
    that(listener.secret.startswith("whsec_"), "a secret that begins with whsec_", "another one")
    if expect.member(reply.object(), "state", str) != "active":
        _wait(door, listener, "endpoint.verification")
    for _ in range(int(door.patience * 4)):
        shown = expect.document(door.get("/v1/endpoint"), 200)
        if shown.get("state") == "active":
            break
        door.rest(0.25)
    expect.equal((shown.get("state"), shown.get("url")), ("active", listener.url), "state and url")
    that("secret" not in shown, "the secret no second time", "it")


@rule("endpoint.test", "A test event comes, under the id that the call answered", _ADDRESS)
def _test_event(door: Door) -> None:
    listener = _in_use(door)
    reply = door.send("POST", "/v1/endpoint/test")
    expect.status(reply, 202)
    _wait(door, listener, "endpoint.test", id=expect.member(reply.object(), "id", str))


@rule("endpoint.same-as-events", "A callback is the event of the same id, signed", _CALLBACKS)
def _same_as_events(door: Door) -> None:
    listener = _in_use(door)
    one = door.referred()
    event = next(iter(events_of(door, one.id)), {})
    came = _wait(door, listener, "referral.received", id=str(event.get("id")))
    expect.equal({**came.document, "id": came.id}, event, "the event")


@rule("endpoint.replay", "A callback is listed among the deliveries, and can be sent again under its id", _ADDRESS)
def _replay(door: Door) -> None:
    listener = _in_use(door)
    one = door.referred()
    event = next(iter(events_of(door, one.id)), {})
    message = str(event.get("id"))
    _wait(door, listener, "referral.received", id=message)
    for _ in range(int(door.patience * 4)):
        listed = expect.objects(expect.document(door.get("/v1/deliveries?limit=50"), 200), "deliveries")
        row = next((found for found in listed if found.get("id") == message), {})
        if row.get("state") == "done":
            break
        door.rest(0.25)
    expect.equal((row.get("state"), row.get("referral")), ("done", one.id), "state and referral of the delivery")
    before = len(listener.came)
    expect.status(door.send("POST", f"/v1/deliveries/{message}/replay"), 202)
    _wait(door, listener, "referral.received", id=message, after=before)


@rule("endpoint.deliveries", "The list of deliveries refuses a cursor and a state that are none", _ADDRESS)
def _deliveries(door: Door) -> None:
    for query in ("cursor=garbage", "state=nothing", "surprise=1"):
        expect.problem(door.get(f"/v1/deliveries?{query}"), 422, "invalid-document")
    expect.problem(door.send("POST", "/v1/deliveries/msg_none/replay"), 404, "not-found")


@rule("endpoint.removed", "An address can be taken away", _ADDRESS)
def _removed(door: Door) -> None:
    _in_use(door)
    expect.status(door.send("DELETE", "/v1/endpoint"), 204)
    expect.problem(door.get("/v1/endpoint"), 404, "not-found")
    expect.problem(door.send("POST", "/v1/endpoint/test"), 409, "conflict")
