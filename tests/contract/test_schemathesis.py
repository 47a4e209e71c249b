"""The whole API against its own document, from outside, under gunicorn: every operation, every check."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from contract.deployment import Deployment, deployed
from contract.schemathesis_hooks import ITEM

from notice_intake.contract.operations import OPERATIONS
from notice_intake.contract.problem_examples import DOCUMENT

pytest.importorskip("schemathesis", reason="Schemathesis comes with the extra test")
HERE = Path(__file__).parent
#: In seconds, for what it makes up; what stands in the document is tried whatever it takes.
TIME = 15


@pytest.mark.timeout(400)
def test_the_api_is_what_its_document_says(database, tmp_path):
    url, schema = database
    with deployed(url, schema, tmp_path) as served:
        # From a file: read from its address, the document is no part of what is tried.
        document = tmp_path / "openapi.json"
        document.write_bytes(requests.get(f"{served.base}/v1/openapi.json", timeout=20).content)
        environment = {**os.environ, "SEEDED": ",".join(_seeded(served))}
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml", "run"]
        command += [str(document), "--url", served.base, "--no-color", "--continue-on-failure"]
        command += ["--header", f"Authorization: Bearer {served.token}", "--max-time", str(TIME)]
        command += ["--max-examples", "10", "--generation-database", "none"]
        result = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-2_000:]
    assert f"Tested: {len(OPERATIONS)}\n" in result.stdout


def _seeded(served: Deployment) -> list[str]:
    """Send some referrals, so that there is something to write about."""
    headers = {"Authorization": f"Bearer {served.token}"}
    made = []
    for number in range(40):
        items = [{**DOCUMENT["items"][0], "reference": ITEM}]
        document = {**DOCUMENT, "agency_reference": f"SEED-{number}", "items": items}
        answer = requests.post(f"{served.base}/v1/referrals", json=document, headers=headers, timeout=20)
        made.append(answer.json()["id"])
    return made
