"""Proofs from a platform's journal, checked by the client alone and by a few lines that know nothing of us."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notice_intake.client import ProofRefused, verify_proof
from notice_intake.client.command import main
from notice_intake.core.journal import SYSTEM, Entry
from notice_intake.flows import sealing
from notice_intake.store import journal

BODY = b'{"x": 1}'


def flask(house, *args):
    return house.app.test_cli_runner().invoke(args=["notice-intake", *args])


def others(house, count):
    """Entries that are none of this agency's business."""
    with house.mount.storage.begin() as tx:
        journal.append(tx, [Entry(SYSTEM, "case.opened", f"cas_other{n}", house.clock.now) for n in range(count)])
    sealing.seal(house.mount, now=house.clock.now)


@pytest.fixture
def case(make_house):
    """A platform, and a referral with its receipt between the entries of others."""
    house = make_house(public_url="https://platform.example/notices")
    agency = house.agency()
    others(house, 300)
    document = agency.document("https://platform.example/p1")
    body = json.dumps(document).encode()
    house.clock.advance(seconds=20)
    headers = {**agency.headers, "Content-Type": "application/json"}
    receipt = house.client.post("/notices/v1/referrals", data=body, headers=headers)
    assert receipt.status_code == 201, receipt.text
    for count in (5, 700, 1):
        others(house, count)
    return house, receipt.get_data(as_text=True), body, json.dumps(house.client.get("/notices/v1/keys").json)


@pytest.fixture
def proof(case):
    house, receipt, _, _ = case
    result = flask(house, "journal", "prove", json.loads(receipt)["id"])
    assert result.exit_code == 0, result.output
    return result.stdout


def few_lines(proof, jwks):
    """A verifier of RFC 6962 inclusion, written from the RFC alone."""
    head, signature = proof["checkpoint"].split("\n\n")
    _, size, root, _ = head.split("\n")
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwks["keys"][0]["x"] + "="))
    key.verify(base64.b64decode(signature.split()[-1])[4:], (head + "\n").encode())
    for one in proof["entries"]:
        found = hashlib.sha256(b"\0" + one["payload"].encode()).digest()
        fn, sn = one["index"], int(size) - 1
        for step in map(bytes.fromhex, one["path"]):
            if fn % 2 or fn == sn:
                found = hashlib.sha256(b"\1" + step + found).digest()
                while fn % 2 == 0 and fn:
                    fn, sn = fn // 2, sn // 2
            else:
                found = hashlib.sha256(b"\1" + found + step).digest()
            fn, sn = fn // 2, sn // 2
        assert sn == 0
        assert found == base64.b64decode(root)


def test_a_proof_shows_the_entry_of_the_receipt(case, proof):
    _, receipt, body, keys = case
    found = verify_proof(proof, json.loads(keys), receipt=receipt, body=body)
    assert found.entries[0].action == "referral.received"
    assert found.entries[0].leaf == json.loads(receipt)["journal"]["leaf"]
    assert found.since.size == 301
    assert found.checkpoint.size == 301 + 1 + 706
    few_lines(json.loads(proof), json.loads(keys))


def test_a_proof_shows_nothing_of_others(proof):
    assert "cas_other" not in proof
    assert len(json.loads(proof)["entries"]) == 1


def test_what_was_decided_is_proved_too(case):
    from threading import Event

    from notice_intake.core.decisions import Draft
    from notice_intake.core.queue import QueueFilter
    from notice_intake.flows import claims, decide, desk_queries
    from notice_intake.flows.work import work
    from notice_intake.hooks import Moderator

    house, receipt, _, keys = case
    one = Moderator("m-1", "Moderator One")
    case_id = claims.claim_next(house.mount, QueueFilter(), moderator=one, now=house.clock.now)
    draft = Draft(
        outcome="removed",
        ground_kind="terms",
        ground_reference="Terms, 4.2",
        facts="Seen.",
        explanation="Falls under the clause.",
        category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    )
    version = desk_queries.case_file(house.mount, case_id, moderator=one, now=house.clock.now).row.version
    decide.decide(house.mount, case_id, draft, moderator=one, version=version, now=house.clock.now)
    house.clock.advance(minutes=5)
    work(house.mount, stop=Event(), once=True)
    sealing.seal(house.mount, now=house.clock.now)
    text = flask(house, "journal", "prove", json.loads(receipt)["id"]).stdout
    found = verify_proof(text, json.loads(keys), receipt=receipt)
    assert [entry.action for entry in found.entries] == ["referral.received", "decision.recorded", "decision.effected"]
    assert found.entries[1].facts["outcome"] == "removed"
    assert "Moderator" not in text
    assert not re.search(r"(?<![\w-])m-1(?![\w-])", text), "a word of its own: base64url may hold it by chance"


def test_the_command_checks_it_where_there_is_neither_flask_nor_sqlalchemy(case, proof, tmp_path):
    _, receipt, body, keys = case
    for name, content in (("proof", proof), ("receipt", receipt), ("keys", keys), ("body", body.decode())):
        (tmp_path / name).write_text(content)
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('flask', 'sqlalchemy', 'cryptography', 'marshmallow', 'click'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from notice_intake.client.command import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    args = ["verify-proof", "proof", "--keys", "keys", "--receipt", "receipt", "--body", "body"]
    env = {"PYTHONPATH": str(Path.cwd())}
    ran = subprocess.run([sys.executable, "-c", program, *args], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    assert "referral.received" in ran.stdout
    assert "it begins with the journal of your checkpoint: 301 entries" in ran.stdout
    (tmp_path / "body").write_text("{}")
    ran = subprocess.run([sys.executable, "-c", program, *args], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert (ran.returncode, "not the one that the platform journalled" in ran.stderr) == (1, True)


def test_the_command_claims_to_have_compared_only_what_it_was_given(case, proof, tmp_path, capsys):
    _, receipt, _, keys = case
    bare = json.loads(receipt)
    bare["journal"]["checkpoint"] = None
    files = {"proof": proof, "keys": keys, "receipt": receipt, "bare": json.dumps(bare)}
    files["kept"] = json.loads(receipt)["journal"]["checkpoint"]
    files["head"] = json.loads(proof)["checkpoint"]
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    def said(*args: str) -> str:
        named = [one if one.startswith("--") else str(tmp_path / one) for one in ("proof", "--keys", "keys", *args)]
        assert main(["verify-proof", *named]) == 0
        return capsys.readouterr().out

    assert "it begins with the journal of your checkpoint" in said("--receipt", "receipt")
    assert "it begins with the journal of your checkpoint" in said("--checkpoint", "kept")
    assert "it is the journal of your checkpoint" in said("--checkpoint", "head")
    nothing = said()
    assert "your checkpoint" not in nothing
    assert "compared with nothing of yours" in nothing
    assert "your receipt, which holds no checkpoint" in said("--receipt", "bare")


def test_the_command_says_what_it_cannot_read(tmp_path, capsys):
    (tmp_path / "proof").write_text("{}")
    (tmp_path / "keys").write_text("[]")
    proof, keys = str(tmp_path / "proof"), str(tmp_path / "keys")
    assert main(["verify-proof", proof, "--keys", keys]) == 2
    (tmp_path / "keys").write_text('{"keys": []}')
    assert main(["verify-proof", proof, "--keys", keys]) == 1
    assert main(["verify-proof", proof, "--keys", keys, "--body", proof]) == 2
    assert main(["verify-proof", str(tmp_path / "none"), "--keys", keys]) == 2
    assert "notice-intake-proof/1" in capsys.readouterr().err


def test_a_receipt_of_another_referral_is_refused(case, proof):
    _, receipt, body, keys = case
    other = json.loads(receipt)
    other["journal"]["leaf"] = "0" * 64
    with pytest.raises(ProofRefused, match="not among those"):
        verify_proof(proof, json.loads(keys), receipt=json.dumps(other))
    with pytest.raises(ProofRefused, match="not the one that the platform journalled"):
        verify_proof(proof, json.loads(keys), receipt=receipt, body=body + b" ")


def test_without_the_keys_that_one_has_kept_nothing_is_shown(case, proof):
    with pytest.raises(ProofRefused, match="not signed with a key"):
        verify_proof(proof, {"keys": []})


def test_a_proof_that_leaves_out_the_receipts_checkpoint_is_refused(case, proof):
    _, receipt, _, keys = case
    short = {**json.loads(proof), "since": None}
    verify_proof(json.dumps(short), json.loads(keys))
    with pytest.raises(ProofRefused, match="does not show that the journal begins with"):
        verify_proof(json.dumps(short), json.loads(keys), receipt=receipt)


def test_a_journal_that_was_written_anew_cannot_prove_itself_to_whoever_kept_a_checkpoint(case):
    """Two journals of one platform: what the second proves does not fit what the first has given out."""
    house, receipt, _, keys = case
    kept = flask(house, "journal", "checkpoint").stdout
    with house.mount.storage.begin() as tx:
        from sqlalchemy import text

        for name in ("ni_seal", "ni_journal"):
            if tx.dialect == "sqlite":
                tx.execute(text(f"DROP TRIGGER {name}_no_delete"))
                tx.execute(text(f"DELETE FROM {name} WHERE {'id = 2' if name == 'ni_journal' else '1 = 1'}"))
            else:
                schema = tx.tables.metadata.schema
                tx.execute(text(f"ALTER TABLE {schema}.{name} DISABLE TRIGGER USER"))
                tx.execute(text(f"DELETE FROM {schema}.{name} WHERE {'id = 2' if name == 'ni_journal' else '1 = 1'}"))
    others(house, 3)
    result = flask(house, "journal", "prove", json.loads(receipt)["id"])
    with pytest.raises(ProofRefused):
        verify_proof(result.stdout, json.loads(keys), receipt=receipt, checkpoints=[kept])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_forged_proof_is_refused(case, proof, data):
    """Whatever is changed in what a proof says, it no longer proves it."""
    _, receipt, _, keys = case
    forged = copy.deepcopy(json.loads(proof))
    entry = forged["entries"][0]
    what = data.draw(st.sampled_from(["payload", "index", "path", "checkpoint", "since path", "since", "drop", "add"]))
    if what == "payload":
        place = data.draw(st.integers(0, len(entry["payload"]) - 1))
        entry["payload"] = entry["payload"][:place] + data.draw(st.characters()) + entry["payload"][place + 1 :]
    elif what == "index":
        entry["index"] = data.draw(st.integers(-2, 2**70))
    elif what in ("path", "since path"):
        path = (entry if what == "path" else forged["since"])["path"]
        place = data.draw(st.integers(0, len(path) - 1))
        path[place] = data.draw(st.sampled_from(["0" * 64, path[place - 1], "", "zz", 5, path[place][:-2], None]))
    elif what in ("checkpoint", "since"):
        holder = forged if what == "checkpoint" else forged["since"]
        text = holder["checkpoint"]
        place = data.draw(st.integers(0, len(text) - 1))
        holder["checkpoint"] = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    elif what == "drop":
        del entry["path"][data.draw(st.integers(0, len(entry["path"]) - 1))]
    else:
        entry["path"].insert(data.draw(st.integers(0, len(entry["path"]))), data.draw(st.sampled_from(entry["path"])))
    if forged == json.loads(proof):
        return
    with pytest.raises(ProofRefused):
        verify_proof(json.dumps(forged), json.loads(keys), receipt=receipt)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["format", "checkpoint", "entries", "since", "path", "referral", "payload", "index"]), x
            )
        ),
        max_leaves=20,
    )
)
def test_what_is_no_proof_is_refused_and_breaks_nothing(document):
    if isinstance(document, dict):
        document["format"] = "notice-intake-proof/1"
    with pytest.raises(ProofRefused):
        verify_proof(json.dumps(document), {"keys": [document]})


def test_the_commands_of_the_operator_say_how_it_stands(case, tmp_path):
    house, receipt, _, _ = case
    kept = tmp_path / "kept"
    kept.write_text(flask(house, "journal", "checkpoint").stdout)
    (tmp_path / "receipt").write_text(receipt)
    said = flask(house, "journal", "verify", "--checkpoint", str(kept), "--checkpoint", str(tmp_path / "receipt"))
    assert (said.exit_code, "as it was sealed" in said.output) == (0, True)
    document = json.loads(flask(house, "journal", "verify", "--json").stdout)
    assert (document["intact"], document["faults"]) == (True, [])
    lines = kept.read_text().split("\n")
    assert flask(house, "journal", "verify", "--checkpoint", f"{lines[1]}:{lines[2]}").exit_code == 0
    too_long = flask(house, "journal", "verify", "--checkpoint", f"{int(lines[1]) + 1}:{lines[2]}")
    assert (too_long.exit_code, "the end was cut off" in too_long.output) == (1, True)
    for other in ("5:xyz", str(tmp_path / "none"), str(tmp_path)):
        assert flask(house, "journal", "verify", "--checkpoint", other).exit_code == 2
    assert flask(house, "journal", "prove", "ref_none").exit_code == 2
    shown = flask(house, "journal", "show", json.loads(receipt)["id"])
    assert "referral.received" in shown.output
    assert flask(house, "journal", "forget").exit_code == 2
    assert flask(house, "journal", "seal").output == "0 entries sealed\n"
