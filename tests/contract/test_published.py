"""The files in schemas/ are what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from contract.closed import SCHEMAS, check
from jsonschema import Draft202012Validator

from notice_intake.contract.events import EVENTS
from notice_intake.contract.problem_examples import EXAMPLES
from notice_intake.contract.problems import explanations
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.regimes.publish import main, published
from notice_intake.regimes.regime import rulebook

FOLDER = Path(__file__).parents[2] / "schemas"
FILES = published()
#: Lists of what has a schema of its own, and what speaks for itself.
PAGES = {"referrals.json", "deliveries.json", "keys.json", "health.json", "readiness.json"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_published_file_is_current(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == FILES[name], "run: make schemas"


def test_nothing_else_is_published():
    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith("vectors/")} - {"README.md"} == set(FILES)


def test_the_page_names_every_kind_of_file():
    page = (FOLDER.parent / "docs" / "the-contract.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.]+\.json)`", page))
    files = {name for name in FILES if "/" not in name}
    assert named <= files
    assert {name for name in files - named if not name.startswith("referral.")} <= PAGES


def test_what_is_published_no_more_goes(tmp_path):
    (tmp_path / "examples").mkdir()
    old = [tmp_path / "old.json", tmp_path / "examples" / "old.json"]
    for path in old:
        path.write_text("{}")
    (tmp_path / "README.md").write_text("kept")
    main(tmp_path)
    assert not any(path.exists() for path in old)
    assert (tmp_path / "README.md").exists()
    assert (tmp_path / "receipt.json").read_text(encoding="utf-8") == FILES["receipt.json"]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_one_and_needs_nothing_from_the_net(name):
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:notice-intake:schema:v1:{name}"
    text = json.dumps(schema)
    for part in text.split('"$ref": "')[1:]:
        reference = part.partition('"')[0]
        assert reference.removeprefix("#/$defs/") in schema["$defs"], reference


@pytest.mark.parametrize("name", [name for name in sorted(FILES) if name.startswith("examples/")])
def test_an_example_keeps_its_schema(name):
    document = json.loads(FILES[name])
    stem = name.removeprefix("examples/").removesuffix(".json")
    if stem.startswith("problem."):
        check("problem", document["answer"]["body"])
        assert document["answer"]["body"]["status"] == document["answer"]["status"]
    else:
        check("event" if stem.startswith("event.") else stem, document)


def test_there_is_an_example_of_every_instrument_event_and_problem():
    instruments = {f"examples/referral.{code}.json" for code in rulebook(DEFAULT_REGIMES).contracts}
    events = {f"examples/event.{kind}.json" for kind in EVENTS}
    assert instruments | events <= set(FILES)
    assert {one.name.partition(".")[0] for one in EXAMPLES} == set(explanations())


def test_requests_are_closed_and_answers_are_open():
    requests = ("referral.", "supplement", "withdrawal", "complaint", "endpoint")
    for name, schema in SCHEMAS.items():
        wanted = not (name.startswith(requests) and name not in ("endpoint_status", "endpoint_test"))
        parts = [one for one in (schema, *schema.get("$defs", {}).values()) if "properties" in one]
        assert {one["additionalProperties"] for one in parts} == {wanted}, name
