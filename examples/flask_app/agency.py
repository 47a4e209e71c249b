"""An agency: it refers, receives callbacks, verifies each with a library that is not ours, and keeps its own books.

``python -m examples.flask_app.agency agency.json``. The file names the platform's address, the token, the secret of the
callbacks, the port to listen on and the plan to send; the books are written beside it, again and again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

#: What an item can end with: ``decided`` only where there was nothing to carry out.
NOTHING_TO_DO = ("no_action", "already_gone", "not_found", "not_possible")
PATIENCE = 60.0


def is_final(status: str, outcome: str | None) -> bool:
    """Say whether an item has its answer."""
    return status in ("effected", "not_possible") or (status == "decided" and outcome in NOTHING_TO_DO)


@dataclass(slots=True)
class Books:
    """What an agency knows: what was acknowledged, and what the callbacks said."""

    #: agency reference -> id of the referral on the platform
    acknowledged: dict[str, str] = field(default_factory=dict)
    #: id of the referral -> item reference -> (status, outcome), by verified callbacks alone
    told: dict[str, dict[str, tuple[str, str | None]]] = field(default_factory=dict)
    #: id of the referral -> last sequence
    sequences: dict[str, int] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    items: int = 0
    duplicates: int = 0
    rejected: int = 0
    out_of_order: int = 0
    refused_well: int = 0
    mistakes: list[str] = field(default_factory=list)
    #: Ids of the events in the feed, and what GET said about each referral; read at the end.
    feed: list[str] = field(default_factory=list)
    polled: dict[str, dict[str, tuple[str, str | None]]] = field(default_factory=dict)
    state: str = "sending"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, receipt: Mapping[str, Any]) -> None:
        with self.lock:
            if receipt["agency_reference"] not in self.acknowledged:
                self.acknowledged[receipt["agency_reference"]] = receipt["id"]
                self.items += len(receipt["items"])
                self.told.setdefault(receipt["id"], {})

    def take(self, message_id: str, body: Mapping[str, Any]) -> None:
        """Enter a verified callback."""
        data = body["data"]
        with self.lock:
            if message_id in self.verified:
                self.duplicates += 1
                return
            self.verified.add(message_id)
            if "referral" not in data:
                return
            referral, sequence = data["referral"], data["sequence"]
            if sequence != self.sequences.get(referral, 0) + 1:
                self.out_of_order += 1
            self.sequences[referral] = max(sequence, self.sequences.get(referral, 0))
            if "item_reference" in data:
                told = self.told.setdefault(referral, {})
                told[data["item_reference"]] = (data["status"], data["outcome"])

    @property
    def answered(self) -> int:
        """How many items have their answer by callback."""
        with self.lock:
            return sum(is_final(*one) for told in self.told.values() for one in told.values())

    def summary(self) -> dict[str, Any]:
        with self.lock:
            counts = ("items", "duplicates", "rejected", "out_of_order", "refused_well", "state", "mistakes")
            numbers = {name: getattr(self, name) for name in counts}
            final = sum(is_final(*one) for told in self.told.values() for one in told.values())
            return numbers | {"verified": len(self.verified), "answered": final, "referrals": len(self.acknowledged)}

    def everything(self) -> dict[str, Any]:
        summary = self.summary()
        with self.lock:
            full = {name: getattr(self, name) for name in ("acknowledged", "told", "polled", "feed", "sequences")}
            return summary | full | {"verified_ids": sorted(self.verified)}


class Receiver(ThreadingHTTPServer):
    """Listens for callbacks on loopback."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, *, books: Books, secret: str) -> None:
        super().__init__(("127.0.0.1", port), _Callback)
        self.books, self.webhook = books, Webhook(secret)


class _Callback(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            document = self.server.webhook.verify(body, headers)
        except WebhookVerificationError:
            self.server.books.rejected += 1
            self._answer(400)
            return
        self.server.books.take(headers["webhook-id"], document)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: thousands come in."""


class Sender:
    """Sends a plan and asks after what became of it. Repeats what got no answer; the platform must see to the rest."""

    def __init__(self, base: str, token: str, *, books: Books, name: str) -> None:
        self.base, self.books, self.name = base.rstrip("/"), books, name
        self.token = token
        #: Set once the platform has not answered for so long that nothing more is sent.
        self.gave_up = False
        self._local = threading.local()

    def send(self, step: Mapping[str, Any], number: int) -> None:
        if self.gave_up:
            return
        match step["how"]:
            case "single":
                self._single(step["documents"][0])
            case "bulk":
                self._bulk(step)
            case "fault":
                self._fault(step["fault"], number)

    def poll(self) -> None:
        """Read every acknowledged referral and the whole feed, to be held against the callbacks."""
        for reference, id in list(self.books.acknowledged.items()):
            answer = self.call("GET", f"/v1/referrals/{id}")
            if answer.status_code != 200 or answer.json()["agency_reference"] != reference:
                self.books.mistakes.append(f"GET {reference}: {answer.status_code}")
                continue
            items = answer.json()["items"]
            self.books.polled[id] = {one["reference"]: (one["status"], one.get("outcome")) for one in items}
        self.books.feed = [event["id"] for event in self._events()]

    def _events(self) -> Iterator[Mapping[str, Any]]:
        after = ""
        for _ in range(10_000):
            answer = self.call("GET", "/v1/events" + (f"?after={after}" if after else "")).json()
            yield from answer["events"]
            following = answer.get("next")
            if not answer["events"] or not following or following == after:
                return
            after = following

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request until it is answered: what is not acknowledged is sent again, under the same key."""
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        end, pause = time.monotonic() + PATIENCE, 0.2
        while True:
            try:
                answer = self._session().request(method, self.base + path, headers=headers, timeout=60, **options)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
                trouble: object = answer.status_code
            except requests.RequestException as error:
                trouble = error
            if time.monotonic() > end:
                self.gave_up = True
                raise TimeoutError(f"{method} {path}: {trouble}")
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        return self._local.session

    def _single(self, document: Mapping[str, Any]) -> None:
        reference = document["agency_reference"]
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{self.name}:{reference}"}
        body = json.dumps(document, ensure_ascii=False).encode()
        answer = self.call("POST", "/v1/referrals", data=body, headers=headers)
        if answer.status_code in (200, 201):
            self.books.acknowledge(answer.json())
        else:
            self.books.mistakes.append(f"{reference}: {answer.status_code} {answer.text[:300]}")

    def _bulk(self, step: Mapping[str, Any]) -> None:
        bad = {int(place): line for place, line in step["bad_lines"].items()}
        lines: list[str] = []
        for place, document in enumerate(step["documents"]):
            lines += [bad[place]] if place in bad else []
            lines.append(json.dumps(document, ensure_ascii=False))
        body = "\n".join([*lines, ""]).encode()
        answers = self._bulk_answers(body, len(lines))
        for line, answer in zip(lines, answers, strict=True):
            if line in bad.values():
                self._expect(answer["status"] == 400, f"bad line answered with {answer}")
            elif answer["status"] in (200, 201):
                self.books.acknowledge(answer["receipt"])
            else:
                self._expect(False, f"bulk: {answer}")

    def _bulk_answers(self, body: bytes, count: int) -> list[dict[str, Any]]:
        """Stream until every line has its answer; a stream that broke off is sent again as a whole."""
        headers = {"Content-Type": "application/x-ndjson"}
        end = time.monotonic() + PATIENCE
        while True:
            answers: list[dict[str, Any]] = []
            try:
                with self.call("POST", "/v1/referrals/bulk", data=body, headers=headers, stream=True) as answer:
                    if answer.status_code != 200:
                        raise RuntimeError(f"bulk: {answer.status_code} {answer.text[:300]}")
                    answers = [json.loads(line) for line in answer.iter_lines() if line]
            except (requests.RequestException, json.JSONDecodeError):
                answers = []
            again = len(answers) != count or any(one["status"] in (429, 500, 503) for one in answers)
            if not again:
                return answers
            if time.monotonic() > end:
                raise TimeoutError(f"bulk: {len(answers)} of {count} lines answered")
            time.sleep(0.5)

    def _fault(self, fault: Mapping[str, Any], number: int) -> None:
        token = self.token if fault["own_token"] else "ni1_AAAAAAAAAA_" + "A" * 87
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        answer = self.call("POST", "/v1/referrals", data=fault["body"].encode(), headers=headers)
        problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        pointers = [one["pointer"] for one in problem.get("errors", [])] or [""]
        right = (
            answer.status_code == fault["status"]
            and str(problem.get("type", "")).endswith(fault["problem"])
            and fault["pointer"] in pointers
        )
        self._expect(right, f"{fault['name']} (step {number}): {answer.status_code} {answer.text[:300]}")

    def _expect(self, right: bool, otherwise: str) -> None:
        with self.books.lock:
            if right:
                self.books.refused_well += 1
            else:
                self.books.mistakes.append(otherwise)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Put a file in its place at once, so that nobody reads half of it."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    os.replace(new, path)


def main(settings_path: str) -> int:
    settings = json.loads(Path(settings_path).read_text("utf-8"))
    status, result = Path(settings["status"]), Path(settings["result"])
    plan = json.loads(Path(settings["plan"]).read_text("utf-8"))
    books = Books()
    receiver = Receiver(settings["port"], books=books, secret=settings["webhook_secret"])
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    sender = Sender(settings["base_url"], settings["token"], books=books, name=settings["name"])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    sending = threading.Thread(target=_send_all, args=(sender, plan["steps"], settings["connections"]), daemon=True)
    sending.start()
    while not stopped.wait(0.4):
        if books.state == "sent" and books.answered == books.items:
            books.state = "settled"
        if Path(settings["finish"]).exists() and not result.exists():
            sender.poll()
            write(result, books.everything())
        write(status, books.summary())
    write(status, books.summary())
    print(json.dumps(books.summary()), flush=True)
    receiver.shutdown()
    return 0


def _send_all(sender: Sender, steps: list[dict[str, Any]], connections: int) -> None:
    with ThreadPoolExecutor(connections) as pool:
        sent = [pool.submit(sender.send, step, number) for number, step in enumerate(steps)]
    for one in sent:
        if (error := one.exception()) is not None:
            sender.books.mistakes.append(f"{type(error).__name__}: {error}")
    sender.books.state = "sent"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
