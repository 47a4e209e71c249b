"""Answering every fault under the API's prefix as a problem document, and nothing outside it."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Request, Response, current_app, request
from werkzeug.exceptions import HTTPException, default_exceptions

from ..auth.schemes import challenges
from ..contract.problems import PLAIN, problem_of, type_of
from ..errors import CredentialsRefused, NoticeIntakeError, ReferenceTaken, ReferralChanged, TooManyRequests
from ..ids import new_id

log = logging.getLogger("notice_intake.api")
_ID = "notice_intake.request_id"


def this_request() -> Request:
    """Return the request itself: each look through Flask's stand-in for it costs as much as five look-ups in a dict."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def request_id() -> str:
    """The id of this request: in the answer, in the log line, in what support is asked."""
    # Not in ``g``, which requests share that a host's test or script makes within one application context.
    environ = this_request().environ
    if _ID not in environ:
        environ[_ID] = new_id("req")
    found: str = environ[_ID]
    return found


def register(blueprint: Blueprint) -> None:
    """Have this blueprint answer its own faults.

    For every status by itself, since a host's handler of one status would come before a general one of ours.
    """
    blueprint.register_error_handler(NoticeIntakeError, of_ours)
    for code in default_exceptions:
        blueprint.register_error_handler(code, _of_http)
    blueprint.register_error_handler(HTTPException, _of_http)
    blueprint.register_error_handler(Exception, _of_fault)


def of_ours(error: NoticeIntakeError) -> Response:
    """Answer an error that the package raised on purpose."""
    document = problem_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, CredentialsRefused):
        log.info("credentials refused (%s): %s", request_id(), error.reason)
        headers.update(challenges())
    if isinstance(error, ReferenceTaken):
        headers["Location"] = f"{root()}/v1/referrals/{error.referral_id}"
    if isinstance(error, ReferralChanged):
        headers["ETag"] = f'"r{error.sequence}"'
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if document["status"] == 503:
        log.warning("temporarily unavailable (%s)", request_id(), exc_info=error)
        headers["Retry-After"] = "5"
    return respond(document, headers)


def respond(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return a problem document as an answer."""
    document = {**document, "type": root() + document["type"], "instance": request_id()}
    text = json.dumps(document, ensure_ascii=False)
    response = Response(text, document["status"], content_type="application/problem+json")
    response.headers.update(headers or {})
    return response


def root() -> str:
    """The path of the API's root, as the outside sees it: under any prefix, also one that looks like a path of ours."""
    sent = this_request()
    rule = sent.url_rule.rule if sent.url_rule is not None else ""
    if rule.endswith("/<path:rest>"):
        own = "/v1/" + (sent.view_args or {}).get("rest", "")
    elif rule.endswith(("/healthz", "/readyz", "/v1")):
        own = rule[rule.rindex("/") :]
    else:
        own = rule[rule.rindex("/v1/") :] if "/v1/" in rule else ""
    before = sent.path.rsplit("/", own.count("/"))[0]
    return quote(sent.script_root + before)


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    slug, title = PLAIN.get(status, (f"status-{status}", error.name))
    document = {"type": type_of(slug), "title": title, "status": status, "detail": error.description or title}
    keep = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return respond(document, keep)


def _of_fault(error: Exception) -> Response:
    log.exception("the API failed (%s)", request_id(), exc_info=error)
    if current_app.debug or current_app.testing:
        raise error
    detail = f"Send the same again: no referral is stored twice. If it stays, name {request_id()}."
    document = {"type": type_of("internal-error"), "title": PLAIN[500][1], "status": 500, "detail": detail}
    return respond(document)
