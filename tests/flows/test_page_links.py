"""One-time links and visits, on both engines."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import inspect, select

from notice_intake.core.journal import Actor
from notice_intake.errors import Conflict, CredentialsRefused, DocumentRefused, NotFound, SettingsError
from notice_intake.flows import agencies, agency_desk, page_links
from notice_intake.store import migrate, pages

INSTRUMENTS = ("eu.iru.referral",)


@pytest.fixture
def mount(house):
    return house.mount


@pytest.fixture
def unit(mount):
    return agencies.register(mount, "Unit", place="BE", instruments=INSTRUMENTS, now=mount.clock())


def made(mount, agency_id, **options):
    options.setdefault("purpose", "sign-in")
    return page_links.make(mount, agency_id, now=mount.clock(), **options)


def entries(mount, *actions):
    with mount.storage.read() as tx:
        table = tx.tables.journal
        rows = tx.execute(select(table).where(table.c.action.in_(actions)).order_by(table.c.id)).all()
    return [(row.action, row.actor_kind, row.payload.decode()) for row in rows]


def test_a_link_lets_one_person_in_once(mount, unit):
    link = made(mount, unit)
    assert page_links.look(mount, link.secret, now=mount.clock()).agency == "Unit"
    entered = page_links.enter(mount, link.secret, now=mount.clock())
    visit = page_links.visit_of(mount, entered.secret, now=mount.clock())
    assert (visit.agency.id, visit.link_id) == (unit, link.id)
    for again in (page_links.look, page_links.enter):
        with pytest.raises(CredentialsRefused):
            again(mount, link.secret, now=mount.clock())


def test_looking_spends_nothing(mount, unit):
    link = made(mount, unit)
    for _ in range(5):
        page_links.look(mount, link.secret, now=mount.clock())
    page_links.enter(mount, link.secret, now=mount.clock())


def test_of_two_who_press_the_button_at_once_one_comes_in(mount, unit):
    link = made(mount, unit)
    came, start = [], threading.Barrier(4)

    def press():
        start.wait()
        try:
            came.append(page_links.enter(mount, link.secret, now=mount.clock()).secret)
        except CredentialsRefused:
            came.append(None)

    pressing = [threading.Thread(target=press) for _ in range(4)]
    [one.start() for one in pressing]
    [one.join(30) for one in pressing]
    assert sorted(one is not None for one in came) == [False, False, False, True]


def test_a_link_runs_out(mount, unit, house):
    link = made(mount, unit, minutes=10)
    house.clock.advance(minutes=10)
    with pytest.raises(CredentialsRefused):
        page_links.enter(mount, link.secret, now=mount.clock())


@pytest.mark.parametrize("secret", ["", "x", "x" * 43, "x" * 5000, "é" * 43, "../" * 15])
def test_what_is_no_link_is_refused(mount, unit, secret):
    for call in (page_links.look, page_links.enter):
        with pytest.raises(CredentialsRefused):
            call(mount, secret, now=mount.clock())
    assert page_links.visit_of(mount, secret, now=mount.clock()) is None


def test_the_secret_of_a_link_opens_no_visit_and_the_other_way_round(mount, unit):
    link = made(mount, unit)
    assert page_links.visit_of(mount, link.secret, now=mount.clock()) is None
    entered = page_links.enter(mount, link.secret, now=mount.clock())
    with pytest.raises(CredentialsRefused):
        page_links.enter(mount, entered.secret, now=mount.clock())


def test_no_secret_stands_in_any_table(mount, unit):
    link = made(mount, unit)
    entered = page_links.enter(mount, link.secret, now=mount.clock())
    with mount.storage.read() as tx:
        for table in tx.tables.metadata.sorted_tables:
            text = repr(tx.execute(select(table)).all())
            assert link.secret not in text
            assert entered.secret not in text


def test_a_visit_ends_when_it_is_over_or_idle_or_left(mount, unit, house):
    def come():
        return page_links.enter(mount, made(mount, unit).secret, now=mount.clock()).secret

    idle, left = come(), come()
    page_links.leave(mount, page_links.visit_of(mount, left, now=mount.clock()), now=mount.clock())
    assert page_links.visit_of(mount, left, now=mount.clock()) is None
    house.clock.advance(minutes=61)
    assert page_links.visit_of(mount, idle, now=mount.clock()) is None
    busy = come()
    for _ in range(15):
        house.clock.advance(minutes=30)
        assert page_links.visit_of(mount, busy, now=mount.clock()) is not None
    house.clock.advance(minutes=30)
    assert page_links.visit_of(mount, busy, now=mount.clock()) is None


def test_coming_in_again_ends_the_visit_that_the_browser_had(mount, unit):
    first = page_links.enter(mount, made(mount, unit).secret, now=mount.clock())
    second = page_links.enter(mount, made(mount, unit).secret, now=mount.clock(), before=first.secret)
    assert page_links.visit_of(mount, first.secret, now=mount.clock()) is None
    assert page_links.visit_of(mount, second.secret, now=mount.clock()) is not None


def test_revoking_an_agency_ends_its_links_and_visits_too_and_nobody_elses(mount, unit):
    other = agencies.register(mount, "Other", place="FR", instruments=INSTRUMENTS, now=mount.clock())
    waiting, inside = made(mount, unit), page_links.enter(mount, made(mount, unit).secret, now=mount.clock())
    others = page_links.enter(mount, made(mount, other).secret, now=mount.clock())
    agencies.revoke(mount, unit, now=mount.clock())
    assert page_links.visit_of(mount, inside.secret, now=mount.clock()) is None
    assert page_links.visit_of(mount, others.secret, now=mount.clock()) is not None
    with pytest.raises(CredentialsRefused):
        page_links.enter(mount, waiting.secret, now=mount.clock())


def test_a_closed_agency_gets_no_link_and_its_visits_are_over(mount, unit):
    link, inside = made(mount, unit), page_links.enter(mount, made(mount, unit).secret, now=mount.clock())
    with mount.storage.begin() as tx:
        tx.execute(tx.tables.agency.update().values(active=False))
    assert page_links.visit_of(mount, inside.secret, now=mount.clock()) is None
    with pytest.raises(CredentialsRefused):
        page_links.enter(mount, link.secret, now=mount.clock())
    with pytest.raises(Conflict):
        made(mount, unit)


def test_a_link_opens_no_more_than_the_agencys_newest_token(mount, unit):
    scopes = frozenset({"referrals:read"})
    agencies.rotate(mount, unit, now=mount.clock(), scopes=scopes)
    entered = page_links.enter(mount, made(mount, unit).secret, now=mount.clock())
    assert page_links.visit_of(mount, entered.secret, now=mount.clock()).scopes == scopes
    agencies.rotate(mount, unit, now=mount.clock())
    keys = agency_desk.own_keys(mount, unit, now=mount.clock()).keys
    assert [set(key.scopes) for key in keys] == [set(scopes), set(scopes)]


def test_the_first_token_opens_what_the_onboarding_link_was_made_for(mount, unit):
    made(mount, unit, purpose="onboard", scopes=frozenset({"referrals:write"}))
    agencies.rotate(mount, unit, now=mount.clock())
    (key,) = agency_desk.own_keys(mount, unit, now=mount.clock()).keys
    assert key.scopes == ("referrals:write",)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"purpose": "other"}, SettingsError),
        ({"minutes": 0}, SettingsError),
        ({"minutes": 10_081}, SettingsError),
    ],
)
def test_a_link_that_cannot_be_is_not_made(mount, unit, options, error):
    with pytest.raises(error):
        made(mount, unit, **options)


def test_nobody_gets_a_link_for_an_agency_that_is_none(mount):
    with pytest.raises(NotFound):
        made(mount, "agy_none")


def test_the_journal_says_who_made_a_link_and_when_it_was_used(mount, unit):
    link = made(mount, unit, by=Actor("moderator", "m1", "Mona"))
    page_links.enter(mount, link.secret, now=mount.clock())
    (made_by, used_by) = entries(mount, "link.made", "link.used")
    assert made_by[:2] == ("link.made", "moderator")
    assert used_by[:2] == ("link.used", "agency")
    assert link.id in made_by[2]
    assert link.id in used_by[2]
    assert link.secret not in made_by[2] + used_by[2]


def test_what_ran_out_long_ago_is_forgotten(mount, unit, house):
    page_links.enter(mount, made(mount, unit).secret, now=mount.clock())
    house.clock.advance(days=40)
    made(mount, unit)
    with mount.storage.read() as tx:
        assert len(tx.execute(select(tx.tables.link)).all()) == 1
        assert tx.execute(select(tx.tables.visit)).all() == []
    with mount.storage.begin() as tx:
        pages.purge(tx, before=mount.clock() - timedelta(days=30))


def test_an_agency_is_added_once_by_name_and_country(mount, unit):
    with pytest.raises(DocumentRefused):
        agencies.register(mount, " Unit ", place="BE", instruments=INSTRUMENTS, now=mount.clock())


def test_a_key_says_when_it_was_last_used(house):
    agency = house.agency()
    key = agency_desk.own_keys(house.mount, agency.id, now=house.clock()).keys[0]
    assert key.used_at is None
    first = house.clock()
    assert agency.get("/v1/referrals").status_code == 200
    house.clock.advance(minutes=5)
    agency.get("/v1/referrals")
    assert agency_desk.own_keys(house.mount, agency.id, now=house.clock()).keys[0].used_at == first
    house.clock.advance(minutes=6)
    agency.get("/v1/referrals")
    assert agency_desk.own_keys(house.mount, agency.id, now=house.clock()).keys[0].used_at == house.clock()


def test_a_key_that_is_refused_was_not_used(house):
    agency = house.agency()
    agencies.revoke(house.mount, agency.id, now=house.clock())
    assert agency.get("/v1/referrals").status_code == 401
    with house.mount.storage.read() as tx:
        assert tx.execute(select(tx.tables.credential.c.used_at)).scalar_one() is None


def test_going_back_before_links_drops_their_tables(storage):
    migrate.downgrade(storage, "0003")
    with storage.connect() as connection:
        names = inspect(connection).get_table_names(schema=storage.tables.metadata.schema)
    assert not [name for name in names if name.endswith(("_link", "_visit"))]
