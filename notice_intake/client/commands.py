"""What each command does; the return value is its exit code."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ..errors import KeyNotUsable
from .callbacks import verify_callback
from .errors import IntakeError, RateLimited, Unavailable, Unreachable
from .intake import IntakeClient
from .messages import Message
from .terminal import complain, dump, say, show_event, show_items, show_receipt, show_status

OK, REFUSED, USAGE, NOT_AUTHORIZED, UNREACHABLE, PARTLY_REFUSED = range(6)


class UsageError(Exception):
    """The command cannot begin: something is missing or cannot be read."""


def submit(client: IntakeClient, args: Namespace) -> int:
    """Send a referral. The same file again gets the same receipt: its key is made of its bytes."""
    body = read_bytes(args.file)
    receipt = client.submit(body, key=args.idempotency_key or _key("submit", body))
    if args.json:
        dump(receipt.raw)
    else:
        show_receipt(receipt)
    return OK


def status(client: IntakeClient, args: Namespace) -> int:
    """Say where a referral stands."""
    found = client.status(args.referral)
    if args.json:
        dump(found.raw)
    else:
        show_status(found)
    return OK


def watch(client: IntakeClient, args: Namespace) -> int:
    """Write events as they come. While the platform is away it waits, but for ``--once``."""
    stop = _stopped_by_signals()
    place = _read_place(args.place_file) or args.after
    while not stop.is_set():
        try:
            for event in client.events(place) if args.once else client.watch(place, interval=args.interval, stop=stop):
                if args.json:
                    dump({**event.raw, "place": event.place})
                else:
                    show_event(event)
                if event.place != place:
                    place = event.place
                    _write_place(args.place_file, place)
            break
        except (Unreachable, Unavailable, RateLimited) as error:
            if args.once:
                raise
            complain(f"{error.code}: {error.detail}")
            asked = error.retry_after.total_seconds() if error.retry_after is not None else 0.0
            stop.wait(max(args.interval, asked))
    return OK


def answer(client: IntakeClient, args: Namespace) -> int:
    """Answer a question, or add facts."""
    text, question = _text(args), args.question
    if question is None and not args.facts:
        open_ones = [one.id for one in client.status(args.referral).questions if one.answered_at is None]
        if len(open_ones) != 1:
            found = f"has {len(open_ones)} open questions" if open_ones else "has no open question"
            raise UsageError(f"{args.referral} {found}: name one with --question, or add facts with --facts")
        question = open_ones[0]
    key = args.idempotency_key or _key("answer", args.referral.encode(), (question or "").encode(), text.encode())
    return _said(client.supplement(args.referral, text=text, answers=question, sequence=args.sequence, key=key), args)


def withdraw(client: IntakeClient, args: Namespace) -> int:
    """Take back a referral, or some of its items."""
    named = [one.encode() for one in args.item or ()]
    key = args.idempotency_key or _key("withdraw", args.referral.encode(), args.reason.encode(), *named)
    return _said(
        client.withdraw(args.referral, reason=args.reason, items=args.item, sequence=args.sequence, key=key), args
    )


def keys(client: IntakeClient, args: Namespace) -> int:
    """Write the platform's public keys."""
    found = client.keys()
    if args.json:
        dump({"keys": found})
        return OK
    for one in found:
        say(*(one.get(name) for name in ("kid", "kty", "crv", "alg")))
    return OK


def make_key(args: Namespace) -> int:
    """Make a key that signs requests; write what the platform has to be given."""
    signing = signing_parts()
    try:
        made = signing.new_key(Path(args.new))
    except FileExistsError:
        raise UsageError(f"{args.new} is there already, and a key is never written over") from None
    except OSError as error:
        raise UsageError(f"{args.new}: {error.strerror}") from None
    if args.json:
        dump({"keyid": made.key_id, "algorithm": made.public.algorithm, "jwk": json.loads(made.public.jwk)})
        return OK
    say("keyid", made.key_id)
    print(signing.public_pem(made), end="", flush=True)
    complain(f"{args.new} is the private key: keep it to yourself. Give the public one above to the platform.")
    return OK


def signing_parts() -> Any:
    """Return what signs, which needs more than ``requests``."""
    try:
        return import_module(f"{__package__}.signing")
    except ModuleNotFoundError as missing:
        raise UsageError(f"signing needs {missing.name}: pip install cryptography http-message-signatures") from None


def signature_auth(args: Namespace) -> Any:
    """Return what signs with the key that was named."""
    signing, pem = signing_parts(), read_bytes(args.key)
    password = os.environ.get("NOTICE_INTAKE_KEY_PASSWORD", "").encode() or None
    try:
        return signing.SignatureAuth(pem, key_id=args.key_id, password=password)
    except KeyNotUsable as error:
        raise UsageError(f"{args.key}: {error.detail}") from None


def verify(args: Namespace) -> int:
    """Verify a callback that was written to files."""
    secrets = _secrets(args)
    at = _moment(args.at) if args.at is not None else None
    headers, body = _headers(read_bytes(args.headers)), read_bytes(args.body)
    try:
        event = verify_callback(headers, body, secrets, now=at, tolerance=args.tolerance)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.json:
        dump({"id": event.id, **event.raw})
    else:
        show_event(event)
    return OK


def read_bytes(name: str) -> bytes:
    """Read a file, or the standard input for ``-``."""
    with opened(name) as (file, _):
        return file.read()


def _said(message: Message, args: Namespace) -> int:
    if args.json:
        dump(message.raw)
        return OK
    say(message.id, message.kind, f"sequence {message.sequence}", "(stored before)" if message.replayed else None)
    show_items(message.items)
    return OK


@contextmanager
def opened(name: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open a file, with its size where it has one."""
    if name == "-":
        yield sys.stdin.buffer, None
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115  only the opening is guarded
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
    with file:
        yield file, os.fstat(file.fileno()).st_size or None


def _key(*parts: bytes | str) -> str:
    """Return an idempotency key that depends on what is sent alone: typing a command twice does it once."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return f"cli:{digest.hexdigest()}"


def _text(args: Namespace) -> str:
    if args.text is not None:
        return str(args.text)
    try:
        return read_bytes(args.text_file).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError(f"{args.text_file}: the text must be in UTF-8") from None


def _secrets(args: Namespace) -> list[str]:
    if args.secret_file is not None:
        found = read_bytes(args.secret_file).decode("ascii", "replace").split()
    else:
        found = os.environ.get("NOTICE_INTAKE_WEBHOOK_SECRET", "").split()
    if not found:
        raise UsageError("give the callback secret with --secret-file, or in NOTICE_INTAKE_WEBHOOK_SECRET")
    return found


def _headers(raw: bytes) -> Mapping[str, str]:
    """Read headers: a JSON object, or a ``Name: value`` a line."""
    text = raw.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        pairs = [line.partition(":") for line in text.splitlines() if ":" in line]
        return _Headers((name.strip(), value.strip()) for name, _, value in pairs)
    if not isinstance(found, dict):
        raise UsageError("the headers must be a JSON object, or a Name: value a line")
    return {name: value for name, value in found.items() if isinstance(value, str)}


class _Headers(dict[str, str]):
    """Headers of a file; one that stands there twice stays twice, so that it is refused and not chosen from."""

    def __init__(self, pairs: Iterator[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            self[name.upper() if name in self else name] = value


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("--at takes a time such as 2025-03-02T09:12:00Z") from None
    return found.replace(tzinfo=found.tzinfo or UTC)


def _stopped_by_signals() -> threading.Event:
    """Return what the first signal sets; the second ends the process."""
    stop = threading.Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return stop


def _read_place(name: str | None) -> str | None:
    if name is None or not Path(name).exists():
        return None
    try:
        return Path(name).read_text("utf-8").strip() or None
    except (OSError, ValueError):
        raise UsageError(f"{name}: cannot be read") from None


def _write_place(name: str | None, place: str | None) -> None:
    """Keep the place, whole at every moment."""
    if name is None or place is None:
        return
    new = Path(name + ".new")
    try:
        new.write_text(place + "\n", "utf-8")
        new.replace(name)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None


def exit_code(error: IntakeError) -> int:
    """Return the code that an error ends with."""
    codes = {"not-authorized": NOT_AUTHORIZED, "unsendable": USAGE}
    codes |= dict.fromkeys(("rate-limited", "unavailable", "unreachable", "bad-answer", "answer-refused"), UNREACHABLE)
    return codes.get(error.code, REFUSED)
