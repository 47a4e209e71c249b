"""A referral whose time is over: its agency reads why its texts are gone, and what stays."""

from __future__ import annotations

from agency_house import Guest, link_of
from test_agency_referral import ask, decided, worked

from notice_intake.flows import retention


def purged(host, refer, *, days=366):
    """A referral of two items, one decided and carried out, the other withdrawn, that was purged."""
    referral_id = refer()
    decided(host, referral_id)
    decided(host, referral_id, index=1, outcome="no_action")
    host.clock.forward(minutes=1)
    worked(host)
    host.clock.forward(days=days)
    assert retention.purge_due(host.mount, now=host.clock()).counts["referrals"] == 1
    return referral_id


def test_the_page_says_when_it_was_deleted_and_what_stays(host, unit, refer):
    referral_id = purged(host, refer)
    guest = Guest(host, link_of(host, unit))
    page = guest.open(f"/referrals/{referral_id}")
    assert page.status == 200
    assert "Deleted on 22 Nov 2027, 09:01 UTC" in page.text
    assert "What was decided, and when, stays" in page.text
    assert "BE-2026-0001" in page.text
    assert "Removed" in page.text
    assert "No action" in page.text
    assert "Terms, 4.2" not in page.text
    assert "21 Nov 2026" in page.text, "a time of another year says its year"
    assert "The uploader may be told" not in page.text, "the document that said so is gone"
    assert [one.action for one in page.forms if referral_id in one.action] == []
    for language, words in (("de", "Gelöscht am"), ("fr", "Supprimé le"), ("ar", "حُذفت في")):
        assert words in guest.open(f"/referrals/{referral_id}?lang={language}").text


def test_a_form_that_was_open_for_too_long_is_refused_with_the_reason(host, unit, refer):
    referral_id = refer()
    ask(host, referral_id)
    open_for_long = dict(Guest(host, link_of(host, unit)).open(f"/referrals/{referral_id}").form("/supplement").fields)
    decided(host, referral_id)
    decided(host, referral_id, index=1, outcome="no_action")
    host.clock.forward(minutes=1)
    worked(host)
    host.clock.forward(days=366)
    retention.purge_due(host.mount, now=host.clock())
    guest = Guest(host, link_of(host, unit))
    fresh = dict(guest.open("/refer?instrument=eu.iru.referral").form("/refer").fields)["csrf"]
    data = {**open_for_long, "csrf": fresh, "text": "Placeholder answer."}
    answer = guest.client.post(f"{guest.prefix}/referrals/{referral_id}/supplement", data=data)
    assert answer.status_code == 409
    assert "Deleted on" in answer.text


def test_an_item_whose_case_went_before_the_referral_says_so(host, unit, refer, stranger):
    """Somebody else's referral keeps the other case alive, and with it the whole of this referral."""
    referral_id = refer(lines="https://video.example/1\nhttps://video.example/2")
    decided(host, referral_id)
    decided(host, referral_id, index=1, outcome="no_action")
    host.clock.forward(minutes=1)
    worked(host)
    host.clock.forward(days=360)
    late = Guest(host, link_of(host, stranger_id(host)))
    refer(late, lines="https://video.example/2", **{"/agency_reference": "FR-1"})
    host.clock.forward(days=10)
    done = retention.purge_due(host.mount, now=host.clock())
    assert (done.counts["cases"], done.counts["referrals"]) == (1, 0)
    page = Guest(host, link_of(host, unit)).open(f"/referrals/{referral_id}")
    assert page.text.count("The reasons are deleted: the time for which the platform keeps them is over.") == 1
    picked = [value for one in page.forms if one.action.endswith("/complaint") for name, value in one.fields]
    assert "Deleted on" not in page.text
    assert "1" not in picked


def stranger_id(host):
    from sqlalchemy import select

    with host.mount.storage.read() as tx:
        table = tx.tables.agency
        return tx.execute(select(table.c.id).where(table.c.name == "Unit FR")).scalar_one()
