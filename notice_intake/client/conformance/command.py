"""``notice-intake conformance``."""

from __future__ import annotations

import argparse
import os
import time
from argparse import Namespace
from typing import Any
from urllib.parse import urlsplit

from requests.auth import AuthBase

from .. import commands
from ..bearer import BearerAuth
from ..commands import NOT_AUTHORIZED, OK, REFUSED, UNREACHABLE, UsageError
from ..intake import checked_address
from ..terminal import complain, dump, say
from .door import Door, OutOfTime, Reply
from .listener import Listener
from .rules import Broken
from .runner import FAILED, NOT_TRIED, PASSED, Report, Result, check, chosen

_MARKS = {PASSED: "pass", FAILED: "FAIL", NOT_TRIED: "  - "}
SAYS = "check a deployment against the contract, rule by rule"
_EPILOG = """\
Referrals are sent, so name the platform's sandbox. Rules that need more than a token are not tried without it: a second
agency's token, a key that signs, an address for callbacks.

exit codes:
  0  every rule that was tried holds
  1  a rule is broken
  2  the command was not understood, or this is no sandbox
  3  the credentials are not accepted, or do not open the instrument
  4  the platform cannot be reached, or the time limit ended it
"""


def add(known: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to a parser's."""
    made = known.add_parser(
        "conformance",
        parents=[shared],
        help=SAYS,
        description=SAYS,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.set_defaults(run=run)
    made.add_argument(
        "url", metavar="URL", nargs="?", help="the sandbox's address, without /v1; else NOTICE_INTAKE_URL"
    )
    made.add_argument("--token", help="the token, for a sandbox: everybody on the machine can read it here")
    made.add_argument(
        "--token-file", metavar="FILE", help="the file that the token stands in; else NOTICE_INTAKE_TOKEN"
    )
    made.add_argument("--other-token-file", metavar="FILE", help="the token of a second agency")
    made.add_argument("--key", metavar="FILE", help="the private key in PEM, of an agency that may sign")
    made.add_argument("--key-id", metavar="ID", help="what the platform knows the key by; else its thumbprint")
    made.add_argument("--callback-url", metavar="URL", help="where the platform reaches this machine")
    made.add_argument("--listen", metavar="HOST:PORT", help="where to listen for that; else what --callback-url says")
    made.add_argument("--instrument", default="eu.iru.referral", choices=_INSTRUMENTS, help="%(default)s")
    made.add_argument("--only", action="append", default=[], metavar="RULE", help="a rule or a group; repeatable")
    made.add_argument("--list", action="store_true", help="list the rules and where each comes from; send nothing")
    made.add_argument("--time-limit", type=float, default=300.0, metavar="SECONDS", help="for all of it; 300")
    made.add_argument("--patience", type=float, default=30.0, metavar="SECONDS", help="for what a worker does; 30")
    made.add_argument(
        "--largest-body", type=int, default=1_048_576, metavar="BYTES", help="the platform's limit; 1 MiB"
    )
    made.add_argument("--not-a-sandbox", action="store_true", help="go on where referrals reach moderators")
    made.add_argument("--allow-http", action="store_true", help="allow an address without TLS, in a closed network")


_INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice")


def run(args: Namespace) -> int:
    """Check a deployment; return the exit code."""
    try:
        rules = chosen(args.only)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.list:
        for one in rules:
            if args.json:
                dump({"rule": one.id, "title": one.title, "source": one.source})
            else:
                say(one.id, one.title, f"({one.source})")
        return OK
    door = _door(args)
    try:
        code = _enter(door, args)
        return code if code is not None else _told(check(door, rules, tell=_teller(args)), door, args)
    finally:
        if door.listener is not None:
            door.listener.close()
        door.session.close()


def _enter(door: Door, args: Namespace) -> int | None:
    """Ask one thing before all others; return the code to end with, None to go on."""
    try:
        reply: Reply = door.get("/v1/referrals?limit=1")
    except OutOfTime:
        return None  # every rule says so; nothing more is sent
    except Broken as broken:
        complain(f"notice-intake: {door.base} cannot be reached: {broken.came}")
        return UNREACHABLE
    if reply.status == 401:
        complain("notice-intake: the credentials are not accepted")
        return NOT_AUTHORIZED
    door.sandbox = reply.headers.get("Notice-Intake-Sandbox") == "?1"
    if not door.sandbox and not args.not_a_sandbox:
        raise UsageError(
            f"{door.base} does not say that it is a sandbox (Notice-Intake-Sandbox: ?1): what is sent there may reach "
            "moderators. Name the sandbox, or say --not-a-sandbox."
        )
    return _may_refer(door)


def _may_refer(door: Door) -> int | None:
    """Send one referral: that the token lacks the instrument is no fault of the platform, and would look like many."""
    try:
        reply: Reply = door.refer(door.document())
        refused = reply.status == 403 and str(reply.object().get("type", "")).endswith("/instrument-not-allowed")
    except (Broken, OutOfTime):
        return None  # every rule says so
    if not refused:
        return None
    complain(
        f"notice-intake: these credentials may not use the instrument {door.instrument}: name one that they may with "
        "--instrument, or ask the platform to open it"
    )
    return NOT_AUTHORIZED


def _told(report: Report, door: Door, args: Namespace) -> int:
    counts = {state: report.count(state) for state in (PASSED, FAILED, NOT_TRIED)}
    if args.json:
        dump(
            {"url": door.base, "sandbox": door.sandbox, "late": report.late}
            | {k.replace(" ", "_"): v for k, v in counts.items()}
        )
    else:
        late = "; the time limit was reached" if report.late else ""
        say(f"{counts[PASSED]} rules hold, {counts[FAILED]} are broken, {counts[NOT_TRIED]} were not tried{late}")
    return REFUSED if counts[FAILED] else UNREACHABLE if report.late else OK


def _teller(args: Namespace) -> Any:
    def tell(result: Result) -> None:
        if args.json:
            dump(result.document())
            return
        say(_MARKS[result.state], result.rule.id, result.rule.title)
        if result.state == FAILED:
            say("      expected", result.expected)
            say("      came    ", result.came)
            say("      see     ", result.rule.source)
        elif result.state == NOT_TRIED:
            say(f"      not tried: {result.came}")

    return tell


def _door(args: Namespace) -> Door:
    try:
        base = checked_address(args.url or os.environ.get("NOTICE_INTAKE_URL", ""), allow_http=args.allow_http)
    except ValueError as error:
        raise UsageError(str(error)) from None
    signer = commands.signature_auth(args) if args.key is not None else None
    token = args.token or (_token(args.token_file) if args.token_file else os.environ.get("NOTICE_INTAKE_TOKEN", ""))
    if not token and signer is None:
        raise UsageError("give the token with --token-file or --token, or a key with --key")
    return Door(
        base,
        _bearer(token) if token else signer,
        signer=signer,
        other=_bearer(_token(args.other_token_file)) if args.other_token_file else None,
        listener=_listener(args),
        instrument=args.instrument,
        largest=args.largest_body,
        patience=args.patience,
        until=time.monotonic() + args.time_limit,
    )


def _bearer(token: str) -> AuthBase:
    try:
        return BearerAuth(token.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None


def _token(name: str) -> str:
    return commands.read_bytes(name).decode("ascii", "replace").strip()


def _listener(args: Namespace) -> Listener | None:
    if args.callback_url is None:
        return None
    try:
        parts = urlsplit(f"//{args.listen}" if args.listen else args.callback_url)
        address = parts.hostname or "", parts.port or 0
    except ValueError:
        raise UsageError("--listen takes an address such as 127.0.0.1:8099") from None
    if not address[0] or not address[1]:
        raise UsageError("say with --listen HOST:PORT where to listen for what comes to --callback-url")
    listener = Listener(args.callback_url, address)
    try:
        listener.open()
    except OSError as error:
        raise UsageError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
    return listener
