"""``python -m tests.contract.vectors [FOLDER]``: write the signature vectors again.

ECDSA and RSA-PSS sign differently each time: a stored signature that still verifies is kept, and so are the keys.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from notice_intake.auth import keys as public_keys
from notice_intake.auth import signing
from notice_intake.auth.http_digest import content_digest
from notice_intake.delivery import webhook

FOLDER = Path(__file__).parents[2] / "schemas" / "vectors"
NOW = 1_772_442_000
ROOT = "https://platform.example/notices/v1"
BODY = (
    '{"instrument":"eu.iru.referral","agency_reference":"EX-2026-0001","language":"en",'
    '"category":"STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY","grounds":[{"kind":"terms","reference":"Terms, 4.2 é"}],'
    '"items":[{"reference":"1-1","target":{"kind":"url","url":"https://platform.example/p1"}}]}'
)
_JSON = {"Content-Type": "application/json"}
_KEYED = {**_JSON, "Idempotency-Key": '"example-unit:EX-2026-0001"'}
#: name, method, address, header fields, body, what makes it worth a look.
REQUESTS: Sequence[tuple[str, str, str, Mapping[str, str], str | None, str]] = (
    ("refer", "POST", f"{ROOT}/referrals", _KEYED, BODY, "A body, and an idempotency key, which is covered too."),
    (
        "read",
        "GET",
        f"{ROOT}/referrals?limit=5&x=%7E&y=",
        {},
        None,
        "The address letter for letter: nothing is decoded.",
    ),
    (
        "supplement",
        "POST",
        f"{ROOT}/referrals/ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN/supplements",
        {**_JSON, "Authorization": "Bearer ni1_example", "If-Match": '"r2"'},
        '{"text":"It is the second post."}',
        "A token beside the signature is covered; If-Match need not be.",
    ),
    ("remove", "DELETE", f"{ROOT}/endpoint", {}, None, "No body."),
)
ALGORITHMS = ("ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512")
#: name, what is changed in the signed request ``refer-ed25519``, what is wrong then, for whoever checks.
_SPOILED: Sequence[tuple[str, Mapping[str, Any], str]] = (
    ("another-body", {"body": BODY.replace("1-1", "1-2")}, "The body is not the one that Content-Digest names."),
    ("another-method", {"method": "PUT"}, "The method is covered."),
    ("another-address", {"target_uri": f"{ROOT}/referrals/bulk"}, "The address is covered."),
    ("another-key-field", {"Idempotency-Key": '"example-unit:EX-2026-0002"'}, "The field is covered."),
    ("no-digest", {"Content-Digest": None}, "A covered field is missing."),
    ("another-time", {"Signature-Input": ("created=1772442000", "created=1772442001")}, "The parameters are covered."),
    ("another-label", {"Signature": ("ni=:", "xx=:")}, "There is no signature for the label in Signature-Input."),
    ("another-tag", {"Signature-Input": ("notice-intake-v1", "notice-intake-v2")}, "No signature with our tag."),
)
#: name, parameters that are signed as they stand, what is wrong.
_UNFIT: Sequence[tuple[str, Mapping[str, Any], str]] = (
    ("too-old", {"created": NOW - 301}, "Signed more than 300 seconds ago."),
    ("from-the-future", {"created": NOW + 61}, "Signed more than 60 seconds from now."),
    ("expired", {"created": NOW - 20, "expires": NOW - 10}, "It says itself that it has run out."),
    ("lives-too-long", {"created": NOW, "expires": NOW + 301}, "May live for 300 seconds at most."),
    ("short-nonce", {"created": NOW, "nonce": "c2hvcnQ"}, "A nonce has 22 characters or more."),
)
_UNCOVERED = (
    ("method-not-covered", "@method"),
    ("digest-not-covered", "content-digest"),
    ("key-not-covered", "idempotency-key"),
)
_SECRETS = tuple("whsec_" + base64.b64encode(hashlib.sha256(f"vector {n}".encode()).digest()).decode() for n in (1, 2))
_EVENT = (
    '{"type":"item.effected","timestamp":"2026-03-02T09:00:00.000+00:00","data":{"referral":'
    '"ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN","agency_reference":"EX-2026-0001 é","item":"itm_01KM5W6Q1BM2V6D8K5X0E7JQSA",'
    '"item_reference":"1-1","status":"effected","outcome":"removed","sequence":4,'
    '"path":"/v1/referrals/ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN"}}'
)


def vectors(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return every file by name; ``stored`` holds those that there are, for what cannot be made twice."""
    ring = _ring(stored.get("keys.json", {}))
    before = {
        one["name"]: one
        for name in ("requests.json", "answers.json")
        for one in stored.get(name, {}).get("accepted", [])
    }
    return {
        "keys.json": {"keys": [ring[name] for name in ALGORITHMS]},
        "requests.json": _requests(ring, before),
        "answers.json": _answers(ring),
        "digests.json": _digests(),
        "callbacks.json": _callbacks(),
    }


def _ring(stored: Mapping[str, Any]) -> dict[str, Any]:
    pems = {one["algorithm"]: one["private_pem"] for one in stored.get("keys", [])}
    found = {}
    for algorithm in ALGORITHMS:
        pem = pems.get(algorithm) or _made(algorithm)
        key = signing.from_pem(pem.encode())
        found[algorithm] = {
            "algorithm": algorithm,
            "keyid": key.key_id,
            "jwk": json.loads(key.public.jwk),
            "private_pem": pem,
        }
    return found


def _made(algorithm: str) -> str:
    seed = hashlib.sha256(f"notice-intake vector {algorithm}".encode()).digest()
    key: Any
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    elif algorithm.startswith("ecdsa"):
        key = ec.derive_private_key(int.from_bytes(seed), ec.SECP256R1() if "256-" in algorithm else ec.SECP384R1())
    else:
        key = rsa.generate_private_key(65537, 3072)
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@cache
def _private(pem: str) -> signing.PrivateKey:
    load_pem_private_key(pem.encode(), None)
    return signing.from_pem(pem.encode())


def _components(method: str, uri: str, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    sent = {name.lower(): value for name, value in headers.items()}
    wanted = ("content-type", "content-digest", "idempotency-key", "authorization")
    pairs = [("@method", method), ("@target-uri", uri), *((name, sent[name]) for name in wanted if name in sent)]
    return [(f'"{name}"', value) for name, value in pairs]


def _signed(
    key: Mapping[str, Any], components: Sequence[tuple[str, str]], parameters: Mapping[str, Any], *, old: Any = None
) -> tuple[dict[str, str], list[str]]:
    """Return the fields of a signature and the lines of its base; the old signature where it is still good."""
    private = _private(key["private_pem"])
    fields = signing.sign(private, components, parameters=parameters)
    told = fields["Signature-Input"].removeprefix("ni=")
    base = [f"{name}: {value}" for name, value in components] + [f'"@signature-params": {told}']
    kept = (old or {}).get("request", {}).get("headers", {}).get("Signature")
    if kept and _good(key, kept, base):
        fields["Signature"] = kept
    return fields, base


def _good(key: Mapping[str, Any], signature: str, base: Sequence[str]) -> bool:
    loaded = public_keys.load(json.dumps(key["jwk"]))
    verifier = public_keys.ALGORITHMS[key["algorithm"]](public_key=loaded)
    try:
        verifier.verify(signature=base64.b64decode(signature[4:-1]), message="\n".join(base).encode())
    except InvalidSignature:
        return False
    return True


def _request(method: str, uri: str, headers: Mapping[str, str], body: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"method": method, "target_uri": uri, "headers": dict(headers)}
    if body is not None:
        found["headers"]["Content-Digest"] = content_digest(body.encode())
        found["body"] = body
    return found


def _requests(ring: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    accepted = []
    for name, method, uri, headers, body, about in REQUESTS:
        for algorithm in ALGORITHMS if name == "refer" else ALGORITHMS[:1]:
            full = f"{name}-{algorithm}"
            nonce = base64.urlsafe_b64encode(hashlib.sha256(full.encode()).digest()[:18]).decode()
            request = _request(method, uri, headers, body)
            components = _components(method, uri, request["headers"])
            parameters = {"created": NOW, "nonce": nonce}
            fields, base = _signed(ring[algorithm], components, parameters, old=before.get(full))
            request["headers"] |= fields
            accepted.append(
                {"name": full, "about": about, "keyid": ring[algorithm]["keyid"], "request": request, "base": base}
            )
    return {"now": NOW, "accepted": accepted, "refused": _refused(ring["ed25519"], accepted[0]["request"])}


def _refused(key: Mapping[str, Any], good: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, changes, why in _SPOILED:
        request = {**good, "headers": dict(good["headers"])}
        for part, value in changes.items():
            holder = request if part in request else request["headers"]
            if value is None:
                del holder[part]
            else:
                holder[part] = holder[part].replace(*value) if isinstance(value, tuple) else value
        found.append({"name": name, "why": why, "request": request})
    plain = {one: value for one, value in good["headers"].items() if not one.startswith("Signature")}
    components = _components(good["method"], good["target_uri"], plain)
    for name, parameters, why in _UNFIT:
        fields, _ = _signed(key, components, {"nonce": "dmVjdG9yLW5vbmNlLTAwMDAx", **parameters})
        found.append({"name": name, "why": why, "request": {**good, "headers": plain | fields}})
    for name, left_out in _UNCOVERED:
        fewer = [one for one in components if one[0] != f'"{left_out}"']
        fields, _ = _signed(key, fewer, {"created": NOW, "nonce": "dmVjdG9yLW5vbmNlLTAwMDAx"})
        found.append(
            {"name": name, "why": f"{left_out} has to be covered.", "request": {**good, "headers": plain | fields}}
        )
    fields, _ = _signed(key, components, {"created": NOW})
    found.append({"name": "no-nonce", "why": "A nonce is required.", "request": {**good, "headers": plain | fields}})
    return found


def _answers(ring: Mapping[str, Any]) -> dict[str, Any]:
    key = ring["ed25519"]
    sent = content_digest(BODY.encode())
    cases = (
        ("receipt", 201, '{"id":"ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN"}', "POST", f"{ROOT}/referrals", sent),
        ("read", 200, '{"referrals":[],"next":null}', "GET", f"{ROOT}/referrals?limit=5", None),
        ("no-body", 204, None, "DELETE", f"{ROOT}/endpoint", None),
    )
    accepted = []
    for name, status, body, method, uri, digest in cases:
        asked = {"@method": method, "@target-uri": uri} | ({"content-digest": digest} if digest else {})
        said = (
            {}
            if body is None
            else {"content-digest": content_digest(body.encode()), "content-type": "application/json"}
        )
        fields = signing.sign_answer(
            _private(key["private_pem"]), status=status, headers=said, request=asked, created=NOW
        )
        titles = {"content-digest": "Content-Digest", "content-type": "Content-Type"}
        answer = {"status": status, "headers": {titles[one]: value for one, value in said.items()} | fields}
        answer |= {} if body is None else {"body": body}
        request: dict[str, Any] = {
            "method": method,
            "target_uri": uri,
            "headers": {"Content-Digest": digest} if digest else {},
        }
        lines = [f'"@status": {status}', *(f'"{one}": {value}' for one, value in said.items())]
        lines += [f'"{one}";req: {value}' for one, value in asked.items()]
        base = [*lines, f'"@signature-params": {fields["Signature-Input"].removeprefix("ni=")}']
        accepted.append({"name": name, "keyid": key["keyid"], "request": request, "answer": answer, "base": base})
    refused = [
        {"name": "another-status", "why": "The status is covered.", "of": "receipt", "answer": {"status": 200}},
        {"name": "another-request", "why": "The request is covered.", "of": "receipt", "request": {"method": "PUT"}},
        {"name": "another-body", "why": "Content-Digest names another body.", "of": "read", "answer": {"body": "{}"}},
    ]
    return {"now": NOW, "accepted": accepted, "refused": refused}


def _digests() -> dict[str, Any]:
    bodies = ("", "{}", BODY, "é\n")
    accepted = []
    for body in bodies:
        fields = {
            name: base64.b64encode(hashlib.new(name.replace("-", ""), body.encode()).digest()).decode()
            for name in ("sha-256", "sha-512")
        }
        accepted += [{"body": body, "content_digest": f"{name}=:{value}:"} for name, value in fields.items()]
        accepted.append(
            {"body": body, "content_digest": ", ".join(f"{name}=:{value}:" for name, value in fields.items())}
        )
    right = content_digest(b"{}")
    wrong = (
        "",
        "sha-256=:AAAA:",
        "md5=:mZFLkyvTelC5g8XnyQrpOw==:",
        f"{right}, sha-512=:AAAA:",
        f"{right}, {right}",
        right.replace(":", ""),
    )
    return {"accepted": accepted, "refused": [{"body": "{}", "content_digest": one} for one in wrong]}


def _callbacks() -> dict[str, Any]:
    at, message = datetime.fromtimestamp(NOW, UTC), "msg_01KM5Z3C7Q4M8D2V6J1S9YXKAW"
    cases = (
        ("one-secret", _SECRETS[:1], _SECRETS[0]),
        ("changing-over-new", _SECRETS, _SECRETS[0]),
        ("changing-over-old", _SECRETS, _SECRETS[1]),
    )
    accepted = [
        {
            "name": name,
            "scheme": "v1",
            "secret": known,
            "headers": webhook.sign(_EVENT.encode(), message_id=message, at=at, secrets=made),
            "body": _EVENT,
        }
        for name, made, known in cases
    ]
    good = accepted[0]
    older = webhook.sign(
        _EVENT.encode(), message_id=message, at=datetime.fromtimestamp(NOW - 301, UTC), secrets=_SECRETS[:1]
    )
    headers: dict[str, str] = good["headers"]  # type: ignore[assignment]
    refused = [
        {**good, "name": "another-body", "body": _EVENT.replace("removed", "no_action")},
        {**good, "name": "another-id", "headers": {**headers, "webhook-id": message[:-1] + "X"}},
        {**good, "name": "another-time", "headers": {**headers, "webhook-timestamp": str(NOW + 1)}},
        {**good, "name": "another-secret", "secret": _SECRETS[1]},
        {
            **good,
            "name": "no-signature-of-v1",
            "headers": {**headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v9,")},
        },
        {**good, "name": "too-old", "headers": older},
    ]
    return {"now": NOW, "tolerance": 300, "accepted": accepted, "refused": refused}


def as_text(document: Any) -> str:
    """Return a file's text."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stored(folder: Path = FOLDER) -> dict[str, Any]:
    """Return the files that there are."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def main(folder: Path) -> None:
    """Write the files, and name each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in vectors(stored(folder)).items():
        (folder / name).write_text(as_text(document), encoding="utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
