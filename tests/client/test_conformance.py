"""The conformance kit on real servers, each with a worker and its database, and what the command says."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from auth.signers import MAKERS, pem_of
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from deployments import Deployment, deployed, free_port, printed
from http_message_signatures.algorithms import ED25519
from requests_http_signature import HTTPSignatureAuth
from sqlalchemy import create_engine, text

from notice_intake.auth import signing
from notice_intake.client import AnswerKeys, AnswerRefused, BearerAuth, IntakeClient, SignatureAuth
from notice_intake.client.command import main
from notice_intake.client.conformance import RULES
from notice_intake.testing import FakeAgency

PASSING = ("--largest-body", "200000")


@pytest.fixture(scope="module")
def deployments(tmp_path_factory, request) -> Iterator[Callable[[str, str], Deployment]]:
    """Deployments by server and database, each started once."""
    running: dict[tuple[str, str], Deployment] = {}
    with ExitStack() as stack:

        def get(server: str, engine: str) -> Deployment:
            if (server, engine) not in running:
                where = tmp_path_factory.mktemp("deployed")
                url = f"sqlite:///{where / 'deployed.db'}"
                schema = None
                if engine == "postgresql":
                    url, schema = request.getfixturevalue("postgres_url"), _schema(request, where.name)
                running[server, engine] = stack.enter_context(deployed(server, where, url=url, schema=schema))
            return running[server, engine]

        yield get


def _schema(request: pytest.FixtureRequest, name: str) -> str:
    schema = f"deployed_{name}_{free_port()}"
    url = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    return schema


KINDS = [
    ("gunicorn", "sqlite"),
    pytest.param(("gunicorn", "postgresql"), marks=pytest.mark.postgres),
    ("waitress", "sqlite"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def deployment(request, deployments) -> Deployment:
    return deployments(*request.param)


@pytest.fixture
def plain(deployments) -> Deployment:
    """The one that the command is tried on."""
    return deployments("gunicorn", "sqlite")


def test_our_own_deployment_keeps_every_rule(deployment, capsys):
    one, two = deployment.agency(), deployment.agency("Unit Two")
    key = deployment.key(one["id"], _new_pem())
    command = ["conformance", deployment.url, "--token-file", one["token"], "--other-token-file", two["token"]]
    command += ["--key", key, "--callback-url", f"http://127.0.0.1:{free_port()}/callbacks", *PASSING]
    code = main(command)
    told = capsys.readouterr().out
    assert printed(told) == [], told
    assert "is too large to be used up" in told
    assert told.splitlines()[-1] == f"{len(RULES) - 1} rules hold, 0 are broken, 1 were not tried"
    assert code == 0


def test_nothing_of_all_that_reaches_the_desk(deployment):
    """After the run above: the real side has no case, no referral and no callback."""
    storage = deployment.mount.storage
    with storage.read() as tx:
        for table in (tx.tables.referral, tx.tables.case, tx.tables.item, tx.tables.outbox):
            assert tx.execute(table.select()).all() == []


def test_a_second_instrument_and_signatures_alone_will_do(plain, capsys):
    made = plain.agency("Unit Four")
    key = plain.key(made["id"], _new_pem())
    plain.command("sandbox", "agency", "require-signature", made["id"], "on")
    command = ["conformance", plain.url, "--key", key, "--instrument", "eu.dsa.notice", "--only", "receipts"]
    assert main([*command, "--only", "signed", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["state"] for line in lines[:-1]} == {"pass"}
    assert lines[-1]["fail"] == 0
    assert lines[-1]["sandbox"] is True


def _new_pem() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_what_is_missing_is_said_and_breaks_nothing(plain, capsys):
    token = plain.agency()["token"]
    assert main(["conformance", plain.url, "--token-file", token, "--only", "signed", "--only", "endpoint.test"]) == 0
    told = capsys.readouterr().out
    assert "not tried: needs a key that the platform knows: --key" in told
    assert "not tried: needs an address that the platform reaches: --callback-url" in told


def test_the_time_that_was_given_is_kept(plain, capsys):
    token = plain.agency()["token"]
    began = time.monotonic()
    assert main(["conformance", plain.url, "--token-file", token, "--time-limit", "0.3", "--json"]) == 4
    assert time.monotonic() - began < 10
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["late"], summary["fail"]) == (True, 0)
    assert summary["not_tried"] > 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--token", "ni1_AAAA"], 3, "not accepted"),
        (["--token", "a b"], 2, "this is not a token"),
        (["--only", "nothing"], 2, "no rule or group 'nothing'"),
        (["--callback-url", "https://unit.example/callbacks"], 2, "--listen"),
        (["--key", "/nowhere"], 2, "/nowhere"),
    ],
)
def test_what_the_command_cannot_do_it_says(plain, capsys, monkeypatch, more, code, said):
    monkeypatch.setenv("NOTICE_INTAKE_TOKEN", open(plain.agency()["token"]).read())  # noqa: SIM115
    assert main(["conformance", plain.url, *more]) == code
    assert said in capsys.readouterr().err


def test_an_instrument_that_is_not_open_is_not_blamed_on_the_platform(plain, capsys):
    made = plain.agency("Unit Five", codes=("eu.dsa.notice",))
    command = ["conformance", plain.url, "--token-file", made["token"], "--only", "receipts"]
    assert main(command) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "--instrument" in said.err
    assert "eu.iru.referral" in said.err
    assert main([*command, "--instrument", "eu.dsa.notice"]) == 0


def test_nobody_is_reached_and_no_token_is_given(plain, capsys, monkeypatch):
    assert main(["conformance", f"http://127.0.0.1:{free_port()}", "--token", "ni1_AAAA"]) == 4
    monkeypatch.delenv("NOTICE_INTAKE_TOKEN", raising=False)
    assert main(["conformance", plain.url]) == 2
    assert "cannot be reached" in capsys.readouterr().err


def test_the_real_side_is_tried_only_by_who_says_so(plain, capsys):
    real = plain.agency("Real Unit", side=())
    url = f"{plain.origin}/notices"
    assert main(["conformance", url, "--token-file", real["token"]]) == 2
    assert "--not-a-sandbox" in capsys.readouterr().err
    with plain.mount.storage.read() as tx:
        assert tx.execute(tx.tables.referral.select()).all() == []
    command = ["conformance", url, "--token-file", real["token"], "--not-a-sandbox", "--only", "reading.cursor"]
    assert main([*command, "--only", "receipts.sandbox", "--only", "events.place"]) == 0
    assert "not tried: this is no sandbox" in capsys.readouterr().out


def test_the_rules_are_listed_without_sending_anything(capsys):
    assert main(["conformance", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)
    assert main(["conformance", "--list", "--json", "--only", "bulk.alone"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == "bulk.alone"


def document(**changes: Any) -> dict[str, Any]:
    made = FakeAgency(None, "x").document(**changes)
    return {**made, "agency_reference": f"SIGNED-{free_port()}-{time.monotonic_ns()}"}


@pytest.mark.parametrize("algorithm", MAKERS)
def test_the_client_signs_and_checks_what_it_is_answered(deployment, algorithm):
    made = deployment.agency(f"Unit {algorithm}")
    deployment.key(made["id"], pem_of(algorithm))
    with IntakeClient(deployment.url, SignatureAuth(pem_of(algorithm))) as unchecked:
        keys = AnswerKeys(unchecked.keys())
    with IntakeClient(deployment.url, SignatureAuth(pem_of(algorithm))).pin(keys) as client:
        sent = document()
        receipt = client.submit(sent, key="k" * 20)
        assert receipt.sandbox
        assert client.submit(sent, key="k" * 20).replayed
        assert client.status(receipt.id).items[0].status == "received"
        assert [line.status for line in client.bulk(document() for _ in range(3))] == [201, 201, 201]
        assert next(client.events()).referral == receipt.id
    deployment.command("sandbox", "evidence", "verify", receipt.id)


def test_answers_of_another_platform_are_not_believed(plain):
    made = plain.agency()
    token = open(made["token"]).read()  # noqa: SIM115
    stranger = AnswerKeys([json.loads(signing.new_ed25519()[0].public.jwk)])
    with IntakeClient(plain.url, BearerAuth(token)).pin(stranger) as client, pytest.raises(AnswerRefused):
        client.submit(document())


def test_the_library_and_curl_sign_and_are_understood(deployment, tmp_path):
    """A signature by a library that we did not write, and one by hand with openssl and curl; one flipped byte."""
    made, pem = deployment.agency("Unit Five"), _new_pem()
    key = deployment.key(made["id"], pem)
    key_id = signing.from_pem(pem).key_id
    url = f"{deployment.url}/v1/referrals"
    auth = HTTPSignatureAuth(
        signature_algorithm=ED25519,
        key=pem,
        key_id=key_id,
        covered_component_ids=("@method", "@target-uri", "content-type"),
        tag="notice-intake-v1",
        use_nonce=True,
    )
    body = json.dumps(document()).encode()
    answer = requests.post(url, data=body, headers={"Content-Type": "application/json"}, auth=auth, timeout=20)
    assert answer.status_code == 201, answer.text
    for flipped, status in ((False, 201), (True, 401)):
        file = tmp_path / "referral.json"
        file.write_bytes(json.dumps(document()).encode())
        headers = by_hand(file.read_bytes(), url=url, key=key, key_id=key_id)
        if flipped:
            file.write_bytes(file.read_bytes().replace(b"Placeholder", b"placeholder", 1))
        told = [
            "curl",
            "--silent",
            "--max-time",
            "20",
            "--write-out",
            "%{http_code}",
            "--output",
            str(tmp_path / "out"),
        ]
        told += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
        done = subprocess.run(
            [*told, "--data-binary", f"@{file}", url], capture_output=True, text=True, timeout=30, check=True
        )
        assert done.stdout == str(status), (tmp_path / "out").read_text()


def by_hand(body: bytes, *, url: str, key: str, key_id: str) -> dict[str, str]:
    """Sign as somebody does who has RFC 9421 open beside: with nothing of ours."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    nonce = secrets.token_urlsafe(16)
    parameters = f';created={int(time.time())};nonce="{nonce}";keyid="{key_id}";tag="notice-intake-v1"'
    covered = f'("@method" "@target-uri" "content-type" "content-digest"){parameters}'
    base = f'"@method": POST\n"@target-uri": {url}\n"content-type": application/json\n"content-digest": {digest}\n'
    base += f'"@signature-params": {covered}'
    with open(key, "rb") as file:
        signature = load_pem_private_key(file.read(), None).sign(base.encode())  # type: ignore[union-attr, call-arg]
    return {
        "Content-Type": "application/json",
        "Content-Digest": digest,
        "Signature-Input": f"sig={covered}",
        "Signature": f"sig=:{base64.b64encode(signature).decode()}:",
    }
