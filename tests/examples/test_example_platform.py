"""Harbour carries decisions out once, takes them back, and shows on its own pages what it did."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event, func, select

from examples.flask_app import action_day, population
from examples.flask_app.app import create_app
from examples.flask_app.models import Account, Copy, Media, Message, Post
from examples.flask_app.notices import HarbourPlatform
from notice_intake import PlatformRefused
from notice_intake.core.actions import Action, Statement
from notice_intake.core.codes import GroundKind, Outcome, TargetKind
from notice_intake.core.links import canonical_link
from notice_intake.core.targets import Hash, Target
from notice_intake.testing import assert_platform_conforms


@pytest.fixture(scope="module")
def day():
    return action_day.build(220)


@pytest.fixture
def app(tmp_path, monkeypatch, day):
    monkeypatch.setenv("HARBOUR_INSTANCE", str(tmp_path))
    app = create_app()
    day.population.save(app.extensions["harbour"])
    yield app
    app.extensions["harbour"].engine.dispose()


@pytest.fixture
def db(app):
    return app.extensions["harbour"]


@pytest.fixture
def platform(app, db):
    return HarbourPlatform(db, app.config["HOSTS"])


@pytest.fixture
def client(app):
    return app.test_client()


def live(day, kind):
    return next(one for one in day.population.subjects if one.kind == kind and one.presence == "live")


def link(url):
    return Target(TargetKind.URL, url=url, link=canonical_link(url))


def action(subject, outcome, *territories, decision="dec_1"):
    table = {"video": "media", "image": "media"}.get(subject.kind, subject.kind)
    return Action(
        outcome=Outcome(outcome),
        content_key=f"{table}:{subject.id}",
        target=link(subject.link),
        territories=territories,
        case_id="cas_1",
        decision_id=decision,
    )


def seen(client, subject, country):
    """The status of a page as seen from a country."""
    return client.get(f"{subject.path}{'&' if '?' in subject.path else '?'}country={country}").status_code


def test_harbour_keeps_what_notice_intake_relies_on(platform, day):
    unknown = next(one for one in day.population.subjects if one.presence == "unknown" and one.kind == "post")
    assert_platform_conforms(platform, known=live(day, "video").link, unknown=unknown.link)


def test_all_the_ways_to_name_a_video_lead_to_one_content(platform, day):
    video = live(day, "video")
    id = video.id
    urls = [
        f"https://harbour.example/watch?v={id}",
        f"hxxps://harbour[.]example/watch?v={id}",
        f"https://HARBOUR.example/watch?utm_source=mail&v={id}#t=30",
        f"http://m.harbour.example/w/{id}",
    ]
    file = Target(TargetKind.FILE, hashes=(Hash("md5", "0" * 32), Hash("sha-256", video.sha256)))
    contents = platform.resolve([*map(link, urls), file])
    assert {content.key for content in contents} == {f"media:{id}"}
    assert contents[0].live
    assert contents[0].kind == "video"
    assert any(part.url and part.url.startswith("/staff/") for part in contents[0].parts)


def test_an_account_is_found_by_id_handle_and_link(platform, day):
    account = live(day, "account")
    targets = [
        Target(TargetKind.ACCOUNT, id=account.id),
        Target(TargetKind.ACCOUNT, handle=account.name),
        link(f"https://harbour.example/@{account.name}"),
    ]
    assert {content.key for content in platform.resolve(targets)} == {f"account:{account.id}"}


def test_what_harbour_never_had_and_what_is_elsewhere_is_none_and_what_is_gone_is_not_live(platform, day):
    unknown = next(one for one in day.population.subjects if one.presence == "unknown")
    gone = next(one for one in day.population.subjects if one.presence == "gone")
    found = platform.resolve([link(unknown.link), link("https://elsewhere.example/post/1"), link(gone.link)])
    assert found[:2] == [None, None]
    assert found[2] is not None
    assert not found[2].live


def test_a_hundred_targets_are_resolved_with_one_query_a_column(platform, db, day):
    statements = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    contents = platform.resolve([link(one.link) for one in day.population.subjects[:100]])
    assert sum(content is not None for content in contents) > 90
    assert sum(one.startswith("SELECT") for one in statements) <= 5


@pytest.mark.parametrize(
    ("kind", "outcome", "territories", "status", "elsewhere"),
    [
        ("post", "removed", (), 410, 410),
        ("video", "access_disabled", ("BE", "PL"), 451, 200),
        ("image", "access_disabled", (), 451, 451),
        ("account", "account_terminated", (), 410, 410),
        ("account", "account_suspended", (), 410, 410),
        ("channel", "removed", (), 410, 410),
    ],
)
def test_what_is_decided_shows_on_the_page_and_taking_it_back_undoes_it(
    platform, client, day, kind, outcome, territories, status, elsewhere
):
    subject = live(day, kind)
    assert client.get(subject.path).status_code == 200
    platform.apply(action(subject, outcome, *territories), key="k1")
    assert seen(client, subject, "BE") == status
    assert seen(client, subject, "FR") == elsewhere
    platform.revert(action(subject, outcome, *territories), key="k2")
    assert seen(client, subject, "BE") == 200


def test_restricted_visibility_keeps_the_page_and_takes_it_off_every_list(platform, client, day, db):
    post = live(day, "post")
    with db.session() as session:
        author = session.get(Account, session.get(Post, post.id).author_id).handle

    def listed():
        page = client.get(f"/@{author}?before=2017-04-26").text
        return f'href="{post.path}"' in page

    platform.apply(action(post, "visibility_restricted"), key="k1")
    answer = client.get(post.path)
    assert (answer.status_code, answer.headers["X-Robots-Tag"]) == (200, "noindex")
    assert not listed()


def test_the_same_key_again_changes_nothing_and_gets_the_same_answer(platform, client, day):
    post = live(day, "post")
    first = platform.apply(action(post, "removed"), key="k1")
    platform.revert(action(post, "removed"), key="k2")
    assert platform.apply(action(post, "removed"), key="k1") == first
    assert client.get(post.path).status_code == 200


def test_taking_one_decision_back_leaves_the_other_in_force(platform, client, day):
    video = live(day, "video")
    platform.apply(action(video, "removed", decision="dec_1"), key="k1")
    platform.apply(action(video, "access_disabled", "BE", decision="dec_2"), key="k2")
    platform.revert(action(video, "removed", decision="dec_1"), key="k3")
    assert client.get(video.path).status_code == 200
    assert seen(client, video, "BE") == 451


def test_an_account_measure_on_a_post_is_about_whoever_posted_it(platform, client, day, db):
    post = live(day, "post")
    with db.session() as session:
        author = session.get(Account, session.get(Post, post.id).author_id).handle
    platform.apply(action(post, "account_suspended"), key="k1")
    assert client.get(f"/@{author}").status_code == 410
    assert client.get(post.path).status_code == 410


def test_what_is_not_there_is_refused_for_good(platform, day):
    unknown = next(one for one in day.population.subjects if one.presence == "unknown")
    with pytest.raises(PlatformRefused):
        platform.apply(action(unknown, "removed"), key="k1")


def test_taking_a_decision_back_does_not_bring_back_what_its_uploader_took_down(platform, client, day):
    gone = next(one for one in day.population.subjects if one.presence == "gone")
    platform.apply(action(gone, "removed"), key="k1")
    platform.revert(action(gone, "removed"), key="k2")
    assert client.get(gone.path).status_code == 410


def test_a_copy_is_kept_once_and_holds_no_password(platform, db, day):
    account = live(day, "account")
    first = platform.capture(f"account:{account.id}")
    assert platform.capture(f"account:{account.id}") == first
    assert platform.capture("account:nobody") is None
    with db.session() as session:
        assert session.scalar(select(func.count()).select_from(Copy)) == 1
        body = session.get(Copy, first.sha256).body
    assert account.name in body
    assert "password" not in body


def test_the_uploader_finds_the_reasons_in_the_inbox_once_and_no_agency_in_them(platform, client, app, db):
    with db.session() as session:
        marina = session.scalar(select(Account).filter_by(handle="marina"))
    statement = Statement(
        outcome=Outcome.REMOVED,
        territories=(),
        ground_kind=GroundKind.TERMS,
        ground_reference="Terms, 4.2",
        facts="The picture was looked at.",
        explanation="It falls under the clause.",
        category="",
        decided_at=population.DAWN,
    )
    for _ in range(2):
        platform.inform(marina.id, statement, key="k1")
    page = client.get("/login").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    form = {"form_token": token, "next": "/inbox", "handle": "marina", "password": population.PASSWORD}
    inbox = client.post("/login", data=form, follow_redirects=True).text
    assert inbox.count("The picture was looked at.") == 1
    assert "By our terms: Terms, 4.2" in inbox
    with db.session() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 1


@pytest.mark.parametrize("where", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_the_log_in_leads_nowhere_else(client, where):
    page = client.get("/login", query_string={"next": where}).text
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    form = {"form_token": token, "next": where, "handle": "marina", "password": population.PASSWORD}
    assert client.post("/login", data=form).location == "/"


def test_a_wrong_password_and_a_form_from_elsewhere_are_refused(client):
    page = client.get("/login").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    wrong = {"form_token": token, "handle": "marina", "password": "high-water"}
    assert client.post("/login", data=wrong).status_code == 401
    assert client.post("/login", data=wrong | {"form_token": "x"}).status_code == 400


def test_pictures_for_the_desk_are_for_staff_alone(client, db):
    with db.session() as session:
        media = session.scalar(select(Media).limit(1))
    assert client.get(f"/staff/media/{media.id}.svg").status_code == 404
    page = client.get("/login").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    client.post("/login", data={"form_token": token, "handle": "ana", "password": population.PASSWORD})
    assert client.get(f"/staff/media/{media.id}.svg").mimetype == "image/svg+xml"


def test_every_kind_of_page_is_shown(client, day):
    assert client.get("/").status_code == 200
    for kind in ("post", "video", "image", "account", "channel"):
        assert client.get(live(day, kind).path).status_code == 200
    assert client.get("/post/nothing").status_code == 404
