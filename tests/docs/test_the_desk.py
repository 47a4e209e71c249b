"""docs/the-desk.md: the words, keys and rules that a moderator reads are those of the desk."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import chain

from flows.desk import REMOVE, claim_next, decide_case, decide_next, events, queue, run_worker
from printed import ROOT, codes, rows, section, text

from notice_intake import Moderator
from notice_intake.core.codes import RESTRICTIVE, Impossibility, Outcome
from notice_intake.core.decisions import Draft, _reason_faults
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.flows.prepared import FLAGS
from notice_intake.settings import Settings
from notice_intake.web.desk import request, words
from notice_intake.web.desk.urgency import LEVELS
from notice_intake.web.texts import LANGUAGES

PAGE = text("the-desk.md")
FLAT = " ".join(PAGE.split())
PACKAGE = ROOT / "notice_intake"
BUTTONS = {code: choice[0] for code, choice in words.OUTCOME_CHOICES.items()}


def keys_of_the_script() -> set[str]:
    script = (PACKAGE / "static" / "desk.js").read_text(encoding="utf-8")
    actions = script[script.index("const actions = {") : script.index('document.addEventListener("keydown"')]
    plain = set(re.findall(r'^    "?(\S)"?: \(\) =>', actions, re.MULTILINE))
    pressed = set(re.search(r'of "(\w+)"\) actions', actions)[1])
    digits = set(re.search(r"Numpad\)\(\[(\d-\d)\]\)", script)[1].split("-"))
    named = {"Ctrl", "Enter"} if 'event.ctrlKey || event.metaKey) && event.key === "Enter"' in script else set()
    return plain | pressed | digits | named | ({"Esc"} if 'event.key === "Escape"' in script else set())


def test_the_keys_are_those_of_the_script():
    printed = {key for cells in rows(PAGE, "key") for key in codes(cells[0])}
    assert printed == keys_of_the_script()


def test_the_keys_are_those_of_the_desks_own_list():
    template = (PACKAGE / "templates" / "notice_intake" / "_keys.html").read_text(encoding="utf-8")
    template = template.replace('_("Ctrl")', '"Ctrl"')
    shown = re.findall(r'\(\(((?:"[^"]+",? ?)+)\), _\("([^"]+)"\)\)', template)
    own = {tuple(re.findall(r'"([^"]+)"', keys)) for keys, _ in shown}
    printed = {tuple(codes(cells[0])) for cells in rows(PAGE, "key")}
    assert {tuple(key for key in keys if key != "…") for keys in own} == printed


def test_every_outcome_has_its_button():
    assert [cells[0] for cells in rows(PAGE, "outcome")] == list(BUTTONS.values())
    assert list(BUTTONS) == [str(one) for one in Outcome]


def test_the_outcomes_that_need_reasons_are_marked():
    marked = {cells[0] for cells in rows(PAGE, "outcome") if "reasons" in cells[2]}
    assert marked == {BUTTONS[one] for one in RESTRICTIVE}
    needed = {one.pointer.strip("/") for one in _reason_faults(Draft())}
    assert needed == {"ground_kind", "ground_reference", "explanation", "category"}
    assert (
        "*Reasons* are the ground (law, or your terms), the provision or clause, an explanation, and a category" in FLAT
    )
    assert len(Impossibility) == 3


def test_each_instrument_is_described_as_it_is():
    instruments = {one.name: one for regime in DEFAULT_REGIMES for one, _ in regime.instruments}
    table = {cells[0]: cells for cells in rows(PAGE, "instrument")}
    assert set(table) == set(instruments)
    for name, (_, what, within, outcomes, undo) in table.items():
        one = instruments[name]
        hours = one.clock.duration / timedelta(hours=1)
        assert within.startswith(f"{hours:.0f} hour")
        assert within.endswith("by law" if one.clock.kind == "legal" else "house target")
        assert what.startswith("an order") == one.binding
        assert ("on the law" in what or one.binding) == (one.ground == "law")
        allowed = [BUTTONS[outcome] for outcome in one.outcomes]
        assert set(BUTTONS.values() if outcomes == "all" else outcomes.split(", ")) == set(allowed)
        assert (undo == "yes") == one.undoable


def test_times_and_languages_are_those_of_the_settings():
    assert f"for {Settings().claim_seconds // 60} minutes if" in FLAT
    assert f"rests for {Settings().undo_seconds} seconds, if" in FLAT
    assert {"en", "de", "fr", "ar"} == set(LANGUAGES)
    assert "English, German, French and Arabic" in FLAT


def test_the_bars_are_those_of_the_clock():
    said = {"overdue": "four bars", "hour": "three bars", "soon": "two bars", "day": "one bar"}
    counted = {"four bars": 4, "three bars": 3, "two bars": 2, "one bar": 1}
    for level, _, bars in LEVELS:
        assert counted[said[level]] == bars
    limits = {level: seconds / 3600 for level, seconds, _ in LEVELS}
    assert limits == {"overdue": 0, "hour": 1, "soon": 6, "day": 24}
    assert "| two bars | due within six hours |" in PAGE
    style = (PACKAGE / "static" / "desk.css").read_text(encoding="utf-8")
    assert "Red is kept for the law" in style


def test_states_and_effects_go_by_the_desks_own_names():
    for name in words.STATES.values():
        assert f"**{name}**" in section(PAGE, "## The queue")
    for state in ("dead", "due", "feed"):
        assert f"*{words.EFFECT_STATES[state][0]}*" in section(PAGE, "## Effects")
    assert {"moderator", "lead"} == request.DECIDES
    assert {"engineer", "lead"} == request.REPLAYS


def test_the_flags_are_all_that_the_desk_can_show():
    printed = [codes(cells[0])[0] if "`" in cells[0] else cells[0] for cells in rows(PAGE, "flag")]
    assert len(printed) == len(set(printed))
    short = {code: flag[0] for code, flag in words.FLAGS.items()}
    assert {short.get(code, code) for code in chain(short, flags_of_the_code())} == set(printed)
    assert short.keys() == flags_of_the_code() | {"deadline_near"}, (
        "every flag has its words, and no words stand for nothing"
    )


def flags_of_the_code() -> set[str]:
    """Return every flag that the code sets, by where it sets them."""
    sources = {
        "core/cases.py": r'flags = \("(\w+)",\)|None, \("(\w+)",\)\)',
        "flows/merge.py": r'flags, "(\w+)"[\])]',
        "core/messages.py": r'"(needs_clarification|supplemented|complaint|withdrawn_after_decision)"',
    }
    found = set(FLAGS)
    for path, pattern in sources.items():
        code = (PACKAGE / path).read_text(encoding="utf-8")
        here = {
            one
            for match in re.findall(pattern, code, re.MULTILINE)
            for one in (match if isinstance(match, tuple) else (match,))
        }
        assert here - {""}, f"{path} sets no flag any more: mend this test"
        found |= here - {""}
    return found


def test_agencies_and_uploader_are_told_what_the_table_says(house):
    agency = house.agency()
    agency.refer(agency.document("https://platform.example/p7"))
    told: list[list[str]] = [[kind for kind, _ in events(agency)]]

    def happened() -> None:
        known = sum(map(len, told))
        told.append([kind for kind, _ in events(agency)[known:]])

    case_id = claim_next(house)
    happened()
    decide_case(house, case_id)
    happened()
    assert told == [["referral.received"], ["item.in_review"], []], "inside the undo window nobody hears anything"
    run_worker(house, after=Settings().undo_seconds + 1)
    happened()
    assert told[-1] == ["item.decided", "item.effected"]
    assert len(house.platform.informed) == 1
    ((_, statement),) = house.platform.informed.values()
    assert (statement.facts, statement.ground_reference, statement.explanation) == (
        REMOVE.facts,
        REMOVE.ground_reference,
        REMOVE.explanation,
    )


def test_nobody_is_informed_where_one_referral_forbids_it(house):
    one, two = house.agency("Unit One"), house.agency("Unit Two", country="PL")
    link = "https://platform.example/p8"
    one.refer(one.document(link))
    two.refer(two.document(link, disclosure={"uploader": "withhold"}))
    (row,) = queue(house)
    assert words.FLAGS["withheld"][0] == "Do not inform"
    assert "withheld" in row.flags
    decide_next(house)
    run_worker(house, after=31)
    assert house.platform.applied
    assert not house.platform.informed


def test_a_lead_is_a_moderator_too(house):
    """docs/mounting.md: a lead needs no second role to decide."""
    agency = house.agency()
    agency.refer()
    lead = Moderator("m-9", "Lead Nine", frozenset({"lead"}))
    case_id = claim_next(house, lead)
    decide_case(house, case_id, moderator=lead)
