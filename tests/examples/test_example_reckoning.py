"""The last line of the demo counts as lost whatever an agency did not hear, and whatever is still there."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from examples.flask_app.action_day import UNITS, Plan
from examples.flask_app.reckoning import reckon

PAGES = {"/post/down": (410, {}), "/post/up": (200, {}), "/post/quiet": (200, {"X-Robots-Tag": "noindex"})}


@pytest.fixture(scope="module")
def base():
    """A platform of three pages, and one that ends in Belgium."""

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        status, headers = PAGES.get(path, (404, {}))
        if path == "/post/abroad":
            status = 451 if "country=BE" in environ["QUERY_STRING"] else 200
        return Response("", status, headers)(environ, start_response)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def agency(path="/post/down", *, told=("effected", "removed"), polled=None, feed=("msg_1",), **books):
    plan = Plan(UNITS[0], paths={"BE-1 1-1": path})
    result = {
        "items": 1,
        "verified": 1,
        "verified_ids": ["msg_1"],
        "acknowledged": {"BE-1": "ref_1"},
        "told": {"ref_1": {"1-1": list(told)} if told else {}},
        "polled": {"ref_1": {"1-1": list(polled or told or ())}},
        "feed": list(feed),
        "mistakes": [],
        "rejected": 0,
        "out_of_order": 0,
    }
    return SimpleNamespace(plan=plan, result=result | books)


def count(base, one, *, states=("closed",), contents=1, items=1):
    names = {f"cas_{n}": state for n, state in enumerate(states)}
    return reckon([one], names, base=base, contents=contents, items=items)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/post/down", ("effected", "removed")),
        ("/post/quiet", ("effected", "visibility_restricted")),
        ("/post/abroad", ("effected", "access_disabled")),
        ("/post/up", ("decided", "no_action")),
        ("/post/up", ("not_possible", "not_possible")),
    ],
)
def test_what_was_answered_and_done_is_not_lost(base, path, told):
    total = count(base, agency(path, told=told))
    assert (total.lost, total.faults) == (0, [])
    done = int(told[0] == "effected")
    assert total.line == f"action day: 1 items, 1 cases, 1 decided, {done} effected, 1 callbacks verified, 0 lost"


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(agency(told=None), id="never told"),
        pytest.param(agency(told=("in_review", None)), id="told, but not of the end"),
        pytest.param(agency(told=("decided", "removed")), id="decided is not carried out"),
        pytest.param(agency(polled=("decided", "removed")), id="polling says otherwise"),
        pytest.param(agency(feed=("msg_1", "msg_2")), id="a callback is missing"),
        pytest.param(agency("/post/up"), id="still served"),
        pytest.param(agency("/post/up", told=("effected", "access_disabled")), id="still served in the country"),
        pytest.param(agency("/post/up", told=("effected", "visibility_restricted")), id="still found"),
    ],
)
def test_what_is_missing_is_lost(base, one):
    assert count(base, one).lost == 1


@pytest.mark.parametrize(
    ("one", "options"),
    [
        pytest.param(agency(mistakes=["101 items: 201"]), {}, id="a bad request was taken"),
        pytest.param(agency(rejected=1), {}, id="a callback did not verify"),
        pytest.param(agency(out_of_order=1), {}, id="a callback came out of order"),
        pytest.param(agency(), {"items": 2}, id="an item was never acknowledged"),
        pytest.param(agency(), {"contents": 2}, id="two contents became one case"),
        pytest.param(agency(), {"states": ("failed",)}, id="a decision could not be carried out"),
    ],
)
def test_what_is_wrong_is_told(base, one, options):
    assert len(count(base, one, **options).faults) == 1
