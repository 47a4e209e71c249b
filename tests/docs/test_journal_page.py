"""docs/journal.md: its vector, its samples, its table of exit codes."""

from __future__ import annotations

import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from printed import block, codes, rows, section, text

from notice_intake import signals
from notice_intake.auth import checkpoint, ed25519, merkle

PAGE = text("journal.md")


def test_the_vector_is_right():
    vector = json.loads(block(section(PAGE, "## Formats"), "json", "payload"))
    assert merkle.leaf_hash(vector["payload"].encode()).hex() == vector["leaf"]
    said = json.loads(vector["payload"])
    for name, value in vector["values"].items():
        raw = b"notice-intake:commitment:1\n" + bytes.fromhex(vector["salt"]) + f"{name}\n{value}".encode()
        assert hashlib.sha256(raw).hexdigest() == said["commitments"][name]
    leaves = [bytes.fromhex(vector["leaf"]), merkle.leaf_hash(b"{}"), merkle.leaf_hash(b"[]")]
    assert merkle.root_of(leaves).hex() == vector["root"]
    jwks = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": vector["key"]}]}
    signed = checkpoint.read(vector["checkpoint"])
    assert signed.checkpoint.root.hex() == vector["root"]
    assert signed.holds(checkpoint.keys_by_id(signed.checkpoint.origin, jwks), ed25519.verify)
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
    assert checkpoint.keys_by_id("x", jwks) == {checkpoint.key_id("x", public): public}


def test_the_listener_that_is_printed_hears_of_a_checkpoint():
    kept = {}

    class Vault:
        put = kept.__setitem__

    scope = {"vault": Vault}
    exec(block(section(PAGE, "## Keep checkpoints elsewhere"), "python", "journal_sealed"), scope)
    try:
        signals.journal_sealed.send(object(), checkpoint="text", size=7)
    finally:
        signals.journal_sealed.disconnect(scope["keep"])
    assert kept == {"checkpoint-000000000007.txt": "text"}


def test_the_exit_codes_are_those_of_the_command():
    assert [codes(row[0]) for row in rows(section(PAGE, "## Check it"), "exit code")] == [["0"], ["1"], ["2"]]
