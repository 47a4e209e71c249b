"""The API blueprint: routes, and what every answer of it has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, PathConverter, Rule

from ...core.codes import MessageKind
from ...flows.mount import Mount
from .. import problems
from . import endpoint, health, limiting, messages, published, receipts, referrals

View = Callable[..., Response]
_KNOWN = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_IN_NAMES = str.maketrans({"/": "_", ".": "_", "<": None, ">": None})


def api_blueprint(mount_of: Callable[[], Mount], *, name: str) -> Blueprint:
    """Return a fresh API blueprint. Changes nothing outside its own prefix."""
    blueprint = Blueprint(name, "notice_intake.web.api")
    problems.register(blueprint)
    # Run in the reverse order of being registered: what is signed has all its fields.
    blueprint.after_request(receipts.signed_answers(mount_of))
    blueprint.after_request(_common_headers)
    routes: Sequence[tuple[str, dict[str, View]]] = (
        ("/v1/referrals", {"POST": referrals.post(mount_of), "GET": referrals.index(mount_of)}),
        ("/v1/referrals/bulk", {"POST": referrals.bulk(mount_of)}),
        ("/v1/referrals/<referral_id>", {"GET": referrals.show(mount_of)}),
        ("/v1/referrals/<referral_id>/supplements", {"POST": messages.post(mount_of, MessageKind.SUPPLEMENT)}),
        ("/v1/referrals/<referral_id>/withdrawal", {"POST": messages.post(mount_of, MessageKind.WITHDRAWAL)}),
        ("/v1/referrals/<referral_id>/complaints", {"POST": messages.post(mount_of, MessageKind.COMPLAINT)}),
        (
            "/v1/endpoint",
            {"GET": endpoint.show(mount_of), "PUT": endpoint.put(mount_of), "DELETE": endpoint.remove(mount_of)},
        ),
        ("/v1/endpoint/test", {"POST": endpoint.test(mount_of)}),
        ("/v1/deliveries", {"GET": endpoint.deliveries(mount_of)}),
        ("/v1/deliveries/<delivery_id>/replay", {"POST": endpoint.replay(mount_of)}),
        ("/v1/events", {"GET": referrals.events(mount_of)}),
        ("/v1/keys", {"GET": receipts.keys(mount_of)}),
        ("/v1/openapi.json", {"GET": published.openapi(mount_of)}),
        ("/v1/schemas/<name>", {"GET": published.schema(mount_of)}),
        ("/v1/problems/<slug>", {"GET": published.problem()}),
        ("/healthz", {"GET": health.healthz()}),
        ("/readyz", {"GET": health.readyz(mount_of)}),
    )
    for rule, views in routes:
        _route(blueprint, rule, views)
    # A blueprint's handlers never see a path that no rule knows: without this the host's own page would answer.
    _any_method(blueprint, "/v1/<path:rest>", "unknown", _unknown)
    _any_method(blueprint, "/v1", "unknown_root", _unknown)
    return blueprint


def sandbox_blueprint(mount_of: Callable[[], Mount], *, name: str) -> Blueprint:
    """Return a fresh API blueprint of a sandbox: the same contract, and each answer says that nothing is real."""
    blueprint = api_blueprint(mount_of, name=name)

    @blueprint.after_request
    def mark(response: Response) -> Response:
        response.headers["Notice-Intake-Sandbox"] = "?1"
        return response

    return blueprint


def _route(blueprint: Blueprint, rule: str, views: dict[str, View]) -> None:
    """Add a path with its methods, and one rule that refuses the others with an exact ``Allow``."""
    endpoint = rule.strip("/").translate(_IN_NAMES) or "root"
    allowed = sorted({*views, *(["HEAD"] if "GET" in views else []), "OPTIONS"})
    for method, view in views.items():
        methods = [method, "HEAD"] if method == "GET" else [method]
        blueprint.add_url_rule(
            rule, f"{endpoint}_{method.lower()}", view, methods=methods, provide_automatic_options=False
        )
    _any_method(blueprint, rule, f"{endpoint}_other", _refuse(allowed))


class _Every(set[str]):
    """Every method: those that are known to whoever lists them, all the others to whoever asks."""

    def __contains__(self, method: object) -> bool:
        return True


class _AnyMethod(Rule):
    """A rule for whatever method the rules before it do not take, and for empty steps of a path as they are.

    Flask itself knows rules with methods only: TRACE, and methods that nobody has heard of, would be the host's.
    """

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        # None would do for Werkzeug, but tools of the host list the methods of every rule.
        self.methods = _Every(_KNOWN)

    def get_converter(self, variable_name: str, converter_name: str, args: Any, kwargs: Any) -> BaseConverter:
        """Let the rest of a path begin with a slash: Werkzeug's own converter would have the host redirect it."""
        if converter_name == "path":
            return _Rest(self.map)
        return super().get_converter(variable_name, converter_name, args, kwargs)


class _Rest(PathConverter):
    regex, part_isolating = ".*?", False


def _any_method(blueprint: Blueprint, rule: str, endpoint: str, view: View) -> None:
    def add(state: BlueprintSetupState) -> None:
        path = "/".join((state.url_prefix.rstrip("/"), rule.lstrip("/"))) if state.url_prefix else rule
        name = f"{state.name_prefix}.{state.name}.{endpoint}".lstrip(".")
        options = {"subdomain": state.subdomain, "defaults": state.url_defaults, "merge_slashes": False}
        state.app.url_map.add(_AnyMethod(path, endpoint=name, **options))
        state.app.view_functions[name] = view

    blueprint.record(add)


def _refuse(allowed: list[str]) -> View:
    def refuse(**_: Any) -> Response:
        if request.method == "OPTIONS":
            return Response(status=204, headers={"Allow": ", ".join(allowed)})
        raise MethodNotAllowed(valid_methods=allowed)

    return refuse


def _unknown(**_: Any) -> Response:
    raise NotFound


def _common_headers(response: Response) -> Response:
    headers = response.headers
    if "Cache-Control" not in headers:
        headers.add("Cache-Control", "no-store")
    headers.add("X-Request-Id", problems.request_id())
    headers.add("X-Content-Type-Options", "nosniff")
    limiting.tell(headers)
    return response
