"""Storage in a host's own database, and referrals that join a transaction of the host's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hosting import OURS, address, agency_of, counted, intake, upgraded
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select
from sqlalchemy.orm import scoped_session, sessionmaker

from notice_intake import Storage, signals
from notice_intake.errors import ReferenceTaken
from notice_intake.flows.receive import Submission, receive
from notice_intake.store import agencies

ticket = Table("ticket", MetaData(), Column("id", Integer, primary_key=True), Column("note", String(40)))


class Host:
    """A host with an engine and a table of its own, in which our tables stand too."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url)
        self.session = sessionmaker(self.engine)
        ticket.create(self.engine)
        self.app = Flask("host")
        guest = intake(storage=Storage.from_sessionmaker(self.session))
        self.mount = guest.init_app(self.app)
        upgraded(self.app)
        self.agency = agency_of(self.app, self.mount)
        with self.mount.storage.read() as tx:
            self.known = agencies.find(tx, self.agency.id)  # type: ignore[attr-defined]

    def submission(self, *links: str, **changes: Any) -> Submission:
        document = self.agency.document(*links, **changes)
        return Submission(document, json.dumps(document).encode(), "form")

    def receive(self, session: Any, submission: Submission | None = None) -> Any:
        """Join the host's transaction."""
        now = self.mount.clock()
        return receive(self.mount, submission or self.submission(), agency=self.known, now=now, session=session)

    def stored(self) -> list[int]:
        """Rows of ticket, referral, case, item, outbox and journal, as others see them. The journal's first is ours."""
        counts = counted(
            self.url, "ticket", *(f"ni_{name}" for name in ("referral", "case", "item", "outbox", "journal"))
        )
        return [*counts[:-1], counts[-1] - 1]


@pytest.fixture
def host(database: tuple[str, str | None]) -> Iterator[Host]:
    made = Host(address(database))
    yield made
    made.engine.dispose()


@pytest.fixture
def heard(host: Host) -> Iterator[list[str]]:
    """What a listener of the host was told."""
    told: list[str] = []

    def listener(_mount: Any, *, referral_id: str, **_facts: Any) -> None:
        told.append(referral_id)

    signals.referral_received.connect(listener, sender=host.mount)
    yield told
    signals.referral_received.disconnect(listener, sender=host.mount)


def test_a_host_on_its_own_sessionmaker_receives_over_http(host):
    receipt = host.agency.refer()
    assert receipt.status_code == 201
    assert host.stored() == [0, 1, 1, 1, 1, 1]
    assert host.agency.refer({**host.agency.document(), "language": "?"}).status_code == 422
    assert host.stored() == [0, 1, 1, 1, 1, 1]


def test_a_joined_referral_is_flushed_and_never_committed(host, heard):
    with host.session() as session:
        session.execute(ticket.insert(), {"note": "with a referral"})
        received = host.receive(session)
        assert host.stored() == [0] * 6, "nobody else sees it yet"
        table = host.mount.storage.tables.referral
        assert session.execute(select(table.c.id)).scalars().all() == [received.referral_id]
        assert not heard
        session.commit()
    assert host.stored() == [1, 1, 1, 1, 1, 1]
    assert heard == [received.referral_id]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_rollback_of_the_host_takes_everything_back(host, heard, first):
    """Also where ours are the first statements: a driver that begins late would have kept them."""
    with host.session() as session:
        if first == "theirs":
            session.execute(ticket.insert(), {"note": "before"})
        host.receive(session)
        session.execute(ticket.insert(), {"note": "after"})
        session.rollback()
        assert host.stored() == [0] * 6
        # The same session goes on to other work, of which nobody must hear the wrong thing.
        session.execute(ticket.insert(), {"note": "later"})
        session.commit()
    assert host.stored() == [1, 0, 0, 0, 0, 0]
    assert not heard


def test_a_session_that_is_closed_instead_takes_everything_back(host, heard):
    session = host.session()
    host.receive(session)
    session.close()
    session.execute(ticket.insert(), {"note": "later"})
    session.commit()
    assert host.stored() == [1, 0, 0, 0, 0, 0]
    assert not heard
    session.close()


def test_signals_wait_for_the_outermost_commit(host, heard):
    with host.session() as session:
        session.execute(ticket.insert(), {"note": "first"})
        with session.begin_nested():
            with session.begin_nested():
                received = host.receive(session)
            assert not heard, "a savepoint was released"
        assert not heard, "the outer one too"
        session.commit()
        assert heard == [received.referral_id]
        session.execute(ticket.insert(), {"note": "second"})
        session.commit()
    assert heard == [received.referral_id], "told once"


def test_what_a_savepoint_takes_back_is_never_told(host, heard):
    with host.session() as session:
        session.execute(ticket.insert(), {"note": "first"})
        kept = host.receive(session)
        for depth in (1, 2):
            outer = session.begin_nested()
            if depth == 2:
                with session.begin_nested():
                    host.receive(session)
            else:
                host.receive(session)
            outer.rollback()
        also_kept = host.receive(session)
        session.commit()
    assert sorted(heard) == sorted([kept.referral_id, also_kept.referral_id])
    assert host.stored()[:2] == [1, 2]


def test_a_refusal_leaves_the_hosts_transaction_as_it_was(host, heard):
    taken = host.submission()
    with host.session() as session:
        host.receive(session, taken)
        session.commit()
    with host.session() as session:
        session.execute(ticket.insert(), {"note": "before"})
        other = Submission({**taken.document, "language": "fr"}, b"other bytes", "form")
        with pytest.raises(ReferenceTaken):
            host.receive(session, other)
        session.execute(ticket.insert(), {"note": "after"})
        session.commit()
    assert host.stored()[:2] == [2, 1]
    assert len(heard) == 1


def test_a_scoped_session_is_a_session(host, heard):
    """``db.session`` of Flask-SQLAlchemy is one."""
    scoped = scoped_session(host.session)
    received = host.receive(scoped)
    scoped.commit()
    assert heard == [received.referral_id]
    scoped.remove()
    # Nothing was hung on the host's sessions in general.
    with host.session() as session:
        assert not list(session.dispatch.after_commit)
        session.execute(ticket.insert(), {"note": "another"})
        session.commit()
    assert heard == [received.referral_id]


def test_a_session_used_for_long_does_not_gather_listeners(host):
    with host.session() as session:
        for _ in range(5):
            host.receive(session)
            session.commit()
        assert len(list(session.dispatch.after_commit)) <= 1


def test_two_transactions_of_the_host_that_meet_on_one_content_both_succeed(host):
    """The second finds the case that the first has just opened, and joins it: its own transaction goes on."""
    link = "https://platform.example/p55"
    first, second = host.submission(link), host.submission(link)
    opened, failures = threading.Event(), []

    def late() -> None:
        try:
            with host.session() as session:
                session.execute(select(ticket.c.id))
                opened.wait(10)
                host.receive(session, second)
                session.execute(ticket.insert(), {"note": "late"})
                session.commit()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=late)
    thread.start()
    with host.session() as session:
        host.receive(session, first)
        session.execute(ticket.insert(), {"note": "early"})
        opened.set()
        thread.join(0.5)  # it waits for this transaction now, or finds it locked and tries again
        session.commit()
    thread.join(30)
    assert not failures
    assert host.stored()[:3] == [2, 2, 1]


def test_flask_sqlalchemy_from_request_to_carried_out(database):
    flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy", reason="Flask-SQLAlchemy is not installed")
    db = flask_sqlalchemy.SQLAlchemy()
    guest = intake(storage=Storage.from_flask_sqlalchemy(db), undo_seconds=0)

    def create() -> Flask:
        app = Flask("host")
        app.config["SQLALCHEMY_DATABASE_URI"] = address(database)
        db.init_app(app)
        guest.init_app(app)
        return app

    app = create()
    mount = app.extensions[OURS]["notice_intake"]
    upgraded(app)
    agency = agency_of(app, mount)
    receipt = agency.refer(agency.document("https://platform.example/p7"))
    assert receipt.status_code == 201
    with app.app_context():
        _decide(mount)
        document = agency.document()
        with mount.storage.read() as tx:
            known = agencies.find(tx, agency.id)
        submission = Submission(document, json.dumps(document).encode(), "form")
        receive(mount, submission, agency=known, now=mount.clock(), session=db.session)
        db.session.rollback()
        received = receive(mount, submission, agency=known, now=mount.clock(), session=db.session)
        db.session.commit()
    worked = app.test_cli_runner().invoke(args=["notice-intake", "work", "--once"])
    assert worked.exit_code == 0, worked.output
    assert [action.content_key for action in mount.platform.applied.values()] == ["p7"]
    assert agency.get(receipt.json["status_path"]).json["items"][0]["status"] == "effected"
    assert agency.get(f"/v1/referrals/{received.referral_id}").status_code == 200
    lines = "\n".join(json.dumps(agency.document()) for _ in range(3))
    headers = {**agency.headers, "Content-Type": "application/x-ndjson"}
    answered = app.test_client().post("/notices/v1/referrals/bulk", data=lines, headers=headers)
    assert [json.loads(line)["status"] for line in answered.data.splitlines()] == [201, 201, 201]
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def _decide(mount: Any) -> None:
    from notice_intake.core.decisions import Draft
    from notice_intake.core.queue import QueueFilter
    from notice_intake.flows import claims, decide, desk_queries

    moderator, now = mount.moderators.moderator, mount.clock()
    draft = Draft(
        outcome="removed",
        ground_kind="terms",
        ground_reference="Terms, 4.2",
        facts="Seen.",
        explanation="Falls under the clause.",
        category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    )
    case_id = claims.claim_next(mount, QueueFilter(), moderator=moderator, now=now)
    version = desk_queries.case_file(mount, case_id, moderator=moderator, now=now).row.version
    decide.decide(mount, case_id, draft, moderator=moderator, version=version, now=now)
