"""The files in schemas/ are what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from notice_intake.regimes.publish import published

FOLDER = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("name", sorted(published()))
def test_a_published_file_is_current(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == published()[name], "run: make schemas"


@pytest.mark.parametrize("name", sorted(published()))
def test_a_published_file_is_a_json_schema(name):
    Draft202012Validator.check_schema(json.loads(published()[name]))


def test_nothing_else_is_published():
    assert {path.name for path in FOLDER.glob("referral.*.json")} == set(published())
