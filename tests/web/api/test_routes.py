"""What every answer under the prefix has in common, and what happens beside the paths that there are."""

from __future__ import annotations

import pytest
from door import PREFIX, check_problem
from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.auth import bearer
from notice_intake.contract.problems import explanations
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

ALLOWED = {
    "/v1/referrals": {"GET", "HEAD", "OPTIONS", "POST"},
    "/v1/referrals/bulk": {"OPTIONS", "POST"},
    "/v1/referrals/ref_1": {"GET", "HEAD", "OPTIONS"},
    "/v1/events": {"GET", "HEAD", "OPTIONS"},
    "/v1/problems/not-found": {"GET", "HEAD", "OPTIONS"},
    "/healthz": {"GET", "HEAD", "OPTIONS"},
    "/readyz": {"GET", "HEAD", "OPTIONS"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "WHATEVER")


def words(header: str) -> set[str]:
    return set(header.split(", "))


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has(door, path):
    for method in METHODS:
        answer = door.client.open(PREFIX + path, method=method, headers=door.one.headers)
        if method in ALLOWED[path] - {"OPTIONS"}:
            assert answer.status_code not in (404, 405) or path.endswith("ref_1"), method
            continue
        assert words(answer.headers["Allow"]) == ALLOWED[path]
        if method == "OPTIONS":
            assert (answer.status_code, answer.data) == (204, b"")
        elif method == "HEAD":
            assert (answer.status_code, answer.data) == (405, b"")
        else:
            check_problem(answer, status=405, slug="method-not-allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/none",
        "/v1/referrals/",
        "/v1/referrals/a/b",
        "/v1/referrals/bulk/",
        "/v1/v1/referrals",
        "/v1/%00",
        "/v1//referrals",
        "/v1/referrals//supplements",
        "/v1/referrals/%2F/supplements",
        "/v1///",
    ],
)
def test_an_unknown_path_under_the_prefix_is_ours_to_answer(door, path):
    for method in METHODS:
        answer = door.client.open(PREFIX + path, method=method, headers=door.one.headers)
        if method == "HEAD":
            assert (answer.status_code, answer.data) == (404, b"")
            continue
        check_problem(answer, status=404, slug="not-found")


def test_every_answer_carries_its_id_and_only_what_is_public_is_kept(door):
    ids = set()
    for path in (*ALLOWED, "/v1/none"):
        for headers in ({}, door.one.headers):
            answer = door.client.get(PREFIX + path, headers={**headers, "Origin": "https://elsewhere.example"})
            ids.add(answer.headers["X-Request-Id"])
            public = path.startswith("/v1/problems/")
            assert answer.headers["Cache-Control"] == ("public, max-age=3600" if public else "no-store")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
            assert "Set-Cookie" not in answer.headers
    assert len(ids) == 2 * (len(ALLOWED) + 1)


def test_requests_within_one_context_of_the_host_have_their_own_ids(door):
    with door.app.app_context():
        ids = {door.client.get(f"{PREFIX}/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_every_problem_is_explained_where_its_type_points(door):
    for slug, told in explanations().items():
        answer = door.client.get(f"{PREFIX}/v1/problems/{slug}")
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        assert answer.json == told
        assert "``" not in answer.get_data(as_text=True), "words for people, not for Sphinx"
    check_problem(door.client.get(f"{PREFIX}/v1/problems/none-such"), status=404, slug="not-found")


def test_a_type_can_be_followed_from_the_answer_that_names_it(door):
    problem = door.client.get(f"{PREFIX}/v1/referrals").json
    assert door.client.get(problem["type"]).json["title"] == problem["title"]


#: A prefix that looks like a part of our own paths, one deep one, and none at all.
PREFIXES = ["/api/v1/notices", "/v1/referrals", "/a/b/c", "/v1", ""]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("script", ["", "/mounted/v1/here"])
def test_links_hold_under_any_prefix_and_behind_a_proxy_path(tmp_path, prefix, script):
    app = Flask("host", instance_path=str(tmp_path))
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app, url_prefix=prefix or "/")
    client = app.test_client()
    base = f"http://localhost{script}"
    for path in ("/v1/referrals", "/v1/referrals/ref_1", "/v1/referrals/v1", "/v1/none/v1/x/v1/", "/v1/problems/none"):
        answer = client.get(prefix + path, base_url=base)
        slug = answer.json["type"].rpartition("/")[2]
        assert answer.json["type"] == f"{script}{prefix}/v1/problems/{slug}"
        assert client.get(answer.json["type"].removeprefix(script), base_url=base).json["title"] == answer.json["title"]
    refused = client.put(f"{prefix}/healthz", base_url=base)
    assert refused.json["type"] == f"{script}{prefix}/v1/problems/method-not-allowed"


def test_a_fault_of_ours_is_a_problem_without_a_word_of_its_cause(door, monkeypatch, caplog):
    from notice_intake.web.api import referrals

    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(referrals, "receive", broken)
    with door.nothing_stored():
        answer = door.one.refer()
        problem = check_problem(answer, status=500, slug="internal-error")
    assert "secret" not in answer.get_data(as_text=True)
    assert problem["instance"] in problem["detail"]
    assert any(problem["instance"] in record.getMessage() and record.exc_info for record in caplog.records)


@pytest.mark.parametrize("address", ["sqlite:///{}", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_is_down_is_a_503_that_says_when_to_come_back(address, tmp_path):
    app = Flask("host")
    address = address.format(tmp_path)
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "secret_keys": ("k" * 40,)}
    mount = NoticeIntake(**parts, storage=Storage.from_url(address)).init_app(app, url_prefix=PREFIX)
    token, _, _ = bearer.mint(mount.secrets.signer(bearer.PURPOSE))
    agency = FakeAgency(app.test_client(), token)
    answer = agency.refer()
    problem = check_problem(answer, status=503, slug="temporarily-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "127.0.0.1" not in answer.get_data(as_text=True)
    assert "null" not in problem["detail"]
    ready = agency.get("/readyz")
    assert (ready.status_code, ready.json) == (503, {"checks": {"database": "unreachable"}})
    assert agency.get("/healthz").status_code == 200
    mount.storage.dispose()


def test_it_is_ready_with_its_tables_and_with_a_worker_that_keeps_up(door):
    ready = door.client.get(f"{PREFIX}/readyz")
    assert (ready.status_code, ready.json["checks"]) == (
        200,
        {"database": "ok", "tables": "ok", "keys": "ok", "worker": "ok"},
    )
