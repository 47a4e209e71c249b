"""The command as a shell sees it: what it writes, and the code that it ends with."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import RECEIPT, Script, Served, problem, reply

from notice_intake.client import Retries
from notice_intake.client.command import main
from notice_intake.delivery import webhook

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "notice_intake.client"]
STATUS = {**RECEIPT, "updated_at": RECEIPT["received_at"], "sequence": 1}


def environment(url: str | None, token: str | None) -> dict[str, str]:
    named = {"NOTICE_INTAKE_URL": url, "NOTICE_INTAKE_TOKEN": token}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOTICE_INTAKE")}
    return kept | {name: value for name, value in named.items() if value is not None}


def run(*args: object, url: str | None = None, token: str | None = None, **options: Any) -> subprocess.CompletedProcess:
    settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60, "check": False, "cwd": ROOT}
    if "input" not in options:
        settings["stdin"] = subprocess.DEVNULL
    return subprocess.run([*COMMAND, *map(str, args)], env=environment(url, token), **settings | options)


def shell(platform: Served, *args: object, **options: Any) -> subprocess.CompletedProcess:
    return run(*args, **{"url": platform.url, "token": platform.token, **options})


@pytest.fixture
def here(script: Script, monkeypatch: pytest.MonkeyPatch) -> Script:
    """The scripted server as the platform of this very process: quicker than a new one for each call."""
    monkeypatch.setenv("NOTICE_INTAKE_URL", script.url)
    monkeypatch.setenv("NOTICE_INTAKE_TOKEN", "t" * 40)
    return script


def test_a_referral_is_submitted_once_and_looked_at(platform: Served, tmp_path: Path):
    file = tmp_path / "referral.json"
    file.write_text(json.dumps(platform.documents.document(agency_reference="REF-SHELL")))
    first = shell(platform, "submit", file)
    assert first.returncode == 0, first.stderr
    id, reference = first.stdout.split()[:2]
    assert reference == "REF-SHELL"
    assert "stored before" not in first.stdout
    again = shell(platform, "submit", file, "--json")
    assert json.loads(again.stdout)["id"] == id
    piped = shell(platform, "submit", "-", input=file.read_text())
    assert "(stored before)" in piped.stdout
    status = shell(platform, "status", id)
    assert status.returncode == 0
    assert "REF-SHELL" in status.stdout
    assert "received" in status.stdout


def test_a_refusal_ends_with_1_and_names_each_fault(platform: Served, tmp_path: Path):
    file = tmp_path / "referral.json"
    file.write_text(json.dumps(platform.documents.document(language=None)))
    refused = shell(platform, "submit", file)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "/language  required" in refused.stderr
    assert "req_" in refused.stderr
    as_json = shell(platform, "submit", file, "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stderr)["problem"]["errors"][0]["pointer"] == "/language"
    assert shell(platform, "status", "ref_none").returncode == 1


def test_credentials_end_with_3_and_are_never_shown(platform: Served, tmp_path: Path):
    forged = "ni1_AAAAAAAAAA_" + "S" * 80
    (tmp_path / "token").write_text(forged + "\n")
    (tmp_path / "lines").write_text((json.dumps(platform.documents.document()) + "\n") * 5_000)
    calls = (
        run("status", "ref_1", url=platform.url, token=forged),
        run("status", "ref_1", "--token-file", tmp_path / "token", url=platform.url),
        run("bulk", tmp_path / "lines", "--base-url", platform.url, token=forged),
    )
    for done in calls:
        assert done.returncode == 3, done.stderr
        assert "S" * 20 not in done.stdout + done.stderr
    with_file = tmp_path / "right"
    with_file.write_text(platform.token + "\n")
    assert run("watch", "--once", "--token-file", with_file, url=platform.url).returncode == 0


@pytest.mark.parametrize(
    ("args", "url", "token", "said"),
    [
        ((), "x", "t", "COMMAND"),
        (("send",), "x", "t", "invalid choice"),
        (("status", "ref_1", "--token", "t"), "x", "t", "unrecognized"),
        (("status", "ref_1"), None, "t", "NOTICE_INTAKE_URL"),
        (("status", "ref_1"), "https://platform.example", None, "NOTICE_INTAKE_TOKEN"),
        (("status", "ref_1"), "https://platform.example", "two words", "not a token"),
        (("status", "ref_1"), "http://platform.example", "t", "https"),
        (("submit", "/nowhere/at-all.json"), "https://platform.example", "t", "No such file"),
        (("bulk", "/nowhere/at-all.json"), "https://platform.example", "t", "No such file"),
        (("watch", "--interval", "0"), "https://platform.example", "t", "--interval"),
        (("answer", "ref_1"), "https://platform.example", "t", "--text"),
        (("withdraw", "ref_1"), "https://platform.example", "t", "--reason"),
    ],
)
def test_what_cannot_begin_ends_with_2(args, url, token, said, monkeypatch, capsys):
    for name, value in (("NOTICE_INTAKE_URL", url), ("NOTICE_INTAKE_TOKEN", token)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    try:
        code = main(args)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err


SLIPS = [
    (("status", ""), "not the id"),
    (("status", "."), "not the id"),
    (("answer", "", "--text", "x"), "not the id"),
    (("answer", "..", "--text", "x", "--facts"), "not the id"),
    (("withdraw", ".", "--reason", "x"), "not the id"),
    (("submit", "FILE", "--idempotency-key", "ключ-ключ-ключ-ключ"), "idempotency key"),
    (("submit", "FILE", "--idempotency-key", " key-with-a-blank"), "cannot be asked for"),
    (("status", "x", "--base-url", "https://a..b/"), "the address must"),
    (("status", "x", "--base-url", f"https://{'a' * 64}.example/"), "the address must"),
    (("status", "x", "--base-url", "https://a:99999/"), "ort"),
    (("status", "x", "--base-url", "https://*.example/"), "cannot be asked for"),
    (("status", "x", "--platform-keys", "DEEP"), "holds no keys"),
]


@pytest.mark.parametrize(("args", "said"), SLIPS, ids=lambda one: " ".join(one) if isinstance(one, tuple) else None)
def test_a_slip_ends_with_2_and_one_sentence(args, said, here: Script, tmp_path: Path, capsys):
    (tmp_path / "FILE").write_text("{}")
    (tmp_path / "DEEP").write_text("[" * 100_000)
    here.says(reply(500))
    assert main([str(tmp_path / one) if one in ("FILE", "DEEP") else one for one in args]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert here.seen == [], "nothing was sent"


def test_a_platform_that_is_away_ends_with_4(here: Script, capsys):
    here.says(reply(502, "<p>Bad gateway", kind="text/html", Retry_After="900"))
    assert main(["status", "ref_1"]) == 4
    assert "unavailable" in capsys.readouterr().err
    here.says(problem(429, "quota-exceeded", retry=900))
    assert main(["status", "ref_1"]) == 4
    here.says(reply(200, "<title>Log in</title>", kind="text/html"))
    assert main(["status", "ref_1"]) == 4
    assert "bad-answer" in capsys.readouterr().err
    assert run("submit", "-", url="http://127.0.0.1:9", token="t", input="{}").returncode == 4


def test_a_stream_says_what_became_of_it(platform: Served, tmp_path: Path):
    good = [json.dumps(platform.documents.document()) for _ in range(3)]
    lines = tmp_path / "referrals.ndjson"
    lines.write_text("\n".join([good[0], "{bad", "", good[1]]))
    partly = shell(platform, "bulk", lines)
    assert partly.returncode == 5
    assert partly.stdout == "3 referrals: 2 stored, 0 of them before, 1 refused\n"
    assert partly.stderr.startswith("line 2: 400 ")
    assert "\r" not in partly.stderr
    lines.write_text("\n".join(good))
    whole = shell(platform, "bulk", lines)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout == "3 referrals: 3 stored, 2 of them before, 0 refused\n"
    none = shell(platform, "bulk", "-", "--json", input="{bad\n[]\n")
    assert none.returncode == 1
    assert [json.loads(line)["status"] for line in none.stdout.splitlines()] == [400, 422]


def answers(*lines: dict[str, Any]) -> Any:
    return reply(200, "\n".join(map(json.dumps, lines)))


def taken(line: int, **more: Any) -> dict[str, Any]:
    return {"line": line, "status": 201, "receipt": RECEIPT, **more}


def later(line: int, status: int = 429, **more: Any) -> dict[str, Any]:
    return {"line": line, "status": status, "problem": {"type": "/v1/problems/x", "title": "Later", **more}}


def bad(line: int) -> dict[str, Any]:
    return {"line": line, "status": 422, "problem": {"type": "/v1/problems/invalid-document", "title": "Broken"}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the command wanted to wait; nobody waits."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_only_the_lines_that_were_not_taken_are_sent_again(here: Script, pauses, tmp_path: Path, capsys):
    file = tmp_path / "lines"
    file.write_text('{"a":1}\n{"a":2}\n\n{"a":4}\n{"a":5}\n{"a":6}')
    here.says(
        answers(taken(1), later(2, retry_after=40), bad(4), later(5, 503), later(6, retry_after=41)),
        answers(taken(1), bad(2), later(3, retry_after=7)),
        problem(429, "quota-exceeded", retry=9),
        answers(taken(1, replayed=True)),
    )
    assert main(["bulk", str(file)]) == 5
    sent = [one.body.split(b"\n") for one in here.seen]
    assert [[line for line in lines if line] for lines in sent[1:]] == [
        [b'{"a":2}', b'{"a":5}', b'{"a":6}'],
        [b'{"a":6}'],
        [b'{"a":6}'],
    ]
    assert [round(one) for one in pauses] == [41, 7, 9]
    said = capsys.readouterr()
    assert said.out == "5 referrals: 3 stored, 1 of them before, 2 refused\n"
    assert "line 4: 422" in said.err
    assert "line 5: 422" in said.err, "each answer goes by the number that its line has in the file"


def test_a_platform_that_takes_nothing_more_is_left_after_a_few_tries(here: Script, pauses, tmp_path: Path, capsys):
    file = tmp_path / "lines"
    file.write_text("{}\n{}\n")
    here.says(answers(taken(1), later(2)), answers(later(1)))
    assert main(["bulk", str(file)]) == 5
    assert (len(here.seen), len(pauses)) == (4, 3)
    said = capsys.readouterr()
    assert "1 stored, 0 of them before, 0 refused, 1 not taken now: send the file again" in said.out
    assert "line 2: 429 Later" in said.err
    here.seen.clear()
    here.says(answers(later(1), later(2)))
    assert main(["bulk", str(file)]) == 4
    here.seen.clear()
    here.says(answers(later(1, retry_after=900), later(2)))
    assert main(["bulk", str(file)]) == 4
    assert len(here.seen) == 1, "so long nobody waits at a command"
    here.says(answers(taken(1)))
    assert main(["bulk", str(file)]) == 4
    assert "broke off" in capsys.readouterr().err


def test_a_stream_from_a_pipe_is_sent_again_too(here: Script, pauses, monkeypatch, capsys):
    ours, theirs = os.pipe()
    os.write(theirs, b'{"a":1}\n{"a":2}\n')
    os.close(theirs)
    with os.fdopen(ours, "rb") as piped:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=piped))
        here.says(problem(429, "quota-exceeded", retry=3), answers(taken(1), later(2)), answers(taken(1)))
        assert main(["bulk", "-", "--json"]) == 0
    assert here.seen[-1].body.strip() == b'{"a":2}'
    assert [json.loads(line)["line"] for line in capsys.readouterr().out.splitlines()] == [1, 2]


def test_a_bar_is_shown_on_a_terminal_only(platform: Served, tmp_path: Path):
    lines = tmp_path / "referrals.ndjson"
    lines.write_text("\n".join(json.dumps(platform.documents.document()) for _ in range(20)))
    ours, theirs = pty.openpty()
    done = shell(platform, "bulk", lines, capture_output=False, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "100%" in shown
    assert shown.endswith("\r\x1b[K")
    assert done.stdout.startswith("20 referrals: 20 stored")


def test_events_are_followed_from_where_they_were_left(served: Served, tmp_path: Path):
    place = tmp_path / "place"
    first = served.client().submit(served.documents.document())
    done = shell(served, "watch", "--once", "--place-file", place)
    assert done.returncode == 0, done.stderr
    assert first.id in done.stdout
    assert shell(served, "watch", "--once", "--place-file", place).stdout == ""
    second = served.client().submit(served.documents.document())
    (line,) = shell(served, "watch", "--once", "--json", "--place-file", place).stdout.splitlines()
    event = json.loads(line)
    assert event["data"]["referral"] == second.id
    assert event["place"] == place.read_text().strip()
    assert shell(served, "watch", "--once", "--after", event["place"]).stdout == ""


def test_watching_goes_on_until_it_is_told_to_stop(platform: Served):
    command = [*COMMAND, "watch", "--interval", "0.05", "--json"]
    watching = subprocess.Popen(
        command, env=environment(platform.url, platform.token), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    receipt = platform.client().submit(platform.documents.document())
    for line in watching.stdout:
        if json.loads(line)["data"]["referral"] == receipt.id:
            break
    watching.send_signal(signal.SIGTERM)
    assert watching.wait(10) == 0
    watching.stdout.close()


def test_watching_outlives_a_platform_that_is_away(script: Script):
    event = {"id": "msg_1", "type": "x.y", "timestamp": RECEIPT["received_at"], "data": {"referral": "ref_1"}}
    # More than the client itself would bear.
    away = [reply(502, "gone")] * Retries().tries
    script.says(*away, reply(200, {"events": [event], "next": "1"}), reply(200, {"events": [], "next": "1"}))
    command = [*COMMAND, "watch", "--interval", "0.05"]
    watching = subprocess.Popen(
        command, env=environment(script.url, "t" * 40), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert "msg_1" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 0
    watching.stdout.close()


def test_a_reader_that_goes_away_is_no_traceback(platform: Served):
    for _ in range(3):
        platform.client().submit(platform.documents.document())
    ends, start = os.pipe()
    os.close(ends)
    done = shell(platform, "watch", "--once", capture_output=False, stdout=start, stderr=subprocess.PIPE)
    os.close(start)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_question_is_answered(here: Script, capsys):
    question = {"id": "qst_1", "reason_code": "not_precise", "text": "Which?", "items": ["1-1"]}
    asked = {"asked_at": RECEIPT["received_at"], "answered_at": None}
    message = {"id": "sup_1", "kind": "supplement", "referral": "ref_1", "sequence": 3}
    message |= {"received_at": RECEIPT["received_at"], "items": RECEIPT["items"]}
    here.says(reply(200, {**STATUS, "questions": [{**question, **asked}]}), reply(201, message))
    assert main(["answer", "ref_1", "--text", "Placeholder.", "--sequence", "2"]) == 0
    assert json.loads(here.seen[1].body) == {"text": "Placeholder.", "answers": "qst_1"}
    assert here.seen[1].headers["If-Match"] == '"r2"'
    assert "sup_1  supplement  sequence 3" in capsys.readouterr().out
    here.says(reply(200, {**STATUS, "questions": []}))
    assert main(["answer", "ref_1", "--text", "Placeholder."]) == 2
    assert "--facts" in capsys.readouterr().err
    here.says(reply(201, message))
    assert main(["answer", "ref_1", "--text", "Placeholder.", "--facts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == message
    here.says(problem(412, "referral-changed", sequence=9))
    assert main(["answer", "ref_1", "--text", "Placeholder.", "--question", "qst_1"]) == 1


def test_a_referral_is_withdrawn_once(here: Script):
    message = {"id": "wdr_1", "kind": "withdrawal", "referral": "ref_1", "sequence": 3}
    here.says(reply(201, {**message, "received_at": RECEIPT["received_at"], "items": []}))
    for items in ((), (), ("--item", "1-1", "--item", "1-2")):
        assert main(["withdraw", "ref_1", "--reason", "Placeholder.", *items]) == 0
    keys = [one.headers["Idempotency-Key"] for one in here.seen]
    assert keys[0] == keys[1] != keys[2]
    assert json.loads(here.seen[2].body) == {"reason": "Placeholder.", "items": ["1-1", "1-2"]}


def test_keys_are_written(here: Script, capsys):
    here.says(reply(200, {"keys": [{"kid": "k1", "kty": "OKP", "crv": "Ed25519"}]}))
    assert main(["keys"]) == 0
    assert capsys.readouterr().out == "k1  OKP  Ed25519\n"
    assert main(["keys", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"keys": [{"kid": "k1", "kty": "OKP", "crv": "Ed25519"}]}
    here.says(problem(404, "not-found"))
    assert main(["keys"]) == 1


def test_what_the_platform_says_cannot_move_the_cursor(here: Script, capsys):
    hostile = "\x1b[2J\x9b31m\u202e\r\nfalse line"
    items = [{**RECEIPT["items"][0], "status": hostile}]
    here.says(reply(200, {**STATUS, "agency_reference": hostile, "items": items}))
    assert main(["status", "ref_1"]) == 0
    shown = capsys.readouterr().out
    assert "\\x1b[2J" in shown
    assert all(one.isprintable() for one in shown.replace("\n", ""))
    assert "\nfalse line" not in shown
    here.says(problem(409, "x", detail=hostile))
    assert main(["status", "ref_1"]) == 1
    assert all(one.isprintable() for one in capsys.readouterr().err.replace("\n", ""))
    here.says(reply(200, {**STATUS, "agency_reference": hostile}))
    assert main(["status", "ref_1", "--json"]) == 0
    assert all(" " <= one <= "~" for one in capsys.readouterr().out.strip())


class TestVerify:
    SECRET = webhook.new_secret()
    AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str]:
        data = {"referral": "ref_1", "sequence": 1}
        body = json.dumps({"type": "referral.received", "timestamp": self.AT.isoformat(), "data": data}).encode()
        headers = webhook.sign(body, message_id="msg_1", at=self.AT, secrets=[self.SECRET])
        (tmp_path / "body").write_bytes(body)
        (tmp_path / "headers").write_text("".join(f"{name.title()}: {value}\r\n" for name, value in headers.items()))
        (tmp_path / "headers.json").write_text(json.dumps(headers))
        (tmp_path / "secret").write_text(f"{webhook.new_secret()}\n{self.SECRET}\n")
        return ["verify", "--body", str(tmp_path / "body"), "--secret-file", str(tmp_path / "secret"), "--headers"]

    def test_a_callback_in_files_is_verified(self, files, tmp_path, capsys, monkeypatch):
        monkeypatch.delenv("NOTICE_INTAKE_URL", raising=False)
        for headers in ("headers", "headers.json"):
            assert main([*files, str(tmp_path / headers), "--at", "2026-03-02T09:01:00Z"]) == 0
            assert "msg_1  referral.received  ref_1" in capsys.readouterr().out
        assert main([*files, str(tmp_path / "headers"), "--json", "--at", "2026-03-02T09:01:00"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == "msg_1"

    def test_one_that_is_old_or_spoilt_ends_with_1(self, files, tmp_path, capsys):
        headers = tmp_path / "headers"
        assert main([*files, str(headers)]) == 1
        assert main([*files, str(headers), "--tolerance", "900000000"]) == 0
        headers.write_text(headers.read_text() + "Webhook-Id: msg_1\n")
        assert main([*files, str(headers), "--at", "2026-03-02T09:01:00Z"]) == 1
        assert "callback-refused" in capsys.readouterr().err

    def test_a_secret_that_is_none_ends_with_2(self, files, tmp_path, monkeypatch, capsys):
        (tmp_path / "secret").write_text("whsec_no")
        assert main([*files, str(tmp_path / "headers")]) == 2
        assert "whsec_no" not in capsys.readouterr().err.replace("whsec_ and", "")
        (tmp_path / "secret").write_text("")
        assert main([*files, str(tmp_path / "headers")]) == 2
        assert main([*files, str(tmp_path / "headers"), "--at", "noon"]) == 2
        without = [one for one in files if one != "--secret-file" and not one.endswith("secret")]
        monkeypatch.setenv("NOTICE_INTAKE_WEBHOOK_SECRET", self.SECRET)
        assert main([*without, str(tmp_path / "headers"), "--at", "2026-03-02T09:00:00Z"]) == 0


def test_every_command_has_its_help():
    done = run("--help")
    assert done.returncode == 0
    for name in ("submit", "bulk", "status", "watch", "answer", "withdraw", "verify", "keys"):
        assert f"\n    {name} " in done.stdout
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
    assert "exit codes:" in done.stdout
