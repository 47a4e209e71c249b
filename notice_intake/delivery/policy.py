"""Which addresses an agency may have us call, decided from the URL's text and the resolved addresses. No I/O.

The text is judged as it was given, because HTTP libraries repair URLs (backslashes, control characters, port 0) before
anything behind them sees one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from ..errors import NoticeIntakeError, SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST_URL: Final = 2048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_VISIBLE: Final = re.compile(r"[!-~]+")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(?:[/?].*)?")
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
_LABEL: Final = r"(?:[a-z0-9-]{0,61}[a-z0-9])?"
#: The last label starts with a letter, which refuses 127.1, 0x7f.1 and 2130706433: libc reads those as addresses.
_NAME: Final = re.compile(rf"(?:[a-z0-9]{_LABEL}\.)*[a-z]{_LABEL}\.?")
_INNER_NAMES: Final = (".localhost", ".local", ".internal", ".svc", ".home.arpa")

#: Every IANA special-purpose range (RFC 6890 and its registry), and the platform address of Azure's hosts.
_CLOSED_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
#: An allow list: the addresses that embed IPv4 (mapped, NAT64, SIIT) and whatever is invented next lie outside.
_OPEN_IPV6: Final = IPv6Network("2000::/3")
_CLOSED_IPV6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class CallbackRefused(NoticeIntakeError):
    """This callback address is not allowed."""

    code = "callback-refused"


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """What the operator allows. As it stands: public addresses, over TLS, on two ports."""

    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] = (443, 8443)
    #: Networks (CIDR) that are allowed besides public addresses: a closed network, or loopback for a demo. A host all
    #: of whose addresses lie inside may also use http, any port and a name that is not a public one.
    networks: tuple[str, ...] = ()
    #: The operator's own egress proxy, ``http://host:port``: it is asked for a tunnel to each name, resolves it and
    #: refuses what it must. Empty: none.
    proxy: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.schemes) - set(_DEFAULT_PORTS)
        if unknown:
            raise SettingsError(f"callbacks know the schemes http and https, not {', '.join(sorted(unknown))}")
        try:
            _networks(self.networks)
        except ValueError as fault:
            raise SettingsError(f"not a network for callbacks: {fault}") from fault


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL points, read once and by us alone, so that no second parser can read it differently."""

    scheme: str
    #: In lower case, without brackets and final dot: the name in the certificate.
    host: str
    port: int
    #: The host as the resolver gets it: with the final dot, if the URL has it.
    lookup: str
    #: The address, where the URL holds one in place of a name.
    literal: Address | None
    #: Why only the operator's own networks can still allow it; empty for an ordinary public URL.
    only_inside: str

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2): a port that is not the scheme's default is kept."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def check_callback_url(url: str, policy: CallbackPolicy) -> None:
    """Raise ``CallbackRefused`` if the text of the URL already shows that the policy forbids it.

    No look-up is made: a name that passes here is resolved and checked again before every attempt. That also settles
    http, odd ports and inner names, which pass here when the policy names networks at all.
    """
    read_destination(url, policy)


def read_destination(url: str, policy: CallbackPolicy) -> Destination:
    """Return where the URL points, or raise ``CallbackRefused``."""
    scheme, authority = _split(url)
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise CallbackRefused("The callback address must hold a host and may hold a port, nothing else (no user name).")
    lookup = match[1].lower()
    literal = _literal(lookup)
    port = int(match[2] or _DEFAULT_PORTS.get(scheme, 0))
    only_inside = _beyond_scheme_and_port(scheme, port, policy) or _beyond_public_names(lookup, literal)
    if only_inside and (not policy.networks or scheme not in _DEFAULT_PORTS or port > 65535):
        raise CallbackRefused(only_inside)
    host = lookup.strip("[]").removesuffix(".")
    destination = Destination(scheme, host, port, lookup, literal, only_inside)
    if literal is not None:
        check_addresses(destination, (literal,), policy=policy)
    return destination


def check_addresses(destination: Destination, addresses: Sequence[Address], *, policy: CallbackPolicy) -> None:
    """Raise ``CallbackRefused`` unless every one of the addresses that the host has may be called."""
    networks = _networks(policy.networks)
    inside = [_lies_in(address, networks) for address in addresses]
    if all(inside):
        return
    if destination.only_inside:
        raise CallbackRefused(destination.only_inside)
    if not all(ours or is_public(address) for ours, address in zip(inside, addresses, strict=True)):
        # Never the address itself: it would tell an agency what our resolver knows.
        raise CallbackRefused("The host of the callback address is not a public one.")


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the public Internet; mapped and scoped ones never do."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_IPV4)
    return (
        address.scope_id is None and address in _OPEN_IPV6 and not any(address in network for network in _CLOSED_IPV6)
    )


def _split(url: str) -> tuple[str, str]:
    if len(url) > _LONGEST_URL:
        raise CallbackRefused(f"The callback address is longer than {_LONGEST_URL} characters.")
    if not _VISIBLE.fullmatch(url) or "\\" in url or "#" in url:
        raise CallbackRefused("The callback address may hold visible ASCII only, and neither \\ nor #.")
    match = _URL.fullmatch(url)
    if match is None:
        raise CallbackRefused("The callback address must be a full URL such as https://example.org/callbacks.")
    return match[1].lower(), match[2]


def _literal(host: str) -> Address | None:
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if _NAME.fullmatch(host) and len(host) <= 253:
            return None
        return IPv4Address(host)
    except ValueError:
        raise CallbackRefused("The host of the callback address is neither a name nor a plain address.") from None


def _beyond_scheme_and_port(scheme: str, port: int, policy: CallbackPolicy) -> str:
    if scheme not in policy.schemes:
        return f"The callback address must use {' or '.join(policy.schemes)}."
    if port not in policy.ports:
        return f"The callback address must use port {' or '.join(map(str, policy.ports))}."
    return ""


def _beyond_public_names(host: str, literal: Address | None) -> str:
    name = host.removesuffix(".")
    if literal is None and ("." not in name or name.endswith(_INNER_NAMES)):
        return "The host of the callback address must be a public name."
    return ""


def _lies_in(address: Address, networks: Sequence[Network]) -> bool:
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address.ipv4_mapped is not None):
        return False
    return any(address in network for network in networks)


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)
