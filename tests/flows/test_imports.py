"""X-ARF files become referrals in the queue, with what X-ARF has no word for said so."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import case_file, decide_next, queue, run_worker

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "xarf").glob("co*-*.json"))


def run(house, *args: str):
    return house.app.test_cli_runner().invoke(args=["notice-intake", "import", "xarf", "--yes", *args])


def test_all_samples_are_imported_and_shown_as_what_they_are(house):
    assert len(SAMPLES) == 8
    result = run(house, *map(str, SAMPLES))
    assert result.exit_code == 0, result.output
    assert result.output.count("ref_") == 8
    rows = queue(house)
    assert len(rows) == 8
    assert {row.instrument for row in rows} == {"eu.dsa.notice"}
    assert all("imported" in row.flags for row in rows)
    phishing = next(row for row in rows if "secure-banking-login" in row.locator)
    file = case_file(house, phishing.id)
    assert file.referrals[0].agency == "Brand Protection Service"
    assert file.referrals[0].category == "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
    assert [label for label, _ in file.referrals[0].details].count("Not said there") >= 2


def test_the_same_file_again_is_the_same_referral(house):
    first, again = run(house, str(SAMPLES[0])), run(house, str(SAMPLES[0]))
    assert "was here already" in again.output
    assert first.output.split()[1] == again.output.split()[1]
    assert len(queue(house)) == 1


def test_the_file_itself_is_kept(house):
    run(house, str(SAMPLES[0]))
    with house.mount.storage.read() as tx:
        (row,) = tx.execute(house.mount.storage.tables.original.select()).all()
    assert row.content == SAMPLES[0].read_bytes()


@pytest.mark.parametrize("content", ["not json", "[]", '{"xarf_version": "3"}'])
def test_a_file_that_is_no_report_is_refused_alone(house, tmp_path, content):
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    result = run(house, str(bad), str(SAMPLES[0]))
    assert result.exit_code == 1
    assert "bad.json: not imported:" in result.output
    assert len(queue(house)) == 1


def test_an_imported_notice_is_decided_like_any_other(house):
    run(house, str(SAMPLES[0]))
    case_id = decide_next(house, ground_kind="law")
    run_worker(house, after=31)
    assert case_file(house, case_id).row.state == "closed"
