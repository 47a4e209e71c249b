"""docs/refer-to-us.md: an agency's engineer who types what is printed there gets what is printed there."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from contract.closed import SCHEMAS
from jsonschema import Draft202012Validator
from loopback import Served, served
from printed import ROOT, block, blocks, codes, rows, section, text

from notice_intake.contract.problems import explanations
from notice_intake.contract.referrals import HASHES, MAX_ITEMS
from notice_intake.core.codes import ItemStatus, Outcome, QuestionReason
from notice_intake.core.referrals import CLOCK_SKEW
from notice_intake.core.retries import DEFAULT, JITTER
from notice_intake.delivery.guard import CallbackPolicy, Deadlines
from notice_intake.flows.work import work
from notice_intake.settings import Settings

__all__ = ["served"]  # a fixture

PAGE = text("refer-to-us.md")


def printed_json(heading: str, holding: str = "") -> Any:
    return json.loads(block(section(PAGE, heading), "json", holding))


def shape(value: Any) -> Any:
    """Return the names and types of a document."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


SEND = block(section(PAGE, "## Send a referral"), "sh", "JSON")
FIRST = json.loads(re.search(r"<<'JSON'\n(.*)\nJSON", SEND, re.DOTALL)[1])


def test_the_environment_is_what_the_platform_gives(served):
    named = set(re.findall(r"(\w+)=", block(PAGE, "console", "export")))
    assert named == {"BASE", "TOKEN", "WEBHOOK_SECRET"}
    programs = "".join((*blocks(PAGE, "python"), *blocks(PAGE, "sh")))
    assert named <= set(re.findall(r"[A-Z_]+", programs))


def assert_fits(schema: str, member: str, value: Any) -> None:
    """Check a printed member; digests are printed short and fit no schema."""
    found = SCHEMAS[schema]
    Draft202012Validator({**found["properties"][member], "$defs": found["$defs"]}).validate(value)


def test_the_first_referral_gets_the_receipt_that_is_printed(served):
    receipt = json.loads(served.shell(SEND))
    printed = printed_json("## Send a referral", '"journal"')
    assert shape(receipt) == shape(printed)
    for name in ("id", "items"):
        assert_fits("receipt", name, printed[name])
    same = ("agency_reference", "instrument", "due_kind", "due_rule", "binding")
    assert {name: receipt[name] for name in same} == {name: printed[name] for name in same}
    assert [one["reference"] for one in receipt["items"]] == ["31-1", "31-2"]
    assert served.get(receipt["status_path"])["agency_reference"] == FIRST["agency_reference"]
    assert json.loads(served.shell(SEND)) == receipt, "the same command again is the same referral"


def test_the_same_bytes_under_the_same_key_are_stored_once(served):
    key = {"Idempotency-Key": "k" * 16}
    first, again = (served.refer(FIRST, **key) for _ in range(2))
    assert again.json() == first.json()
    header, value = re.search(r"`(Idempotency-Replayed): (true)`", PAGE.replace("\n", " ")).groups()
    assert (header in first.headers, again.headers[header]) == (False, value)
    keyless = served.refer(FIRST)
    assert (keyless.status_code, keyless.json()["referral"]) == (409, first.json()["id"])
    assert keyless.headers["Location"].endswith(first.json()["id"])
    assert served.refer({**FIRST, "language": "fr"}, **key).json()["type"].endswith("idempotency-key-reused")


@pytest.mark.parametrize("heading", ["### A notice under the Digital Services Act", "## Removal orders"])
def test_the_other_documents_are_accepted_as_printed(served, heading):
    document = printed_json(heading)
    answer = served.refer(document)
    assert answer.status_code == 201, answer.text
    legal = document["instrument"] == "eu.tco.removal_order"
    assert answer.json()["due_kind"] == ("legal" if legal else "house")


def schema(instrument: str) -> Any:
    return json.loads((ROOT / "schemas" / f"referral.{instrument}.json").read_text(encoding="utf-8"))


def test_the_table_of_fields_says_what_the_schema_asks_for():
    table = {codes(cells[0])[0]: cells[1] for cells in rows(section(PAGE, "### What stands in it"), "field")}
    published = schema("eu.iru.referral")
    assert set(table) == set(published["properties"])
    assert {name for name, required in table.items() if required.startswith("yes")} == set(published["required"])
    order, notice = set(schema("eu.tco.removal_order")["required"]), set(schema("eu.dsa.notice")["required"])
    assert set(published["required"]) - order == {
        name for name, said in table.items() if said == "yes, but for an order"
    }
    assert "for an order" in table["issued_at"]
    assert "issued_at" in order
    assert "good_faith" in notice


def test_an_order_lists_all_that_is_mandatory(served):
    table = section(PAGE, "## Removal orders").split("Beyond the fields")[1]
    mandatory = [codes(cells[0]) for cells in rows(table, "field")]
    document = printed_json("## Removal orders")
    definitions = schema("eu.tco.removal_order")["$defs"]
    order = definitions["Order"]
    listed = {names[0].removeprefix("removal_order/"): set(names[1:]) for names in mandatory}
    assert set(order["required"]) == set(listed) - {"issued_at", "items"}
    for name, kind in (("issuing_authority", "IssuingAuthority"), ("addressee", "Addressee"), ("redress", "Redress")):
        assert set(definitions[kind]["required"]) == listed[name]
    for names in mandatory:
        path = names[0].split("/")
        broken = json.loads(json.dumps(document))
        holder = broken[path[0]] if len(path) > 1 else broken
        del holder[path[-1]]
        answer = served.refer(broken)
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/" + names[0]]
    optional = set(codes(table.split("optional here:")[1].split("Countries")[0]))
    assert optional == set(order["properties"]) - set(listed) | {
        name
        for part, kind in (("issuing_authority", "IssuingAuthority"), ("addressee", "Addressee"))
        for name in definitions[kind]["properties"].keys() - listed[part]
    }


def test_the_kinds_of_target_are_accepted_as_printed(served):
    digests = {"…": "a" * 64}
    for number, cells in enumerate(rows(PAGE, "`target`")):
        target = json.loads(codes(cells[0])[0].replace('"@…"', '"@example"'))
        if "url" in target:
            target["url"] = f"https://platform.example/p{number}"
        target = json.loads(json.dumps(target, ensure_ascii=False).replace("…", digests["…"]))
        item = {"reference": "1", "target": target}
        answer = served.refer({**FIRST, "agency_reference": f"T-{number}", "items": [item]})
        assert answer.status_code == 201, answer.text
    assert {"sha-256", *codes(rows(PAGE, "`target`")[-1][1])} == set(HASHES)


def test_a_problem_looks_as_printed(served):
    printed = printed_json("## When it is refused", '"errors"')
    answer = served.refer({name: value for name, value in FIRST.items() if name != "language"})
    assert shape(answer.json()) == shape(printed)
    assert {**answer.json(), "instance": ""} == {**printed, "instance": ""}
    assert answer.headers["X-Request-Id"] == answer.json()["instance"]


def test_every_problem_that_an_agency_can_meet_is_in_the_table():
    table = rows(section(PAGE, "## When it is refused"), "status")
    printed = {codes(cells[1])[0]: int(cells[0]) for cells in table}
    assert printed == {slug: one["status"] for slug, one in explanations().items()}
    advice = {codes(cells[1])[0]: cells[2].strip() for cells in table}
    assert advice == {slug: one["advice"] for slug, one in explanations().items()}


def test_the_codes_of_faults_exist():
    printed = {code for cells in rows(PAGE, "code in `errors`") for code in codes(cells[0])}
    package = ROOT / "notice_intake"
    readers = [
        *(package / "contract").glob("*.py"),
        package / "core" / "referrals.py",
        package / "flows" / "receive.py",
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in readers)
    assert [one for one in printed if f'"{one}"' not in code] == []
    found = set(re.findall(r'FieldError\([^,]+, "(\w+)"', code)) | set(re.findall(r', "(\w+)", detail\)', code))
    assert found <= printed


def test_many_are_answered_line_by_line_and_may_be_sent_again(served):
    heading = "## Many at once"
    good = {**FIRST, "agency_reference": "EX-LINE-1"}
    lines = [json.dumps(good), json.dumps({**good, "agency_reference": "EX-LINE-2", "language": "?"})]
    (served.cwd / "referrals.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = block(section(PAGE, heading), "sh", "bulk")
    answers = [json.loads(line) for line in served.shell(command).splitlines()]
    printed = [json.loads(line) for line in block(section(PAGE, heading), "json", '"line"').splitlines()]
    for answer, expected in zip(answers, printed, strict=True):
        assert set(answer) == set(expected)
        assert (answer["line"], answer["status"]) == (expected["line"], expected["status"])
    assert answers[1]["problem"]["type"] == printed[1]["problem"]["type"]
    assert answers[0]["receipt"]["id"].startswith("ref_")
    streaming = re.search(r"`(--request POST --upload-file \S+)`", " ".join(PAGE.split()))[1]
    again = json.loads(served.shell(command.replace("--data-binary @referrals.ndjson", streaming)).splitlines()[0])
    assert again == {**answers[0], "replayed": True}


def test_a_stream_of_one_line_sent_again_gets_its_receipt_too(served):
    headers = {**served.headers, "Content-Type": "application/x-ndjson"}
    first, again = (
        requests.post(f"{served.base}/v1/referrals/bulk", data=json.dumps(FIRST), headers=headers, timeout=10).json()
        for _ in range(2)
    )
    assert again == {**first, "replayed": True}


def test_lists_and_etags_are_read_as_told(served):
    one = served.refer(FIRST).json()
    url = served.base + one["status_path"]
    etag = requests.get(url, headers=served.headers, timeout=10).headers["ETag"]
    assert requests.get(url, headers={**served.headers, "If-None-Match": etag}, timeout=10).status_code == 304
    since = re.search(r"`\?(updated_since=\S+)`", PAGE)[1]
    page = served.get(f"/v1/referrals?{since}&limit=200")
    assert ([found["id"] for found in page["referrals"]], page["next"]) == ([one["id"]], None)
    assert "limit" in served.get("/v1/referrals?limit=201")["errors"][0]["pointer"]


def test_the_words_for_status_and_outcome_are_all_there():
    table = rows(section(PAGE, "## What became of it"), "status")
    assert [codes(cells[0])[0] for cells in table] == [str(one) for one in ItemStatus]
    assert [codes(cells[0])[0] for cells in rows(PAGE, "outcome")] == [str(one) for one in Outcome]
    assert [codes(cells[0])[0] for cells in rows(PAGE, "reason_code")] == [str(one) for one in QuestionReason]


def test_the_printed_supplement_is_taken(served):
    receipt = served.refer(FIRST).json()
    served.environment |= {"REFERRAL": receipt["id"], "ETAG": '"r1"'}
    answer = json.loads(served.shell(block(PAGE, "sh", "/supplements")))
    assert answer["kind"] == "supplement"
    assert [one["reference"] for one in answer["items"]] == ["31-1"]
    assert json.loads(served.shell(block(PAGE, "sh", "/supplements")))["status"] == 412


def listening(served: Served, process: subprocess.Popen[str]) -> str:
    url = f"http://127.0.0.1:{served.environment['PORT']}/"
    for _ in range(100):
        try:
            requests.get(url, timeout=1)
            return url
        except requests.ConnectionError:
            assert process.poll() is None, "the sample ended"
            time.sleep(0.05)
    raise AssertionError("the sample does not listen")


def test_the_printed_receiver_verifies_what_is_sent_and_takes_it_once(served):
    process = served.python(block(PAGE, "python", "WebhookVerificationError"))
    try:
        url = listening(served, process)
        served.refer(FIRST)
        served.decide_all()
        events = served.get("/v1/events")["events"]
        forged = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        assert requests.post(url, data=b"{}", headers=forged, timeout=5).status_code == 400
        again = events[0]["id"]
        with served.mount.storage.begin() as tx:
            table = tx.tables.outbox
            undelivered = table.c.id == again
            tx.execute(table.update().where(undelivered).values(state="due", lease_until=None, lease_token=None))
        work(served.mount, stop=threading.Event(), once=True)
    finally:
        process.terminate()
        said = [line.split() for line in process.communicate(timeout=10)[0].splitlines()]
    assert [int(line[0]) for line in said] == list(range(1, len(events) + 1)), "in order, and the repeated one once"
    assert said[0][1] == "referral.received"
    assert ["item.effected", "31-1", "removed"] in [line[1:] for line in said]


def test_a_callback_looks_as_printed(served):
    served.refer(FIRST)
    served.mount.platform.gone.clear()
    served.decide_all()
    events = served.get("/v1/events")["events"]
    printed = printed_json("## Callbacks", '"item.effected"')
    (event,) = [one for one in events if one["type"] == "item.effected" and one["data"]["item_reference"] == "31-1"]
    assert shape({name: value for name, value in event.items() if name != "id"}) == shape(printed)
    assert event["data"]["status"] == printed["data"]["status"]
    first = events[0]["data"]
    assert set(first) - set(event["data"]) == {"instrument", "items", "due_at"}


def test_what_is_told_of_retries_and_addresses_is_so():
    page = " ".join(PAGE.split())
    waits = re.search(r"at once, then after (.*?), each give or take a fifth", page)[1]
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    told = [timedelta(**{units[unit]: int(number)}) for number, unit in re.findall(r"(\d+) (s|min|h)\b", waits)]
    assert (timedelta(0), *told) == DEFAULT
    assert f"{len(DEFAULT)} times over some {round(sum(DEFAULT, timedelta()) / timedelta(hours=1))} hours" in page
    assert JITTER == 1 / 5
    assert f"within {Deadlines().read:.0f} seconds" in page
    policy = CallbackPolicy()
    assert f"must be `{policy.schemes[0]}`, on port {policy.ports[0]} or {policy.ports[1]}, on a public host" in page
    assert (policy.schemes, len(policy.ports)) == (("https",), 2)


def test_the_limits_are_those_of_the_code():
    assert Settings().max_body_bytes == 1024 * 1024
    assert Settings().max_line_bytes == 256 * 1024
    assert MAX_ITEMS == 100
    assert timedelta(minutes=5) == CLOCK_SKEW
    for words in ("1 MiB is the limit, or 256 KiB for a line", "1 to 100, each", "more than five minutes ahead"):
        assert words in " ".join(PAGE.split())


def test_the_printed_poller_reads_everything_once(served):
    code = block(PAGE, "python", "events-place.txt")

    def poll() -> list[list[str]]:
        process = served.python(code)
        lines = process.communicate(timeout=30)[0].splitlines()
        assert process.returncode == 0
        return [line.split() for line in lines]

    receipt = served.refer(FIRST).json()
    (first,) = poll()
    assert first[1:3] == ["1", "referral.received"]
    assert poll() == []
    served.decide_all()
    later = poll()
    assert [one[1] for one in later] == [str(number) for number in range(2, 2 + len(later))]
    assert {one["status"] for one in served.get(receipt["status_path"])["items"]} == {"effected"}
    assert later[-1][2] == "item.effected"


def test_every_printed_program_is_tried_here():
    # The third is tried by test_refer_to_us_client.py.
    assert len(blocks(PAGE, "python")) == 3
    # That of the sandbox is tried by test_conformance_page.py.
    assert len(blocks(PAGE, "sh")) == 4
    assert len(blocks(PAGE, "json")) == 6
