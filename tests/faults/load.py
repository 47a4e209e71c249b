"""Agencies that refer and moderators that decide, over real sockets; they remember what they were told."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from notice_intake.testing import FakeAgency

from .host import PREFIX
from .rows import Acknowledged, Taken

_REST = 0.02


@dataclass
class Client:
    """One agency's sender. A referral without an answer is sent again, unchanged, until it has one."""

    port: int
    agency: str
    token: str
    name: str
    dice: random.Random
    acknowledged: list[Acknowledged] = field(default_factory=list)
    #: What is neither an acknowledgement nor a reason to try again: there must be none.
    surprises: list[str] = field(default_factory=list)
    tries: int = 0
    #: Sent, and not answered yet.
    open: list[list[dict[str, Any]]] = field(default_factory=list)
    #: The content that it refers is numbered from here on.
    first: int = 0
    _number: int = 0

    def send(self, stop: threading.Event) -> None:
        """Refer until told to stop, one by one and as streams."""
        while not stop.is_set():
            documents = [self._document() for _ in range(self.dice.choice((1, 1, 1, 5)))]
            self.open.append(documents)
            self.finish(stop)

    def finish(self, stop: threading.Event) -> None:
        """Send what is open until it is acknowledged, or until told to stop."""
        while self.open and not stop.is_set():
            if self._sent(self.open[0]):
                self.open.pop(0)
            time.sleep(_REST)

    def _document(self) -> dict[str, Any]:
        self._number += 1
        links = [
            f"https://platform.example/p{self.first + self.dice.randrange(400)}"
            for _ in range(self.dice.choice((1, 1, 3)))
        ]
        changes = {"agency_reference": f"{self.name}-{self._number}"}
        return FakeAgency(None, self.token).document(*dict.fromkeys(links), **changes)

    def _sent(self, documents: list[dict[str, Any]]) -> bool:
        self.tries += 1
        try:
            if len(documents) == 1:
                return self._answered(documents[0], *self._post("", json.dumps(documents[0]).encode(), documents[0]))
            status, said = self._post("/bulk", b"".join(json.dumps(one).encode() + b"\n" for one in documents))
            if status != 200:
                return self._answered(documents[0], status, said)
            lines = [json.loads(line) for line in said.splitlines()]
            answers = [(one["status"], json.dumps(one.get("receipt", one)).encode()) for one in lines]
            done = [self._answered(*pair) for pair in ((documents[i], *one) for i, one in enumerate(answers))]
            return len(done) == len(documents) and all(done)
        except (OSError, HTTPException, ValueError):
            return False

    def _answered(self, document: dict[str, Any], status: int, said: bytes) -> bool:
        if status in (200, 201, 202):
            known = (self.agency, document["agency_reference"], json.loads(said)["id"], len(document["items"]))
            if Acknowledged(*known) not in self.acknowledged[-20:]:
                self.acknowledged.append(Acknowledged(*known))
            return True
        if status not in (500, 502, 503):
            self.surprises.append(f"{document['agency_reference']}: {status} {said[:300]!r}")
            return True
        if status == 500:
            self.surprises.append(f"{document['agency_reference']}: 500 instead of 503: {said[:300]!r}")
        return False

    def _post(self, path: str, body: bytes, keyed: dict[str, Any] | None = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        if keyed is not None:
            key = f"faults-key-{keyed['agency_reference']:_>12}"
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        with _connected(self.port) as connection:
            connection.request("POST", f"{PREFIX}/v1/referrals{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


@dataclass
class Moderator:
    """Decides the next case again and again, and now and then another case anew."""

    port: int
    name: str
    dice: random.Random
    taken: list[Taken] = field(default_factory=list)

    def decide(self, stop: threading.Event) -> None:
        """Decide until told to stop."""
        while not stop.is_set():
            anew = bool(self.taken) and self.dice.random() < 0.1
            again = f"&again={self.dice.choice(self.taken).case}" if anew else ""
            try:
                with _connected(self.port) as connection:
                    connection.request("POST", f"/decide?who={self.name}{again}")
                    answer = connection.getresponse()
                    said = json.loads(answer.read())
                if answer.status == 200 and said:
                    self.taken.append(Taken(said["case"], said["decision"]))
            except (OSError, HTTPException, ValueError):
                time.sleep(_REST)
            time.sleep(_REST)


@contextmanager
def _connected(port: int) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", port, timeout=8)
    try:
        yield connection
    finally:
        connection.close()
