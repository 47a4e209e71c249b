"""``notice-intake``: the client on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from requests.auth import AuthBase

from . import bulk_command, commands, proof_command
from .bearer import BearerAuth
from .commands import UsageError
from .conformance import command as conformance
from .errors import IntakeError
from .intake import IntakeClient
from .terminal import complain, show_error

if TYPE_CHECKING:
    from .answers import AnswerKeys

_EPILOG: Final = """\
The platform's address is taken from --base-url or NOTICE_INTAKE_URL, the token from --token-file or
NOTICE_INTAKE_TOKEN; a token on the command line would stand in every list of processes. With --key requests are
signed instead.

exit codes:
  0  done
  1  refused: by the platform, a callback that is not the platform's, or a proof that proves nothing; conformance:
     a rule is broken
  2  the command was not understood, or a file cannot be read
  3  the credentials are not accepted, or do not open this
  4  the platform cannot be reached, does not answer now, or not as it should
  5  bulk: some lines were stored and some were not
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    args = _parser().parse_args(argv)
    try:
        if args.run in (commands.verify, proof_command.verify_proof, conformance.run):
            return int(args.run(args))
        if args.run is commands.keys and args.new is not None:
            return commands.make_key(args)
        with _client(args) as client:
            return int(args.run(client, args))
    except UsageError as error:
        complain(f"notice-intake: {error}")
        return commands.USAGE
    except IntakeError as error:
        show_error(error, as_json=args.json)
        return commands.exit_code(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone: what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _client(args: argparse.Namespace) -> IntakeClient:
    base = args.base_url or os.environ.get("NOTICE_INTAKE_URL")
    if not base:
        raise UsageError("give the platform's address with --base-url, or in NOTICE_INTAKE_URL")
    try:
        client = IntakeClient(base, _auth(args), allow_http=args.allow_http)
    except ValueError as error:
        raise UsageError(str(error)) from None
    keys = _answers(args)
    return client if keys is None else client.pin(keys)


def _auth(args: argparse.Namespace) -> AuthBase:
    """Return what signs, where a key is given: no token is needed beside it."""
    if args.key is not None:
        signer: AuthBase = commands.signature_auth(args)
        return signer
    if args.key_id is not None:
        raise UsageError("--key-id is the name of the key that --key holds")
    if args.token_file is not None:
        token = commands.read_bytes(args.token_file).decode("ascii", "replace").strip()
    else:
        token = os.environ.get("NOTICE_INTAKE_TOKEN", "").strip()
    if not token:
        raise UsageError("give the token with --token-file or in NOTICE_INTAKE_TOKEN, or a key that signs with --key")
    return BearerAuth(token)


def _answers(args: argparse.Namespace) -> AnswerKeys | None:
    if args.platform_keys is None:
        return None
    commands.signing_parts()
    from .answers import AnswerKeys

    try:
        found = AnswerKeys(json.loads(commands.read_bytes(args.platform_keys)))
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise UsageError(f"{args.platform_keys} holds no keys as 'notice-intake keys --json' writes them") from None
    return found


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="write JSON, a document a line")
    remote = argparse.ArgumentParser(add_help=False, parents=[shared])
    remote.add_argument("--base-url", metavar="URL", help="the platform's address, without /v1")
    remote.add_argument("--token-file", metavar="FILE", help="the file that the token stands in")
    remote.add_argument("--key", metavar="FILE", help="sign each request with this private key, in PEM; no token then")
    remote.add_argument("--key-id", metavar="ID", help="what the platform knows the key by; else its thumbprint")
    remote.add_argument(
        "--platform-keys", metavar="FILE", help="refuse answers that none of these keys signed; from keys --json"
    )
    remote.add_argument("--allow-http", action="store_true", help="allow an address without TLS, in a closed network")
    parser = argparse.ArgumentParser(
        prog="notice-intake",
        description="Refer illegal content to a platform that uses notice_intake, and hear what became of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    known = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _sending(known, remote)
    _following(known, remote)
    _messages(known, remote)
    _verifying(known, shared, remote)
    conformance.add(known, shared)
    return parser


def _add(known: Any, name: str, run: Any, *, parent: argparse.ArgumentParser, says: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = known.add_parser(
        name, parents=[parent], help=says, description=says, allow_abbrev=False
    )
    made.set_defaults(run=run)
    return made


def _sending(known: Any, remote: argparse.ArgumentParser) -> None:
    one = _add(
        known, "submit", commands.submit, parent=remote, says="send a referral; the same file again is stored once"
    )
    one.add_argument("file", metavar="FILE", help="the referral, JSON; - for the standard input")
    _key_option(one)
    many = _add(known, "bulk", bulk_command.bulk, parent=remote, says="send referrals, one a line")
    many.add_argument("file", metavar="FILE", help="the referrals, NDJSON; - for the standard input")


def _following(known: Any, remote: argparse.ArgumentParser) -> None:
    status = _add(known, "status", commands.status, parent=remote, says="say where a referral stands")
    status.add_argument("referral", metavar="REF", help="the id that stands in its receipt")
    watch = _add(known, "watch", commands.watch, parent=remote, says="write events as they come, until it is stopped")
    watch.add_argument("--after", metavar="PLACE", help="where to begin: the place of an earlier event")
    watch.add_argument("--place-file", metavar="FILE", help="begin where this file says, and keep the place in it")
    watch.add_argument("--interval", metavar="SECONDS", type=_seconds, default=30.0, help="30 unless it is given")
    watch.add_argument("--once", action="store_true", help="stop when nothing more has happened")


def _messages(known: Any, remote: argparse.ArgumentParser) -> None:
    answer = _add(known, "answer", commands.answer, parent=remote, says="answer a question, or add facts")
    answer.add_argument("referral", metavar="REF")
    text = answer.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", help="what you say")
    text.add_argument("--text-file", metavar="FILE", help="the file that it stands in; - for the standard input")
    about = answer.add_mutually_exclusive_group()
    about.add_argument("--question", metavar="ID", help="the question; may be left out where only one is open")
    about.add_argument("--facts", action="store_true", help="this answers no question")
    withdraw = _add(known, "withdraw", commands.withdraw, parent=remote, says="take back a referral, or items of it")
    withdraw.add_argument("referral", metavar="REF")
    withdraw.add_argument("--reason", required=True, metavar="TEXT", help="why")
    withdraw.add_argument("--item", action="append", metavar="REFERENCE", help="your reference of an item; repeatable")
    for one in (answer, withdraw):
        one.add_argument("--sequence", type=int, metavar="N", help="refuse this if the referral has changed since N")
        _key_option(one)


def _verifying(known: Any, shared: argparse.ArgumentParser, remote: argparse.ArgumentParser) -> None:
    verify = _add(known, "verify", commands.verify, parent=shared, says="verify a callback that was written to files")
    verify.add_argument("--headers", required=True, metavar="FILE", help="a Name: value a line, or a JSON object")
    verify.add_argument("--body", required=True, metavar="FILE", help="the body, byte by byte")
    verify.add_argument(
        "--secret-file", metavar="FILE", help="the callback secret, or several; else NOTICE_INTAKE_WEBHOOK_SECRET"
    )
    verify.add_argument("--at", metavar="TIME", help="when it arrived; now, unless it is given")
    verify.add_argument("--tolerance", metavar="SECONDS", type=_seconds, default=300.0, help="300 unless it is given")
    proof = _add(
        known, "verify-proof", proof_command.verify_proof, parent=shared, says="check a proof from the journal"
    )
    proof.add_argument("file", metavar="FILE", help="the proof that the platform has handed over")
    proof.add_argument("--keys", required=True, metavar="FILE", help="the platform's keys, as keys --json wrote them")
    proof.add_argument("--receipt", metavar="FILE", help="your receipt: the proof must be of its entry")
    proof.add_argument("--body", metavar="FILE", help="what you sent, byte by byte; needs the receipt")
    proof.add_argument("--checkpoint", action="append", metavar="FILE", help="one that you have kept; repeatable")
    keys = _add(known, "keys", commands.keys, parent=remote, says="write the platform's public keys, or make your own")
    keys.add_argument("--new", metavar="FILE", help="make a key that signs requests, and write it to this file")


def _key_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--idempotency-key", metavar="KEY", help="made of what is sent, unless it is given")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value
