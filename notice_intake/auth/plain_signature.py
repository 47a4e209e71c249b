"""The plain form in which nearly all signatures come, read and rebuilt at a fifth of the general machinery's cost.

One member, components without parameters, everything serialised as RFC 8941 section 4.1 would: then what was received
is the ``@signature-params`` line as it stands. Whatever is not exactly so is left to the library, which also says in
``tests/auth/test_vectors.py`` whether both agree.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NAME = r'"@?[a-z0-9!#$%&\'*+.^_`|~-]+"'
_VALUE = r'(?:0|-?[1-9][0-9]{0,14}|"[ !#-\[\]-~]*")'
_MEMBER = re.compile(rf"([a-z*][a-z0-9_.*-]*)=(\(({_NAME}(?: {_NAME})*)\)((?:;[a-z]+={_VALUE})+))")
_PARAMETER = re.compile(rf";([a-z]+)=({_VALUE})")
_SIGNATURE = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]+={0,2}):")
_URI = re.compile(r"[!\"$-~]+")
_VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?")
_DERIVED = ("@method", "@target-uri")


@dataclass(frozen=True, slots=True)
class Plain:
    """A ``Signature-Input`` in the plain form."""

    label: str
    #: The member's value as received, which is as it stands in the base.
    text: str
    components: Sequence[str]
    parameters: Mapping[str, int | str]


def read(field: str) -> Plain | None:
    """Return what a field says, None where it is not in the plain form."""
    match = _MEMBER.fullmatch(field)
    if match is None:
        return None
    components = [name[1:-1] for name in match[3].split(" ")]
    pairs = _PARAMETER.findall(match[4])
    parameters = {name: value[1:-1] if value[0] == '"' else int(value) for name, value in pairs}
    if len(parameters) < len(pairs) or len(set(components)) < len(components):
        return None
    return Plain(match[1], match[2], components, parameters)


def base_of(plain: Plain, *, method: str, uri: str, headers: Mapping[str, str]) -> str | None:
    """Return the signature base (RFC 9421 section 2.5), None where a component asks for more than is plain."""
    lines = []
    for name in plain.components:
        if name in _DERIVED:
            value = method if name == "@method" else uri
            plainly = method.isupper() if name == "@method" else _URI.fullmatch(uri)
        else:
            value = headers.get(name, "").strip(" \t")
            plainly = name[0] != "@" and name != "set-cookie" and _VISIBLE.fullmatch(value)
        if not plainly:
            return None
        lines.append(f'"{name}": {value}')
    lines.append(f'"@signature-params": {plain.text}')
    return "\n".join(lines)


def signature_of(plain: Plain, field: str) -> bytes | None:
    """Return the signature of the same label, None where the field holds anything else."""
    match = _SIGNATURE.fullmatch(field)
    if match is None or match[1] != plain.label:
        return None
    try:
        return b64decode(match[2], validate=True)
    except binascii.Error:
        return None
