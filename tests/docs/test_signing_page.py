"""docs/signing.md: the agency's own programs do what is printed there."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

from flask import Flask
from loopback import Served
from printed import ROOT, block, text
from werkzeug.serving import make_server

from notice_intake import NoticeIntake
from notice_intake.auth import keys
from notice_intake.flows import agencies, agency_keys
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

PAGE = text("signing.md")
#: Both of the page's signers, at work.
PLAIN = """
import os
address = os.environ["BASE"] + "/v1/referrals"
fields = {"Content-Type": "application/json", "Idempotency-Key": "k" * 20}
print(requests.post(address, data=b'''REFERRAL''', headers=fields, auth=auth).status_code)
print(requests.get(address, auth=reading).status_code)
"""


def _second() -> dict[str, Any]:
    return FakeAgency(None, "x").document(agency_reference="EX-2")


def test_a_key_is_made_a_referral_signed_and_the_answers_checked(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Flask("platform", instance_path=str(tmp_path / "instance"))
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "public_url": f"http://127.0.0.1:{port}"}
    mount = NoticeIntake(**parts).init_app(app)
    migrate.upgrade(mount.storage)
    made = agencies.enrol(
        mount, "Unit", place="BE", instruments=["eu.iru.referral"], callback_url=None, now=mount.clock()
    )
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    bin_path = f"{tmp_path}:{os.environ['PATH']}"
    command = tmp_path / "notice-intake"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m notice_intake.client "$@"\n')
    command.chmod(0o755)
    environment = {"PATH": bin_path, "BASE": f"http://127.0.0.1:{port}/notices", "TOKEN": made.token}
    served = Served(mount, environment | {"PYTHONPATH": str(ROOT)}, tmp_path)
    try:
        (tmp_path / "referral.json").write_text(json.dumps(FakeAgency(None, "x").document()))
        create, submit = block(PAGE, "sh", "keys --new").strip().splitlines()
        told = served.shell(create)
        pem = told[told.index("-----BEGIN") :]
        key_id = agency_keys.add_public_key(mount, made.agency_id, key=keys.from_pem(pem.encode()), now=mount.clock())
        assert told.split()[:2] == ["keyid", key_id]
        referral_id = served.shell(submit).split()[0]
        snippet = block(PAGE, "python", "HTTPSignatureAuth(").replace("private.pem", "agency.pem")
        program = snippet.replace("THUMBPRINT", key_id) + PLAIN.replace("REFERRAL", json.dumps(_second()))
        assert served.python(program).communicate(timeout=30)[0].split() == ["201", "200"]
        listed = served.python(block(PAGE, "python", "SignatureAuth(file")).communicate(timeout=30)[0]
        assert listed.split()[:2] == [key_id, f"['{referral_id}',"]
        served.shell('notice-intake keys --json --base-url "$BASE" --key agency.pem > platform-keys.json')
        checked = served.python(block(PAGE, "python", "AnswerKeys(json")).communicate(timeout=30)[0]
        assert referral_id in checked
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
        mount.storage.dispose()
