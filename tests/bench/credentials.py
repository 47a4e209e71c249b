"""What proving who calls costs the server: a token, a signature, and neither; and what a refusal costs."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from notice_intake.auth import bearer, signing
from notice_intake.auth.signing import PrivateKey
from notice_intake.flows.agency_keys import add_public_key
from notice_intake.flows.mount import Mount

from .apps import prepared
from .documents import body
from .figures import Goal, Result, over, spread
from .servers import Database, Gunicorn, Postgres, gunicorn

ORIGIN = "https://platform.example"
SIGNATURE, BEARER = Goal(None, 1.35, most=True), Goal(None, 1.1, most=True)
REFUSED = Goal(None, 0.5, most=True)
_CONNECTIONS = 4
#: Makes the fields that carry the credentials of a request with a body.
Fields = Callable[[bytes], dict[str, str]]


@dataclass(slots=True)
class _Subject:
    name: str
    server: Gunicorn
    fields: Fields
    wanted: int = 201
    cpu: list[float] = field(default_factory=list)


def run(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Measure accepted and refused requests in interleaved rounds, on both databases."""
    rounds, requests = (5, 250) if quick else (60, 100)
    result = Result("Credentials")
    result.table.append(("request", "database", "CPU us"))
    for engine in ("SQLite", "PostgreSQL"):
        database = Database(engine, f"sqlite:///{where / 'auth.db'}") if engine == "SQLite" else server.database()
        _measure(result, database, rounds=rounds, requests=requests)
    result.notes.append(
        f"gunicorn, 2 workers of 4 threads, {_CONNECTIONS} connections, {rounds} interleaved rounds of {requests} "
        "requests made ready before; CPU counts the server's processes and PostgreSQL's. *Neither* is the same "
        "server, which takes these requests for the first agency's without proof. Answers are signed in all three. "
        "A refused request is shown to write no row in any table and nothing to the database's log (WAL)."
    )
    return result


def _measure(result: Result, database: Database, *, rounds: int, requests: int) -> None:
    mount, agency_id, token = prepared(database.url, database.schema)
    key = signing.new_ed25519()[0]
    add_public_key(mount, agency_id, key=key.public, now=mount.clock())
    os.environ["BENCH_PUBLIC_URL"] = ORIGIN
    try:
        with ExitStack() as stack:
            subjects = _subjects(mount, token, key, stack.enter_context(gunicorn("apps:open_app()", database)))
            for number in range(-1, rounds):
                # Each comes first, and last, in some round.
                for place in range(len(subjects)):
                    subject = subjects[(place + number) % len(subjects)]
                    count = requests if subject.wanted == 201 else requests // 2
                    _send(subject, mount, count if number >= 0 else 100)
    finally:
        del os.environ["BENCH_PUBLIC_URL"]
    for subject in subjects:
        del subject.cpu[0]
        result.table.append((subject.name, database.engine, spread(subject.cpu)))
    neither, by_token, signed, *refused = subjects
    name = f", CPU, {database.engine}"
    result.ratios.append(over(f"signature over token{name}", signed.cpu, by_token.cpu, SIGNATURE))
    result.ratios.append(over(f"token over neither{name}", by_token.cpu, neither.cpu, BEARER))
    for one in refused:
        accepted = signed if "signature" in one.name else by_token
        result.ratios.append(over(f"refused ({one.name}) over accepted{name}", one.cpu, accepted.cpu, REFUSED))
    mount.storage.dispose()


def _subjects(mount: Mount, token: str, key: PrivateKey, served: Gunicorn) -> list[_Subject]:
    unknown, _, _ = bearer.mint(mount.secrets.signer(bearer.PURPOSE))

    def signed(data: bytes) -> dict[str, str]:
        sent = {"Content-Type": "application/json"}
        url = f"{ORIGIN}/v1/referrals"
        return signing.sign_request(key, method="POST", url=url, headers=sent, body=data, created=int(time.time()))

    def spoiled(data: bytes) -> dict[str, str]:
        return signed(data) | {"Signature": signed(data)["Signature"]}

    def other_body(data: bytes) -> dict[str, str]:
        return signed(data + b" ")

    return [
        _Subject("neither", served, lambda _: {"X-Open": "yes"}),
        _Subject("token", served, lambda _: {"Authorization": f"Bearer {token}"}),
        _Subject("signature", served, signed),
        _Subject("no credentials", served, lambda _: {}, 401),
        _Subject("a forged token", served, lambda _: {"Authorization": f"Bearer {token[:-9]}AAAAAAAAA"}, 401),
        _Subject("an unknown token", served, lambda _: {"Authorization": f"Bearer {unknown}"}, 401),
        _Subject("a signature of something else", served, spoiled, 401),
        _Subject("a signature, another body", served, other_body, 401),
    ]


_numbers = iter(range(10**9))


def _send(subject: _Subject, mount: Mount, count: int) -> None:
    """Send requests that are ready before the clock starts; refused ones must leave nothing."""
    requests = []
    for _ in range(count):
        data = body(f"{next(_numbers):012d}")
        fields = {"Content-Type": "application/json", **subject.fields(data), "Content-Length": str(len(data))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        requests.append(f"POST /v1/referrals HTTP/1.1\r\nHost: platform.example\r\n{head}\r\n".encode() + data)
    rows, wal = _rows(mount), _wal(subject.server.database)
    before = subject.server.cpu()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=_connection, args=(subject.server.port, requests[part::_CONNECTIONS], statuses))
        for part in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subject.cpu.append((subject.server.cpu() - before) / count * 1e6)
    if statuses != [subject.wanted] * count:
        raise RuntimeError(f"{subject.name}: answered {sorted(set(statuses))}, {len(statuses)} of {count}")
    if subject.wanted != 201 and (_rows(mount), _wal(subject.server.database)) != (rows, wal):
        raise RuntimeError(f"{subject.name}: a refused request has written something")


def _connection(port: int, requests: Sequence[bytes], statuses: list[int]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire, wire.makefile("rb") as answers:
        for request in requests:
            wire.sendall(request)
            status, length = int(answers.readline().split()[1]), 0
            while (line := answers.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answers.read(length)
            statuses.append(status)


def _rows(mount: Mount) -> str:
    tables = mount.storage.tables.metadata.sorted_tables
    counts = [select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in tables]
    with mount.storage.read() as tx:
        return json.dumps(dict(tx.execute(select(*counts)).one()._mapping))


def _wal(database: Database) -> object:
    """How much was changed so far."""
    if database.engine == "SQLite":
        path = Path(database.url.removeprefix("sqlite:///"))
        files = [one.stat() for one in (path, path.with_name(path.name + "-wal"))]
        return [(one.st_size, one.st_mtime_ns) for one in files]
    # PostgreSQL's log moves for other schemas and for its own tidying too, and its counts of changes lag behind: there
    # the numbers of rows have to do.
    return None
