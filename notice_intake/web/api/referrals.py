"""Referrals in, status out."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import IO

from flask import Response, request

from ...contract.queries import EventsQuery, ReferralsQuery
from ...contract.strict_json import read_json
from ...core.referrals import parse_time
from ...errors import NotFound
from ...flows import status
from ...flows.agencies import Caller
from ...flows.bulk import Origin, receive_lines
from ...flows.evidence import keep_stream
from ...flows.mount import Mount
from ...flows.receive import Received, Submission, receive
from ...store.agencies import Agency
from .. import bodies
from ..problems import root, this_request
from .access import STREAMS, agency_of, storing
from .answers import Created, json_response
from .conditions import etag_of, idempotency_key
from .limiting import Spending

View = Callable[..., Response]
MountOf = Callable[[], Mount]
#: What an id of ours can look like: no database is asked about anything else.
_ID = re.compile(r"[A-Za-z0-9_]{1,40}")
#: Answers to a bulk stream stay in memory up to this, then go to a file.
_SPOOL = 1_048_576


def post(mount_of: MountOf) -> View:
    """``POST /v1/referrals``: one referral; 201 with its receipt."""

    def view() -> Response:
        mount, sent = mount_of(), this_request()
        now = mount.clock()

        def store(caller: Caller) -> Received:
            bodies.require(sent, "application/json")
            once = idempotency_key(sent)
            body = bodies.held(sent, limit=mount.settings.max_body_bytes)
            submission = Submission(read_json(body), body, mount.settings.channel, once, signed=caller.signed)
            return receive(mount, submission, agency=caller.agency, now=now, presumed=caller.presumed)

        received = storing(mount, sent, scope="referrals:write", now=now, store=store, presume=True)
        headers = {"Idempotency-Replayed": "true"} if received.replayed else {}
        receipt = _sandboxed(mount, received.receipt)
        return Created(receipt, location=f"{root()}/v1/referrals/{received.referral_id}", headers=headers)

    return view


def bulk(mount_of: MountOf) -> View:
    """``POST /v1/referrals/bulk``: a referral a line; an answer a line, in order.

    The answers are held back until the last line is in: a client that writes everything before it reads anything
    would otherwise fill both sockets and wait for ever.
    """

    def view() -> Response:
        mount = mount_of()

        def store(caller: Caller) -> tuple[Agency, str | None]:
            bodies.require(request, *STREAMS)
            if caller.signed is None:
                return caller.agency, None
            # It was read, within its limit, when its digest was checked.
            body = bodies.held(request, limit=0)
            return caller.agency, keep_stream(mount, caller.signed, body=body, now=mount.clock())

        agency, signature_id = storing(mount, request, scope="referrals:write", now=mount.clock(), store=store)
        lines = bodies.lines(request, limit=mount.settings.max_line_bytes)
        answers = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115  closed by the response
        origin = Origin(root(), signature_id)
        allowance = Spending(mount, agency.id)
        digest = hashlib.sha256()
        stored = receive_lines(mount, lines, agency=agency, clock=mount.clock, origin=origin, allowance=allowance)
        for answer in stored:
            told = _sandboxed_lines(mount, answer)
            answers.write(told)
            digest.update(told)
        length = answers.tell()
        answers.seek(0)
        response = Response(_chunks(answers), 200, content_type="application/x-ndjson", direct_passthrough=True)
        response.content_length = length
        response.headers["Content-Digest"] = f"sha-256=:{b64encode(digest.digest()).decode()}:"
        return response

    return view


def show(mount_of: MountOf) -> View:
    """``GET /v1/referrals/{id}``: one referral of one's own."""

    def view(referral_id: str) -> Response:
        mount = mount_of()
        agency = agency_of(mount, request, scope="referrals:read", now=mount.clock())
        if _ID.fullmatch(referral_id) is None:
            raise NotFound
        document = status.referral(mount, referral_id, agency=agency)
        response = json_response(document | _marked(mount))
        response.headers["ETag"] = etag_of(document)
        response.make_conditional(request)
        return response

    return view


def index(mount_of: MountOf) -> View:
    """``GET /v1/referrals``: one's own referrals, by time of their last change."""

    def view() -> Response:
        mount = mount_of()
        agency = agency_of(mount, request, scope="referrals:read", now=mount.clock())
        wanted = ReferralsQuery.read(request.args.to_dict(flat=False))
        since = parse_time(wanted["updated_since"]) if "updated_since" in wanted else None
        cursor, limit = wanted.get("cursor"), wanted["limit"]
        referrals, cursor = status.page(mount, agency=agency, since=since, cursor=cursor, limit=limit)
        headers = {"Link": f'<{root()}/v1/referrals?cursor={cursor}&limit={limit}>; rel="next"'} if cursor else {}
        listed = [one | _marked(mount) for one in referrals]
        return json_response({"referrals": listed, "next": cursor}, headers=headers)

    return view


def events(mount_of: MountOf) -> View:
    """``GET /v1/events?after=``: what the callbacks said, to be asked for again."""

    def view() -> Response:
        mount = mount_of()
        agency = agency_of(mount, request, scope="referrals:read", now=mount.clock())
        wanted = EventsQuery.read(request.args.to_dict(flat=False))
        found, place = status.events(mount, agency=agency, after=wanted.get("after"), limit=wanted["limit"])
        return json_response({"events": found, "next": place})

    return view


def _marked(mount: Mount) -> dict[str, bool]:
    """Return what stands in each referral of a sandbox beside the rest."""
    return {"sandbox": True} if mount.sandbox else {}


def _sandboxed(mount: Mount, receipt: str) -> str:
    """Return a receipt, which says so where it is one of a sandbox."""
    return f'{receipt[:-1]},"sandbox":true}}' if mount.sandbox else receipt


def _sandboxed_lines(mount: Mount, answer: bytes) -> bytes:
    if not mount.sandbox:
        return answer
    lines = [json.loads(line) for line in answer.splitlines()]
    for line in lines:
        if "receipt" in line:
            line["receipt"]["sandbox"] = True
    return b"".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines)


def _chunks(answers: IO[bytes]) -> Iterator[bytes]:
    # A response that is passed on as it is does not call those who wait for its end.
    with answers:
        while chunk := answers.read(65_536):
            yield chunk
