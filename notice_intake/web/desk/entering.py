"""Received by e-mail or portal: somebody enters it, sees what it would become, and confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, make_response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.http import dump_options_header

from ...core.catalogue import ALL_CATEGORIES
from ...core.journal import Actor
from ...core.queue import QueueFilter
from ...errors import DocumentRefused, FieldError, ReferenceTaken
from ...flows import desk_queries
from ...flows.entries import enter, original
from ...flows.entry_plan import file_of, plan, text_of
from ...flows.entry_values import WAYS, Entered, EnteredFile, EntryBlocked, Plan, Wish
from ...formats.csv_referrals import template
from ..fault_words import told
from ..texts import N_
from ..unstorable import is_storable
from . import held, words
from .notices import Notice, leave
from .presenting import page
from .queue import found_by
from .request import DECIDES, current_desk, require, see_other

#: As many items are shown of a table; of what there is a choice in, all.
SHOWN = 100
_FIELDS = ("agency", "agency_name", "channel", "received_at", "instrument", "category", "language", "reference", "text")
_PROBLEMS = {
    ("agency", "required"): N_("Choose the agency, or write its name."),
    ("agency", "unknown"): N_("Choose the agency from the list, or write its name."),
    ("received_at", "future_time"): N_("This lies in the future. Write when it arrived, in UTC."),
    ("received_at", "invalid"): N_("Write the day and the time as 2026-11-21T09:30, in UTC."),
    ("instrument", "unknown"): N_("Choose the instrument from the list."),
    ("category", "unknown"): N_("Choose a category from the list."),
    ("channel", "unknown"): N_("Choose how it came."),
    ("files", "required"): N_("Choose a file, or paste the links."),
    ("files", "too_large"): N_("These files are too large together. Have them entered on the command line."),
}


@dataclass(frozen=True, slots=True)
class EntryForm:
    """The form as it is shown: what was typed, and what is wrong with it."""

    typed: Mapping[str, str]
    #: (field, what is wrong)
    errors: tuple[tuple[str, str], ...] = ()

    def error(self, field: str) -> str:
        """Return what is wrong with a field, or nothing."""
        return next((text for name, text in self.errors if name == field), "")


def add_routes(blueprint: Blueprint) -> None:
    """Add the form, its preview, and the files."""
    blueprint.add_url_rule("/enter", "enter", form)
    blueprint.add_url_rule("/enter", "preview_entry", preview, methods=["POST"])
    blueprint.add_url_rule("/enter/confirm", "confirm_entry", confirm, methods=["POST"])
    blueprint.add_url_rule("/enter/confirm", "back_from_confirm", _back)
    blueprint.add_url_rule("/enter/change", "change_entry", change, methods=["POST"])
    blueprint.add_url_rule("/enter/change", "back_from_change", _back)
    blueprint.add_url_rule("/enter/template.csv", "entry_template", table_template)
    blueprint.add_url_rule("/referrals/<referral_id>/files/<digest>", "original", download)


def form() -> ResponseReturnValue:
    """Show an empty form."""
    require(DECIDES)
    desk = current_desk()
    typed = {"channel": "email", "received_at": desk.now.strftime("%Y-%m-%dT%H:%M")}
    return _form_page(EntryForm(typed))


def preview() -> ResponseReturnValue:
    """Show what the files would become; nothing is stored."""
    require(DECIDES)
    desk = current_desk()
    typed = {name: request.form.get(name, "").strip() for name in _FIELDS}
    try:
        wish, files = _wish(typed, now=desk.now), _files(typed["text"], now=desk.now)
        found = plan(desk.mount, files, wish, now=desk.now)
    except DocumentRefused as refused:
        return _form_page(EntryForm(typed, _told(refused.errors)), status=422)
    return _preview_page(found)


def confirm() -> ResponseReturnValue:
    """Store what was shown, as far as it was chosen."""
    require(DECIDES)
    desk = current_desk()
    files, shown = held.held(desk, request.form, request.form.getlist("held"))
    wish = _chosen(shown)
    try:
        _check_category(wish.category)
        found = plan(desk.mount, files, wish, now=desk.now)
    except DocumentRefused as refused:
        return _form_page(EntryForm(_typed(files, wish), _told(refused.errors)), status=422)
    # What is chosen here may make an order of it: that is shown before it is stored.
    if "again" in request.form or (wish.instrument, wish.category) != (shown.instrument, shown.category):
        return _preview_page(found)
    by = Actor("moderator", desk.moderator.id, desk.moderator.name)
    try:
        entered = enter(desk.mount, found, by=by, now=desk.now)
    except (EntryBlocked, ReferenceTaken):
        return _preview_page(found, status=422, tried=True)
    return _stored(entered)


def _stored(entered: Entered) -> ResponseReturnValue:
    """Lead to what was stored: to the queue, or to the case that had its answer already."""
    desk, code = current_desk(), "entered" if entered.referrals else "entered_before"
    ids = [referral_id for _, referral_id in (*entered.referrals, *entered.here)]
    if len(ids) > 1:
        return leave(desk, see_other(url_for(".queue", agency=entered.agency_id)), Notice(code))
    places = found_by(QueueFilter(search=ids[0]))
    rows = [row for found in places.values() for row in found.rows]
    if "open" in places or not rows:
        return leave(desk, see_other(url_for(".queue", search=ids[0])), Notice(code))
    notice = Notice("entered_answered" if entered.referrals else code, outcome=rows[0].outcome or "")
    if len(rows) == 1:
        return leave(desk, see_other(url_for(".case", case_id=rows[0].id)), notice)
    target = url_for(".queue", search=ids[0], state=next(iter(places)))
    return leave(desk, see_other(target), replace(notice, outcome=""))


def change() -> ResponseReturnValue:
    """Show the form again with what was entered; files a browser has to be given again."""
    require(DECIDES)
    files, wish = held.held(current_desk(), request.form, request.form.getlist("held"))
    return _form_page(EntryForm(_typed(files, _chosen(wish))), again=any(one.name != held.PASTED for one in files))


def table_template() -> ResponseReturnValue:
    """Hand out a table to fill in."""
    require(DECIDES)
    response = make_response("\ufeff" + template())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="referrals.csv"'
    return response


def download(referral_id: str, digest: str) -> ResponseReturnValue:
    """Hand out a file that a referral was entered from: as a file, never as a page."""
    require(DECIDES)
    desk = current_desk()
    row = original(desk.mount, referral_id, digest, moderator=desk.moderator, now=desk.now)
    response = make_response(row.content)
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": row.file_name})
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    return response


def _back() -> ResponseReturnValue:
    return see_other(url_for(".enter"))


def _wish(typed: Mapping[str, str], *, now: datetime) -> Wish:
    """Return what was typed. Raises ``DocumentRefused`` for what no wish can hold."""
    received_at = now
    if typed["received_at"]:
        try:
            received_at = datetime.fromisoformat(typed["received_at"])
        except ValueError:
            raise DocumentRefused([FieldError("/received_at", "invalid", "Write a day and a time.")]) from None
        received_at = received_at.astimezone(UTC) if received_at.tzinfo else received_at.replace(tzinfo=UTC)
    _check_category(typed["category"])
    if not is_storable(typed["agency"]):
        raise DocumentRefused([FieldError("/agency", "unknown", "There is no such agency here.")])
    known = typed["agency"] if not typed["agency_name"] else ""
    return Wish(
        agency_id=known,
        agency_name=typed["agency_name"],
        channel=typed["channel"],
        received_at=received_at,
        instrument=typed["instrument"],
        category=typed["category"],
        language=typed["language"],
        reference=typed["reference"],
    )


def _check_category(code: str) -> None:
    if code and code not in ALL_CATEGORIES:
        raise DocumentRefused([FieldError("/category", "unknown", "Choose one of the list.")])


def _chosen(wish: Wish) -> Wish:
    """Return a wish with what was chosen on the preview."""
    form = request.form
    said: dict[str, Any] = {
        name: form[name].strip() for name in ("instrument", "category", "reference") if name in form
    }
    return replace(wish, taken=frozenset(form.getlist("taken")), skip_bad="skip_bad" in form, **said)


def _typed(files: Sequence[EnteredFile], wish: Wish) -> dict[str, str]:
    """Return the fields of the form that a wish came from."""
    pasted = next((one.content for one in files if one.name == held.PASTED), b"")
    return {
        "agency": wish.agency_id,
        "agency_name": wish.agency_name,
        "channel": wish.channel,
        "received_at": wish.received_at.strftime("%Y-%m-%dT%H:%M") if wish.received_at else "",
        "instrument": wish.instrument,
        "category": wish.category,
        "language": wish.language,
        "reference": wish.reference,
        "text": pasted.decode("utf-8", "replace"),
    }


def _files(text: str, *, now: datetime) -> list[EnteredFile]:
    """Read what was uploaded and pasted. Raises ``DocumentRefused`` where that is nothing, or too much."""
    sent = [one for one in request.files.getlist("files") if one.filename]
    contents = [(one.filename or "file", one.read()) for one in sent]
    limit = current_desk().mount.settings.max_entry_bytes
    if sum(len(content) for _, content in contents) + len(text.encode("utf-8", "replace")) > limit:
        raise DocumentRefused([FieldError("/files", "too_large", f"Send at most {limit} bytes.")])
    files = [file_of(name, content, now=now) for name, content in contents]
    files += [text_of(text.replace("\r\n", "\n"))] if text else []
    if not files:
        raise DocumentRefused([FieldError("/files", "required", "Send a file.")])
    return files


def _told(errors: tuple[FieldError, ...]) -> tuple[tuple[str, str], ...]:
    texts, found = current_desk().texts, []
    for one in errors:
        field = one.pointer.strip("/").partition("/")[0]
        message = _PROBLEMS.get((field, one.code))
        found.append((field, texts.gettext(message) if message else told(texts, one.detail)))
    return tuple(found)


def _form_page(typed: EntryForm, *, status: int = 200, again: bool = False) -> ResponseReturnValue:
    desk = current_desk()
    word = desk.texts.gettext
    return page(
        "enter.html",
        status=status,
        form=typed,
        again=again,
        agencies=[(one.value, one.label) for one in desk_queries.facets(desk.mount)["agency"]],
        **_lists(),
        ways=[(code, word(words.WAYS[code])) for code in WAYS],
        latest=desk.now.strftime("%Y-%m-%dT%H:%M"),
    )


def _lists() -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen where a file does not say it."""
    desk = current_desk()
    word = desk.texts.gettext
    return {
        "instruments": [(code, word(one.name)) for code, one in desk.mount.instruments.items()],
        "categories": [(code, word(label)) for code, label in ALL_CATEGORIES.items()],
    }


def _lacking(found: Plan) -> list[str]:
    """Return which of instrument and category a referral still needs, where neither its file nor anybody says it."""
    known = current_desk().mount.instruments
    without = [one for one in found.referrals if one.items and one.instrument not in known]
    faulty = any(one.column == "category" for _, one in found.faults)
    unfiled = [one for one in (found.referrals if faulty else without) if one.items and not one.category]
    lacking = ("instrument", without), ("category", unfiled)
    return [name for name, where in lacking if where]


def _storable(found: Plan) -> bool:
    """Say whether anything can be stored of this, as it is or by choosing on the page."""
    if any(one.reading.unusable for one in found.files) or not any(one.items for one in found.referrals):
        return False
    if not found.faults or found.fresh or found.here:
        return True
    desk = current_desk()
    some = plan(desk.mount, found.files, replace(found.wish, skip_bad=True), now=desk.now)
    # Without these two a referral is refused as a whole, whatever is chosen among its items.
    known = desk.mount.instruments
    open_ = [one for one in some.referrals if one.draft.choosable and one.instrument in known and one.category]
    return bool(some.fresh or some.here or open_)


def _preview_page(found: Plan, *, status: int = 200, tried: bool = False) -> ResponseReturnValue:
    desk = current_desk()
    token, contents = held.hold(desk, found.files, found.wish)
    names = {code: one.name for code, one in desk.mount.instruments.items()}
    binding = any(desk.mount.instruments[one.instrument].binding for one in found.fresh)
    return page(
        "enter_preview.html",
        status=status,
        plan=found,
        counts=found.counts,
        token=token,
        contents=contents,
        names=names,
        binding=binding,
        tried=tried,
        shown=SHOWN,
        can_store=_storable(found),
        lacking=_lacking(found),
        **_lists(),
        made=any(one.draft.reference_made for one in found.referrals),
    )
