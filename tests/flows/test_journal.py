"""The journal: what is changed in it is found at the right place, by whoever it was and however well they knew it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from desk import ONE, REMOVE, TWO, claim_next, decide_next, run_worker
from sqlalchemy import Text, cast, delete, insert, literal_column, select, text, update
from sqlalchemy.exc import DBAPIError

from notice_intake.auth import checkpoint
from notice_intake.errors import JournalBroken
from notice_intake.flows import checkpoints, claims, journal_about, sealing
from notice_intake.flows.journal_check import Anchor, check
from notice_intake.store import journal
from notice_intake.store.storage import Raced
from notice_intake.store.tables import make_tables


@pytest.fixture
def busy(house):
    """A house with some forty entries of every kind, under seven seals."""
    agency = house.agency()
    for number in range(1, 7):
        agency.refer(agency.document(f"https://platform.example/p{number}"))
        decide_next(house, REMOVE, ONE if number % 2 else TWO)
        run_worker(house, after=40)
        sealing.seal(house.mount, now=house.clock.now)
    agency.refer(agency.document("https://platform.example/p9"))
    claim_next(house)
    sealing.seal(house.mount, now=house.clock.now)
    return house


def as_attacker(house):
    """A transaction of somebody who owns the database: no trigger stops them."""
    return Unlocked(house.mount.storage)


class Unlocked:
    def __init__(self, storage):
        self.storage = storage

    def __enter__(self):
        self.open = self.storage.begin()
        tx = self.open.__enter__()
        prefix = tx.tables.journal.name.removesuffix("journal")
        schema = f"{tx.tables.metadata.schema}." if tx.tables.metadata.schema else ""
        for name in ("journal", "opening", "seal"):
            if tx.dialect == "sqlite":
                for verb in ("update", "delete"):
                    tx.execute(text(f"DROP TRIGGER IF EXISTS {prefix}{name}_no_{verb}"))
            else:
                tx.execute(text(f"ALTER TABLE {schema}{prefix}{name} DISABLE TRIGGER USER"))
        return tx

    def __exit__(self, *raised):
        return self.open.__exit__(*raised)


def entries(house):
    with house.mount.storage.read() as tx:
        return tx.execute(select(tx.tables.journal).order_by(tx.tables.journal.c.id)).all()


def all_seals(house):
    with house.mount.storage.read() as tx:
        return tx.execute(select(tx.tables.seal).order_by(tx.tables.seal.c.number)).all()


def kept(house):
    """What an agency or a sink has kept of the newest checkpoint."""
    signed = checkpoint.read(checkpoints.latest_text(house.mount))
    return Anchor(signed.checkpoint.size, signed.checkpoint.root, signed)


def flipped(value):
    """The value with its last byte, or bit, changed."""
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
    if isinstance(value, int):
        return value + 1
    return value + timedelta(microseconds=1)


def told(house, **options):
    return [one.text() for one in check(house.mount, **options).faults]


def test_what_nobody_touched_is_intact(busy):
    found = check(busy.mount, against=[kept(busy)])
    assert found.faults == []
    assert (found.entries, found.waiting, found.erased) == (len(entries(busy)), 0, 0)
    assert found.seals == len(all_seals(busy)) >= 7


@pytest.mark.parametrize("column", ["object", "action", "actor_kind", "actor_id", "at", "payload", "leaf"])
@pytest.mark.parametrize("which", [0, 9, -1])
def test_one_byte_changed_in_a_column_is_found_at_its_entry(busy, column, which):
    row = entries(busy)[which]
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        changed = {column: flipped(getattr(row, column))}
        tx.execute(update(table).where(table.c.id == row.id).values(changed))
    first = check(busy.mount).faults[0]
    assert first.entry == row.id
    assert column in first.text()


@pytest.mark.parametrize("column", ["object", "action", "actor_kind", "actor_id", "payload", "leaf"])
def test_no_byte_of_a_column_is_left_out(busy, column):
    row = entries(busy)[-3]
    value = getattr(row, column)
    # A payload is hashed as a whole: not each of its bytes is worth a check of all.
    for place in range(0, len(value), 17 if column == "payload" else 1):
        change(busy, row.id, {column: value[:place] + flipped(value[place : place + 1]) + value[place + 1 :]})
        first = check(busy.mount).faults[0]
        assert (first.entry, column in first.text()) == (row.id, True), place
    change(busy, row.id, {column: value})
    assert told(busy) == []


def test_every_byte_of_a_time_is_protected(busy):
    row = entries(busy)[-3]
    with busy.mount.storage.read() as tx:
        if tx.dialect == "postgresql":
            values = [row.at + timedelta(microseconds=1 << bit) for bit in range(50)]
            values += [literal_column(f"'{word}'::timestamptz") for word in ("infinity", "-infinity")]
        else:
            query = select(cast(tx.tables.journal.c.at, Text)).where(tx.tables.journal.c.id == row.id)
            at = tx.execute(query).scalar_one()
            places = range(len(at))
            values = [literal_column(f"'{at[:one]}{flipped(at[one])}{at[one + 1 :]}'") for one in places]
            # What the driver would read as the same time.
            values.append(literal_column(f"'{at.replace(' ', 'T')}'"))
    for value in values:
        change(busy, row.id, {"at": value})
        assert check(busy.mount).faults[0].text() == f"entry {row.id}: its column at is not what its bytes say"
    change(busy, row.id, {"at": row.at})
    assert told(busy) == []


def change(house, entry_id, values):
    with as_attacker(house) as tx:
        table = tx.tables.journal
        tx.execute(update(table).where(table.c.id == entry_id).values(values))


def test_a_digit_that_went_from_one_hash_to_the_next_is_found(busy):
    first, second = entries(busy)[3:5]
    change(busy, first.id, {"leaf": first.leaf[:-1]})
    # PostgreSQL holds no more than 64.
    most = 65 if busy.mount.storage.engine.dialect.name == "sqlite" else 64
    change(busy, second.id, {"leaf": (first.leaf[-1] + second.leaf)[:most]})
    assert {one.entry for one in check(busy.mount).faults} >= {first.id, second.id}


@pytest.mark.parametrize("leaf", ["", "00" * 31, "  " + "00" * 31, "zz" * 32, " " * 64])
def test_what_has_no_hash_is_not_sealed(house, leaf):
    from notice_intake.core.journal import SYSTEM, Entry

    with house.mount.storage.begin() as tx:
        journal.append(tx, [Entry(SYSTEM, "case.opened", f"cas_{n}", house.clock.now) for n in range(3)])
    before = len(all_seals(house))
    change(house, entries(house)[-2].id, {"leaf": leaf})
    with pytest.raises(JournalBroken, match="no leaf hash"):
        sealing.seal(house.mount, now=house.clock.now)
    assert len(all_seals(house)) == before


def test_a_row_id_that_was_changed_is_found_at_its_entry(busy):
    row = entries(busy)[4]
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        tx.execute(update(table).where(table.c.id == row.id).values(id=row.id + 10_000))
    assert check(busy.mount).faults[0].text() == f"entry {row.id}: it is missing"


@pytest.mark.parametrize("column", ["leaf", "person", "name", "salt", "facts"])
def test_one_byte_changed_in_an_opening_is_found(busy, column):
    with as_attacker(busy) as tx:
        table = tx.tables.opening
        row = tx.execute(select(table).where(table.c.person == "m-1").limit(1)).one()
        value = {"reason": "another"} if column == "facts" else flipped(getattr(row, column))
        tx.execute(update(table).where(table.c.leaf == row.leaf).values({column: value}))
    entry = next(one for one in entries(busy) if one.leaf == row.leaf)
    (fault,) = check(busy.mount).faults
    assert fault.entry == (None if column == "leaf" else entry.id)
    assert "opening" in fault.text()


@pytest.mark.parametrize(
    "column", ["number", "size", "entries", "root", "frontier", "mark", "gaps", "at", "checkpoint", "chain"]
)
@pytest.mark.parametrize("which", [2, -1])
def test_one_byte_changed_in_a_seal_is_found_at_it(busy, column, which):
    row = all_seals(busy)[which]
    with as_attacker(busy) as tx:
        table = tx.tables.seal
        value = row.number + 100 if column == "number" else flipped(getattr(row, column))
        tx.execute(update(table).where(table.c.number == row.number).values({column: value}))
    faults = check(busy.mount).faults
    assert faults
    if column != "number":
        assert row.number in {one.seal for one in faults[:2]}
        assert min(one.seal for one in faults if one.seal is not None) == row.number


def test_text_that_is_no_longer_utf_8_is_found_too(busy):
    if busy.mount.storage.tables.metadata.schema is not None:
        pytest.skip("PostgreSQL holds no text that is not UTF-8")
    row = entries(busy)[7]
    with as_attacker(busy) as tx:
        tx.execute(text("UPDATE ni_journal SET action = CAST(X'FF' || action AS TEXT) WHERE id = :id"), {"id": row.id})
        tx.execute(text("UPDATE ni_seal SET root = CAST(X'FF' || root AS TEXT) WHERE number = 3"))
        tx.execute(text("UPDATE ni_seal SET at = 'yesterday' WHERE number = 4"))
        tx.execute(text("UPDATE ni_opening SET facts = CAST(X'FF' AS TEXT) WHERE person = 'm-1'"))
    faults = check(busy.mount).faults
    assert "action" in next(one.text() for one in faults if one.entry == row.id)
    assert {3, 4} <= {one.seal for one in faults}


@pytest.mark.parametrize("which", [0, 10, -1])
def test_an_entry_that_was_deleted_is_named(busy, which):
    row = entries(busy)[which]
    with as_attacker(busy) as tx:
        tx.execute(delete(tx.tables.journal).where(tx.tables.journal.c.id == row.id))
    assert check(busy.mount).faults[0].text() == f"entry {row.id}: it is missing"


def test_two_entries_that_changed_places_are_found_in_their_seal(busy):
    one, two = entries(busy)[2], entries(busy)[3]
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        for place, row in ((one.id, two), (two.id, one)):
            values = {key: value for key, value in row._mapping.items() if key != "id"}
            tx.execute(update(table).where(table.c.id == place).values(values))
    (fault,) = check(busy.mount).faults
    assert fault.seal == 1
    assert "changed or moved" in fault.text()


def test_an_entry_whose_hash_was_made_to_fit_is_found_in_its_seal(busy):
    row = entries(busy)[5]
    payload = row.payload.replace(b'"object":"', b'"object":"')[:-1] + b"}"
    forged = payload.replace(b'"nonce":"', b'"nonce":"0')
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        leaf = hashlib.sha256(b"\0" + forged).hexdigest()
        tx.execute(update(table).where(table.c.id == row.id).values(payload=forged, leaf=leaf))
        tx.execute(update(tx.tables.opening).where(tx.tables.opening.c.leaf == row.leaf).values(leaf=leaf))
    (fault,) = check(busy.mount).faults
    assert fault.seal is not None
    assert "changed or moved" in fault.text()


def test_an_entry_that_was_slipped_in_is_found(busy):
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        row = entries(busy)[3]
        values = {**row._mapping, "id": -5}
        tx.execute(insert(table).values(values))
    (fault,) = check(busy.mount).faults
    assert (fault.entry, "under no seal" in fault.text()) == (-5, True)


def test_an_end_that_was_cut_off_shows_against_a_checkpoint_alone(busy):
    before, rows, sealed = kept(busy), entries(busy), all_seals(busy)
    with as_attacker(busy) as tx:
        last = sealed[-2]
        tx.execute(delete(tx.tables.seal).where(tx.tables.seal.c.number > last.number))
        gone = [row for row in rows if row.id > last.mark]
        tx.execute(delete(tx.tables.opening).where(tx.tables.opening.c.leaf.in_([row.leaf for row in gone])))
        tx.execute(delete(tx.tables.journal).where(tx.tables.journal.c.id > last.mark))
    assert gone
    assert told(busy) == []
    assert "the end was cut off" in told(busy, against=[before])[0]
    # Whoever goes on writing afterwards does not hide it.
    sealing.seal(busy.mount, now=busy.clock.now)
    house_entries = entries(busy)
    assert len(house_entries) < len(rows)
    assert told(busy, against=[Anchor(before.size, before.root)])


def test_a_journal_without_an_end_is_not_written_on(busy):
    sealed = all_seals(busy)[-1]
    with as_attacker(busy) as tx:
        table = tx.tables.seal
        tx.execute(update(table).where(table.c.number == sealed.number).values(frontier=flipped(sealed.frontier)))
    busy.agency("Unit Two").refer()
    assert sealing.keep_sealed(busy.mount, now=busy.clock.advance(minutes=1)) == 0
    assert len(all_seals(busy)) == sealed.number


def test_a_journal_that_was_written_anew_shows_against_a_checkpoint_alone(busy):
    before, rows = kept(busy), entries(busy)
    with as_attacker(busy) as tx:
        for table in (tx.tables.seal, tx.tables.opening, tx.tables.journal):
            tx.execute(delete(table))
        forged = []
        for row in rows:
            payload = row.payload.replace(b"no_action", b"removed")
            payload = payload.replace(b'"commitments":{"actor"', b'"commitments":{"actos"')
            leaf = hashlib.sha256(b"\0" + payload).hexdigest()
            forged.append({**row._mapping, "payload": payload, "leaf": leaf})
        tx.execute(insert(tx.tables.journal), forged)
    sealing.seal(busy.mount, now=busy.clock.now)
    assert told(busy) == []
    again = told(busy, against=[before])
    assert any("another journal" in one for one in again)
    assert any("written anew" in one or "cut off" in one for one in again)
    assert told(busy, against=[Anchor(before.size, before.root)])


def test_a_checkpoint_of_somebody_else_is_refused(busy):
    before = kept(busy)
    forged = before.signed.text.replace(before.signed.text.split("\n")[1] + "\n", "1\n", 1)
    signed = checkpoint.read(forged)
    assert "not signed" in told(busy, against=[Anchor(1, signed.checkpoint.root, signed)])[0]


def test_what_waits_for_a_seal_is_said_and_is_no_fault(busy):
    busy.agency("Unit Three").refer()
    found = check(busy.mount)
    assert (found.faults, found.waiting) == ([], 2)


def test_erasing_who_it_was_leaves_the_journal_intact(busy):
    before = kept(busy)
    count = journal_about.forget(busy.mount, person="m-1", now=busy.clock.now)
    assert count
    found = check(busy.mount, against=[before])
    assert (found.faults, found.erased) == ([], count)
    with busy.mount.storage.read() as tx:
        left = str(tx.execute(select(tx.tables.opening)).all()) + str([row.payload for row in entries(busy)])
    assert "Moderator One" not in left
    assert not re.search(r"(?<![\w-])m-1(?![\w-])", left)
    assert "Moderator Two" in left
    assert [one.action for one in journal_about.about(busy.mount, "journal")] == ["journal.forgotten"]


def test_erasing_what_a_case_was_about_leaves_other_cases_alone(busy):
    house = busy
    case_id = claim_next(house) or house_case(house)
    claims.take_over(house.mount, case_id, moderator=lead(), reason="On my way home.", now=house.clock.now)
    assert any(one.facts.get("reason") == "On my way home." for one in journal_about.about(house.mount, case_id))
    assert journal_about.forget(house.mount, object_id=case_id, now=house.clock.now)
    assert not any("reason" in one.facts for one in journal_about.about(house.mount, case_id))
    assert any(
        one.actor_name == "Moderator Two"
        for row in entries(house)
        for one in journal_about.about(house.mount, row.object)
    )
    assert check(house.mount).faults == []


def lead():
    from desk import LEAD

    return LEAD


def house_case(house):
    return next(row.object for row in reversed(entries(house)) if row.action == "case.claimed")


def test_no_name_and_no_text_stands_in_an_entry(busy):
    claims.take_over(
        busy.mount, house_case(busy), moderator=lead(), reason="A reason with a name in it.", now=busy.clock.now
    )
    payloads = b"".join(row.payload for row in entries(busy))
    for private in (b"Moderator", b"m-1", b"Lead", b"A reason", b"Unit One", b"platform.example", b"Seen."):
        assert private not in payloads


@pytest.mark.parametrize("name", ["journal", "seal", "opening"])
@pytest.mark.parametrize("verb", ["update", "delete", "truncate"])
def test_triggers_refuse_what_changes_the_journal(busy, name, verb):
    storage = busy.mount.storage
    table = getattr(storage.tables, name)
    sqlite = storage.tables.metadata.schema is None
    if verb == "truncate" and sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    if name == "opening" and verb != "update":
        return
    column = {"journal": "action", "seal": "root", "opening": "name"}[name]
    changed = {"update": update(table).values({column: "x"}), "delete": delete(table)}
    statement = changed.get(verb, text(f"TRUNCATE {table.fullname}"))
    with pytest.raises((Raced, DBAPIError)) as raised, storage.begin() as tx:
        tx.execute(statement)
    cause = raised.value.__cause__ if isinstance(raised.value, Raced) else raised.value
    assert "the journal is never changed" in str(cause)
    assert check(busy.mount).faults == []


def test_tables_that_a_host_makes_itself_have_the_triggers_too(database):
    from sqlalchemy import create_engine

    url, schema = database
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    tables = make_tables("own_", schema)
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        values = {"leaf": "0" * 64, "person": "m-1", "name": "One", "salt": b"0" * 16, "facts": {}}
        connection.execute(insert(tables.opening).values(values))
    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.execute(update(tables.opening).values(name="Two"))
    with engine.begin() as connection:
        assert connection.execute(delete(tables.opening)).rowcount == 1
        tables.metadata.drop_all(connection)
    engine.dispose()


def test_the_receipt_and_the_callbacks_carry_the_newest_checkpoint(make_house, receiver):
    import base64

    house = make_house(public_url="https://platform.example/notices")
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    sent = set()
    take = receiver.take
    receiver.take = lambda headers, body: (sent.add(headers["notice-intake-checkpoint"]), take(headers, body))[1]
    first = agency.refer(agency.document("https://platform.example/p1")).json
    assert first["journal"]["checkpoint"] is None
    sealing.seal(house.mount, now=house.clock.now)
    second = agency.refer(agency.document("https://platform.example/p2")).json
    assert second["journal"]["checkpoint"] == checkpoints.latest_text(house.mount)
    jwks = house.client.get("/notices/v1/keys").json
    signed = checkpoint.read(second["journal"]["checkpoint"])
    assert signed.checkpoint.origin.startswith("platform.example/notices/journal/")
    from notice_intake.auth import ed25519

    assert signed.holds(checkpoint.keys_by_id(signed.checkpoint.origin, jwks), ed25519.verify)
    run_worker(house)
    assert receiver.rejected == []
    got = checkpoint.read(base64.b64decode(sent.pop()).decode())
    assert got.checkpoint.size >= signed.checkpoint.size


def test_the_entry_of_a_receipt_is_the_one_that_is_journalled(house):
    agency = house.agency()
    receipt = agency.refer().json
    (row,) = [one for one in entries(house) if one.action == "referral.received"]
    assert receipt["journal"]["leaf"] == row.leaf == hashlib.sha256(b"\0" + row.payload).hexdigest()
    with house.mount.storage.read() as tx:
        body = tx.execute(select(tx.tables.referral.c.body)).scalar_one()
    salt = bytes.fromhex(receipt["journal"]["salt"])
    value = hashlib.sha256(body).hexdigest()
    commitment = hashlib.sha256(b"notice-intake:commitment:1\n" + salt + b"body_sha256\n" + value.encode())
    assert json.loads(row.payload)["facts"]["body"] == commitment.hexdigest()


def test_checkpoints_go_to_the_file_and_to_listeners(make_house, tmp_path):
    from notice_intake import signals

    file = tmp_path / "checkpoints"
    house = make_house(checkpoint_file=str(file))
    heard = []
    listener = lambda mount, **facts: heard.append(facts)  # noqa: E731
    signals.journal_sealed.connect(listener)
    for name in ("One", "Two"):
        house.agency(name)
        sealing.seal(house.mount, now=house.clock.now)
    signals.journal_sealed.disconnect(listener)
    read = list(checkpoint.read_all(file.read_text()))
    assert [one.text for one in read] == [one["checkpoint"] for one in heard]
    assert [one.checkpoint.size for one in read] == [1, 2]
    assert told(house, against=[Anchor(one.checkpoint.size, one.checkpoint.root, one) for one in read]) == []


def test_a_file_that_cannot_be_written_stops_nothing(make_house, tmp_path):
    folder = tmp_path / "none"
    folder.mkdir()
    house = make_house(checkpoint_file=str(folder / "checkpoints"))
    folder.rmdir()
    house.agency()
    assert sealing.seal(house.mount, now=house.clock.now) == 1


def test_the_worker_seals_by_itself_and_not_too_often(house):
    agency = house.agency()
    run_worker(house)
    assert len(all_seals(house)) == 1
    agency.refer()
    run_worker(house, after=3)
    assert len(all_seals(house)) == 1
    run_worker(house, after=10)
    assert len(all_seals(house)) == 2
    assert check(house.mount).waiting == 0


def test_a_clock_that_jumps_back_stops_no_seal_and_dates_none_before_another(house):
    house.agency()
    sealing.seal(house.mount, now=house.clock.now)
    house.agency("Unit Two")
    house.clock.advance(hours=-5)
    run_worker(house)
    first, second = all_seals(house)
    assert second.at == first.at
    assert check(house.mount).faults == []


def test_entries_from_before_there_were_seals_still_verify(house):
    payload = (
        b'{"action":"case.claimed","actor":{"id":"m-7","kind":"moderator"},'
        b'"at":"2026-01-02T03:04:05.000006+00:00","facts":{},"object":"cas_1"}'
    )
    leaf = hashlib.sha256(b"notice-intake:journal:leaf:1\n" + payload).hexdigest()
    with house.mount.storage.begin() as tx:
        at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        values = {"object": "cas_1", "action": "case.claimed", "actor_kind": "moderator", "actor_id": "m-7", "at": at}
        tx.execute(insert(tx.tables.journal).values(**values, payload=payload, leaf=leaf))
        tx.execute(insert(tx.tables.opening).values(leaf=leaf, person="m-7", name="Seven", salt=b"", facts={}))
    house.agency()
    sealing.seal(house.mount, now=house.clock.now)
    assert check(house.mount).faults == []
    assert journal_about.about(house.mount, "cas_1")[0].actor_name == "Seven"
    with as_attacker(house) as tx:
        tx.execute(update(tx.tables.journal).values(actor_id="m-8").where(tx.tables.journal.c.leaf == leaf))
    assert "actor_id" in told(house)[0]


def test_many_entries_go_through_in_batches(house, monkeypatch):
    from notice_intake.core.journal import SYSTEM, Entry
    from notice_intake.flows import journal_entries

    monkeypatch.setattr(sealing, "BATCH", 7)
    monkeypatch.setattr(journal_entries, "_TOGETHER", 5)
    for count in (1, 6, 7, 8, 20, 300):
        with house.mount.storage.begin() as tx:
            journal.append(tx, [Entry(SYSTEM, "case.opened", f"cas_{n}", house.clock.now) for n in range(count)])
        assert sealing.seal(house.mount, now=house.clock.now) == count
    assert check(house.mount, against=[kept(house)]).faults == []
    row = entries(house)[100]
    with as_attacker(house) as tx:
        tx.execute(delete(tx.tables.journal).where(tx.tables.journal.c.id == row.id))
    assert told(house)[0] == f"entry {row.id}: it is missing"


def test_a_driver_that_is_not_known_is_read_all_the_same(busy, monkeypatch):
    from notice_intake.store import seals

    monkeypatch.setattr(seals, "_known_driver", lambda tx: False)
    assert check(busy.mount, against=[kept(busy)]).faults == []
    row = entries(busy)[5]
    with as_attacker(busy) as tx:
        table = tx.tables.journal
        tx.execute(update(table).where(table.c.id == row.id).values(at=flipped(row.at)))
    assert check(busy.mount).faults[0].text() == f"entry {row.id}: its column at is not what its bytes say"


@pytest.mark.parametrize("isolation", ["default", "strict"])
def test_the_sessions_of_a_host_seal_and_check(database, isolation):
    from flask import Flask
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    from notice_intake import NoticeIntake, Storage
    from notice_intake.core.journal import SYSTEM, Entry
    from notice_intake.store import migrate
    from notice_intake.testing import FakeModerators, FakePlatform

    url, schema = database
    options = {"isolation_level": "REPEATABLE READ"} if isolation == "strict" and schema else {}
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), **options)
    storage = Storage.from_sessionmaker(sessionmaker(engine), schema=schema)
    migrate.upgrade(storage)
    hooks = {"platform": FakePlatform(), "moderators": FakeModerators()}
    mount = NoticeIntake(**hooks, storage=storage, secret_keys=("k" * 40,)).init_app(Flask("host"))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    for count in (3, 1):
        with storage.begin() as tx:
            journal.append(tx, [Entry(SYSTEM, "case.opened", f"cas_{n}", at, private={"x": "y"}) for n in range(count)])
        assert sealing.seal(mount, now=at) == count
    found = check(mount)
    assert (found.faults, found.entries, found.waiting) == ([], 4, 0)
    engine.dispose()
