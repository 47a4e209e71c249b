"""X-ARF reports, as others wrote them and as nobody should, turned into referrals."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.core import referrals
from notice_intake.core.catalogue import NOT_SPECIFIED_NOTICE
from notice_intake.core.links import canonical_link
from notice_intake.errors import DocumentRefused
from notice_intake.formats.xarf import REASONS_LIMIT, XarfReferral, referral_from_xarf
from notice_intake.regimes import eu_dsa
from notice_intake.regimes.regime import rulebook

FOLDER = Path(__file__).parents[1] / "data" / "xarf"
NAMES = ("content-exposed-data", "content-fraud", "content-malware", "content-phishing", "content-remote-compromise",
         "copyright-copyright", "copyright-link-site", "copyright-ugc-platform")  # fmt: skip
SCAMS = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
PROPERTY = "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"
COPYRIGHT = ["KEYWORD_COPYRIGHT_INFRINGEMENT"]
ALWAYS = {"legal ground", "platform's terms", "good faith", "language", "time of issue", "payload of the evidence"}


def sample(name: str = "content-phishing", **changes: Any) -> dict[str, Any]:
    """Return a sample with fields changed; ``...`` takes a field out."""
    report: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8")) | changes
    return {field: value for field, value in report.items() if value is not ...}


def item_of(referral: XarfReferral) -> dict[str, Any]:
    (item,) = referral.document["items"]  # type: ignore[misc]
    assert isinstance(item, dict)
    return item


def faults_of(report: Any) -> dict[str, str]:
    with pytest.raises(DocumentRefused) as refused:
        referral_from_xarf(report)
    assert all(fault.detail for fault in refused.value.errors)
    return {fault.pointer: fault.code for fault in refused.value.errors}


@cache
def notice() -> Any:
    return rulebook([eu_dsa.REGIME]).contracts["eu.dsa.notice"]


def check_contract(document: Mapping[str, Any]) -> None:
    """Check what an import asserts; a notifier adds the two things that it cannot."""
    asserted = {"good_faith": True, "grounds": [{"kind": "law", "reference": "x"}]}
    assert not asserted.keys() & document.keys()
    notice().check({**document, **asserted})
    referrals.build(document, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "link", "category", "keywords", "hashed", "gaps"),
    [
        ("content-exposed-data", "http://exposed-database.example.com:8080/dump.sql",
         "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", [], False, {"in words"}),
        ("content-fraud", "https://crypto-scam-invest.example.com/guaranteed-returns", SCAMS, [], False, set()),
        ("content-malware", "http://download-center.example.com/setup.exe", NOT_SPECIFIED_NOTICE, [], True,
         {"in words", "no category for content, malware"}),
        ("content-phishing", "http://secure-banking-login.example.com/auth", SCAMS, ["KEYWORD_PHISHING"], False,
         {"in words", "digest of nothing"}),
        ("content-remote-compromise", "https://compromised-blog.example.com/wp-admin/shell.php", NOT_SPECIFIED_NOTICE,
         [], False, {"in words", "no category for content, remote_compromise"}),
        ("copyright-copyright", "http://pirate-streams.example.com/show/episode5.mp4", PROPERTY, COPYRIGHT, True,
         {"in words"}),
        ("copyright-link-site", "https://links-aggregator.example.net/movie/protected-film-2024", PROPERTY, COPYRIGHT,
         False, {"in words"}),
        ("copyright-ugc-platform", "https://video-platform.example.com/watch?v=copyrighted_content", PROPERTY,
         COPYRIGHT, False, {"in words"}),
    ],
    ids=NAMES,
)  # fmt: skip
def test_the_samples_become_referrals(
    name: str, link: str, category: str, keywords: list[str], hashed: bool, gaps: set[str]
) -> None:
    report = sample(name)
    referral = referral_from_xarf(report)
    check_contract(referral.document)
    target = item_of(referral)["target"]
    assert (target["kind"], canonical_link(target["url"])) == ("url", link)
    assert target.get("hashes", []) == (
        [{"algorithm": "sha-256", "value": report["file_hash"].removeprefix("sha256:")}] if hashed else []
    )
    assert (referral.document["category"], referral.document["keywords"]) == (category, keywords)
    assert referral.document["agency_reference"] == report["report_id"]
    assert referral.document["issued_at"] == report["timestamp"]
    assert referral.document["contact"] == {"name": report["reporter"]["org"], "email": report["reporter"]["contact"]}
    assert len(referral.gaps) == len(ALWAYS | gaps)
    assert all(any(words in gap for gap in referral.gaps) for words in ALWAYS | gaps), referral.gaps


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_report_says_is_lost(name: str) -> None:
    report = sample(name, swarm_info={"torrent_name": "a", "files": [{"n": 1}, {"n": 2}]}, own_field=[True, None, 0.5])
    referral = referral_from_xarf(report)
    told = item_of(referral)["reasons"] + json.dumps(referral.document)

    def values(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for key, inner in value.items() if key != "payload" for text in values(inner)]
        if isinstance(value, list):
            return [text for inner in value for text in values(inner)]
        return [{True: "yes", False: "no", None: "none"}.get(value, str(value))]

    for field, value in report.items():
        for text in values(value):
            assert text.removeprefix("sha256:") in told, field
    placed = {"xarf_version", "report_id", "timestamp", "category", "type", "reporter", "sender", "evidence"}
    for field, value in report.items():
        assert (
            field in placed
            or value in (item_of(referral)["target"].get("url"), referral.details.get(field))
            or (field == "file_hash")
        )


def test_the_reasons_are_lines_that_people_can_read() -> None:
    lines = item_of(referral_from_xarf(sample("content-fraud", description="A shop that ships nothing.")))["reasons"]
    first, second, *rest = lines.split("\n")
    assert first == "X-ARF 4.2.0 report: content, fraud"
    assert second == "Description: A shop that ships nothing."
    assert "Payment methods: cryptocurrency, wire_transfer, gift_cards" in rest
    assert "Law enforcement contacted: yes" in rest
    assert "Estimated loss USD: 50000" in rest


def test_evidence_is_described_checked_and_left_in_the_report() -> None:
    report = sample()
    report["evidence"].append({"content_type": "text/plain", "payload": "not base64!", "hash": "md5:" + "0" * 32})
    report["evidence"].append(report["evidence"][0] | {"hash": "sha256:" + "0" * 64})
    referral = referral_from_xarf(report)
    assert [(one.size, one.matches) for one in referral.evidence] == [(70, True), (54, True), (None, None), (70, False)]
    reasons = item_of(referral)["reasons"]
    assert "Evidence 1: image/png, Screenshot of phishing page mimicking bank login, 70 octets, sha256:6b7f" in reasons
    assert reasons.count("which is not that of the payload") == 1
    assert report["evidence"][0]["payload"] not in json.dumps(referral.document)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"url": ..., "infringing_url": "hxxp://a[.]example/1"}, {"kind": "url", "url": "hxxp://a[.]example/1"}),
        ({"url": ..., "swarm_info": {"magnet_uri": "magnet:?xt=urn:btih:0"}},
         {"kind": "url", "url": "magnet:?xt=urn:btih:0"}),
        ({"url": ..., "file_hash": "md5:" + "A" * 32},
         {"kind": "file", "hashes": [{"algorithm": "md5", "value": "a" * 32}]}),
        ({"url": ..., "hash_values": {"sha1": "b" * 40, "md5": "c" * 32}},
         {"kind": "file",
          "hashes": [{"algorithm": "sha-1", "value": "b" * 40}, {"algorithm": "md5", "value": "c" * 32}]}),
        ({"url": ..., "domain": "a.example"}, {"kind": "url", "url": "a.example"}),
        ({"url": ...}, {"kind": "url", "url": "203.0.113.45"}),
        ({"url": ..., "source_identifier": "2001:db8::1"}, {"kind": "url", "url": "[2001:db8::1]"}),
    ],
    ids=["copyright", "magnet", "digest", "digests", "domain", "IPv4", "IPv6"],
)  # fmt: skip
def test_the_target_is_the_best_address_there_is(changes: dict[str, Any], target: dict[str, Any]) -> None:
    referral = referral_from_xarf(sample(**changes))
    assert item_of(referral)["target"] == target
    check_contract(referral.document)
    names_no_content = target.get("url") in {"a.example", "203.0.113.45", "[2001:db8::1]"}
    assert any("names no content" in gap for gap in referral.gaps) is names_no_content


def test_a_malformed_digest_stays_in_words() -> None:
    referral = referral_from_xarf(sample(file_hash="sha256:12"))
    assert "hashes" not in item_of(referral)["target"]
    assert referral.details["file_hash"] == "sha256:12"
    assert "File hash: sha256:12" in item_of(referral)["reasons"]


@pytest.mark.parametrize(
    ("changes", "category", "keywords"),
    [
        ({"type": "csam", "media_type": "image"}, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
         ["KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"]),
        ({"type": "csem", "exploitation_type": "grooming"}, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
         ["KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS"]),
        ({"type": "csem", "exploitation_type": ["grooming"]}, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS", []),
        ({"type": "brand_infringement"}, PROPERTY, ["KEYWORD_TRADEMARK_INFRINGEMENT"]),
        ({"category": "copyright", "type": "anything"}, PROPERTY, COPYRIGHT),
        ({"category": "connection", "type": "ddos"}, NOT_SPECIFIED_NOTICE, []),
        ({"type": "suspicious_registration"}, NOT_SPECIFIED_NOTICE, []),
    ],
)  # fmt: skip
def test_types_beyond_the_samples_are_filed_too(changes: dict[str, Any], category: str, keywords: list[str]) -> None:
    referral = referral_from_xarf(sample(**changes))
    assert (referral.document["category"], referral.document["keywords"]) == (category, keywords)
    check_contract(referral.document)
    assert any("may not be about content" in gap for gap in referral.gaps) is (changes.get("category") == "connection")


def test_gaps_follow_from_what_is_really_missing() -> None:
    other = {"org": "Clearing house", "contact": "desk@clearing.example", "domain": "clearing.example"}
    said = referral_from_xarf(sample(description="It copies a bank's page."))
    assert not any("in words" in gap for gap in said.gaps)
    assert not any("sender" in gap for gap in said.gaps)
    sent = referral_from_xarf(sample(sender=other, evidence=..., _internal={"ticket": "secret-7"}))
    assert any("Reporter and sender are not the same" in gap for gap in sent.gaps)
    assert "Sent by: Clearing house, desk@clearing.example, clearing.example" in item_of(sent)["reasons"]
    assert "It carries no evidence." in sent.gaps
    assert any("internal data" in gap for gap in sent.gaps)
    assert "secret-7" not in repr(sent)


@pytest.mark.parametrize(
    ("timestamp", "issued_at"),
    [
        ("2025-01-11T15:15:24.123456789Z", "2025-01-11T15:15:24.123456Z"),
        ("2025-01-11t15:15:24z", "2025-01-11T15:15:24Z"),
        ("2025-01-11T15:15:24-05:00", "2025-01-11T15:15:24-05:00"),
        ("2025-01-11T15:15:24", None),
        ("2025-02-30T15:15:24Z", None),
        ("2025-01-11T15:15:60Z", None),
        ("2025-01-11T15:15:24+99:00", None),
        ("2025-01-11", None),
    ],
)
def test_times(timestamp: str, issued_at: str | None) -> None:
    report = sample(timestamp=timestamp)
    if issued_at is None:
        assert faults_of(report) == {"/timestamp": "invalid"}
    else:
        referral = referral_from_xarf(report)
        assert referral.document["issued_at"] == issued_at
        check_contract(referral.document)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"xarf_version": "3.2.0"}, {"/xarf_version": "invalid"}),
        ({"xarf_version": 4.2}, {"/xarf_version": "invalid"}),
        ({"xarf_version": ..., "type": ..., "reporter": ...},
         {"/xarf_version": "required", "/type": "required", "/reporter": "required"}),
        ({"report_id": "1234"}, {"/report_id": "invalid"}),
        ({"category": "weather"}, {"/category": "invalid"}),
        ({"category": "content\n"}, {"/category": "invalid"}),
        ({"reporter": "Somebody"}, {"/reporter": "not_an_object"}),
        ({"reporter": None}, {"/reporter": "not_an_object"}),
        ({"sender": {"org": "x" * 201, "contact": "nobody", "phone": "1"}},
         {"/sender/org": "too_long", "/sender/contact": "invalid", "/sender/domain": "required",
          "/sender": "unknown_field"}),
        ({"evidence": {"content_type": "a"}}, {"/evidence": "invalid"}),
        ({"evidence": [1, {"payload": 2, "hash": "crc32:0", "size": "big"}]},
         {"/evidence/0": "not_an_object", "/evidence/1/content_type": "required", "/evidence/1/payload": "invalid",
          "/evidence/1/hash": "invalid", "/evidence/1/size": "invalid"}),
        ({"evidence": [{"content_type": "text/plain", "payload": ""}] * 51}, {"/evidence": "too_many"}),
        ({"tags": "a:b"}, {"/tags": "invalid"}),
        ({"description": "x" * 1001}, {"/description": "too_long"}),
        ({"url": 7}, {"/url": "invalid"}),
        ({"url": "javascript:alert(1)"}, {"/url": "bad_link"}),
        ({"url": "https://a.example/" + "x" * 5000}, {"/url": "bad_link"}),
        ({"url": "https://a.example/x" + " " * 5000}, {"/url": "bad_link"}),
        ({"url": ..., "source_identifier": "somebody@example.com"}, {"/source_identifier": "bad_link"}),
        ({"target_brand": "a\x00b"}, {"/target_brand": "bad_character"}),
        ({"target_brand": {"a/b": ["\ud800"]}}, {"/target_brand/a~1b/0": "bad_character"}),
        ({"\x00": 1}, {"": "bad_character"}),
        ({"scheme_description": "x" * (REASONS_LIMIT + 1)}, {"/scheme_description": "too_long"}),
        ({"own": nested(40)}, {"/own" + "/0" * 7: "too_deep"}),
        ({"own": CYCLE}, {"/own" + "/0" * 7: "too_deep"}),
        ({"own": 10**5000}, {"/own": "invalid"}),
        ({"own": float("nan")}, {"/own": "invalid"}),
        ({"own": b"bytes"}, {"/own": "invalid"}),
        ({"own": {1: 2}}, {"/own": "bad_character"}),
    ],
    ids=range(29),
)  # fmt: skip
def test_what_is_not_xarf_is_refused_with_pointers(changes: dict[str, Any], faults: dict[str, str]) -> None:
    assert faults_of(sample(**changes)) == faults


@pytest.mark.parametrize("report", [None, [], "x", 7, {}])
def test_what_is_no_report_at_all_is_refused(report: Any) -> None:
    assert faults_of(report)


def test_a_document_made_of_faults_gets_a_short_answer() -> None:
    assert len(faults_of(sample(own=["\x00"] * 100_000))) <= 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) | st.sampled_from(
        ["x" * 30_000, "\x00", "\ud800", "https://a.example/", "sha256:" + "a" * 64, "2001:db8::1", "a.example", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["xarf_version", "report_id", "timestamp", "reporter", "sender", "source_identifier", "source_port", "category",
     "type", "evidence", "tags", "confidence", "description", "_internal", "url", "infringing_url", "domain",
     "file_hash", "file_info", "hash_values", "swarm_info", "media_type", "exploitation_type", "own"]
)  # fmt: skip
INNER = st.sampled_from(["org", "contact", "domain", "content_type", "payload", "hash", "size", "magnet_uri", "sha256"])


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


@cache
def core_schema() -> Any:
    schema = json.loads((FOLDER / "xarf-core.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


#: What we accept, the core schema accepts: in these fields.
MUST = ("xarf_version", "reporter", "sender", "source_identifier", "category", "type", "description", "evidence")


@given(st.sampled_from(NAMES), st.lists(st.tuples(FIELDS, st.none() | INNER, JSON | st.just(...)), max_size=4))
@settings(max_examples=600, deadline=None)
def test_a_mutated_report_is_refused_or_keeps_the_contract(
    name: str, mutations: list[tuple[str, str | None, Any]]
) -> None:
    report = sample(name)
    for field, inner, value in mutations:
        holder, key = report, field
        if inner is not None and isinstance(report.get(field), dict):
            holder, key = report[field], inner
        elif inner is not None and isinstance(report.get(field), list) and any(map(is_object, report[field][:1])):
            holder, key = report[field][0], inner
        if value is ...:
            holder.pop(key, None)
        else:
            holder[key] = value
    before = copy.deepcopy(report)
    try:
        referral = referral_from_xarf(report)
    except DocumentRefused:
        assert faults_of(report)
        return
    assert repr(report) == repr(before)
    notice().check({**referral.document, "good_faith": True, "grounds": [{"kind": "law"}]})
    lenient = [error for error in core_schema().iter_errors(report) if error.path and error.path[0] in MUST]
    assert not lenient, lenient
