"""Proving who calls, with a bearer token."""

from __future__ import annotations

import re

import requests
from requests.auth import AuthBase

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)


class BearerAuth(AuthBase):
    """Puts a bearer token (RFC 6750) into ``Authorization``, and shows it nowhere else.

    Raises ``ValueError`` for what cannot be a token, a line feed in it for example, without quoting it.
    """

    def __init__(self, token: str) -> None:
        if _TOKEN.fullmatch(token) is None:
            raise ValueError("this is not a token: it holds blanks or other characters that no token has")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        """Hide the token: it would end in a log."""
        return "BearerAuth(…)"
