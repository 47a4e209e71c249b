"""What would become of files that somebody enters: everything is checked and looked up, nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..core.catalogue import NOT_SPECIFIED_NOTICE, NOT_SPECIFIED_ORDER
from ..errors import DocumentRefused, FieldError
from ..formats.csv_columns import column_of
from ..formats.incoming import media_type_of, read_file, read_text, tidy_name
from ..formats.received import MOST_ITEMS, Draft, DraftItem, Fault, Note
from ..ids import new_id
from ..store import agencies, originals
from ..store import referrals as referral_store
from ..store.agencies import Agency
from ..store.storage import Tx
from .entry_values import (
    CHANNEL,
    UNKNOWN_COUNTRY,
    WAYS,
    EnteredFile,
    Plan,
    PlannedItem,
    PlannedReferral,
    Wish,
)
from .intake import standing_cases
from .mount import Mount
from .prepared import Prepared
from .receive import Submission, prepare, resolve

#: Without these no referral can be kept; whatever else the contract asks for is told as not said.
_NEEDED = frozenset({"instrument", "agency_reference", "language", "category", "items"})
_TOLD = 1000


def file_of(name: str, content: bytes, *, now: datetime) -> EnteredFile:
    """Read a file that came by e-mail or portal."""
    name = tidy_name(name)
    return EnteredFile(name, media_type_of(name), content, read_file(name, content, now=now))


def text_of(text: str) -> EnteredFile:
    """Read a pasted list of links; it is kept as the file that it would be."""
    return EnteredFile("pasted.txt", "text/plain", text.encode("utf-8", "replace"), read_text(text))


def plan(mount: Mount, files: Sequence[EnteredFile], wish: Wish, *, now: datetime) -> Plan:
    """Say what would be stored of ``files``, and all that is wrong with them.

    Raises ``DocumentRefused`` with a pointer to what is missing in ``wish`` itself.
    """
    _check_wish(mount, wish, now=now)
    agency, is_new = _agency(mount, files, wish)
    planning = _Planning(mount, agency, wish, now)
    for number, file in enumerate(files):
        planning.take(number, file)
    batch = [one.prepared for one in planning.referrals if one.prepared is not None]
    if batch:
        resolve(mount, batch)
    with mount.storage.read() as tx:
        referrals = list(_looked_up(tx, planning, files, agency_id="" if is_new else agency.id))
    return Plan(
        agency=agency,
        agency_is_new=is_new,
        wish=wish,
        received_at=wish.received_at or now,
        files=tuple(files),
        referrals=tuple(referrals),
        faults=tuple(planning.faults[:_TOLD]),
        notes=tuple(planning.notes[:_TOLD]),
        resolved=all(one.resolved for one in batch),
    )


def _check_wish(mount: Mount, wish: Wish, *, now: datetime) -> None:
    faults = []
    if wish.received_at is not None and wish.received_at > now:
        detail = f"It is {now.isoformat(timespec='minutes')} now: it cannot have been received later."
        faults.append(FieldError("/received_at", "future_time", detail))
    if wish.channel not in WAYS:
        faults.append(FieldError("/channel", "unknown", f"Choose one of: {', '.join(WAYS)}."))
    if wish.instrument and wish.instrument not in mount.instruments:
        known = ", ".join(sorted(mount.instruments))
        faults.append(FieldError("/instrument", "unknown", f"Choose one of: {known}."))
    if len(wish.agency_name) > 200 or not wish.agency_name.isprintable():
        faults.append(FieldError("/agency_name", "length", "Write the name in one line of at most 200 characters."))
    if faults:
        raise DocumentRefused(faults)


def _agency(mount: Mount, files: Sequence[EnteredFile], wish: Wish) -> tuple[Agency, bool]:
    """Find the agency by id or name; one that is not known is made, to be added when it is stored."""
    named = [dict(one.reading.sender).get("organisation", "") for one in files]
    name = " ".join((wish.agency_name or next(filter(None, named), "")).split())[:200]
    with mount.storage.read() as tx:
        if wish.agency_id:
            known = agencies.find(tx, wish.agency_id)
        else:
            same = [one for one in agencies.everyone(tx) if name and one.name.casefold() == name.casefold()]
            known = same[0] if same else None
            if len(same) > 1:
                ids = ", ".join(f"{one.id} ({one.country})" for one in same)
                detail = f"{len(same)} agencies are called {name}. Give the id of one: {ids}."
                raise DocumentRefused([FieldError("/agency", "ambiguous", detail)])
    if known is not None:
        return known, False
    if wish.agency_id or not name:
        code, detail = (
            ("unknown", "There is no such agency here.")
            if wish.agency_id
            else ("required", "Say which agency sent it.")
        )
        raise DocumentRefused([FieldError("/agency", code, detail)])
    return Agency(new_id("agy"), name, UNKNOWN_COUNTRY, frozenset(), True), True


@dataclass(slots=True)
class _Planning:
    """Collects what the files of one entry come to."""

    mount: Mount
    agency: Agency
    wish: Wish
    now: datetime
    referrals: list[PlannedReferral] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    notes: list[tuple[int, Note]] = field(default_factory=list)
    _references: set[str] = field(default_factory=set)

    def take(self, number: int, file: EnteredFile) -> None:
        """Plan the referrals of one file."""
        self.faults += [(number, one) for one in file.reading.faults]
        self.notes += [(number, one) for one in file.reading.notes]
        for place, draft in enumerate(file.reading.drafts):
            items = [
                PlannedItem(key, one, self._is_taken(draft, one, key))
                for at, one in enumerate(draft.items)
                for key in [f"{number}.{place}.{at}"]
            ]
            chosen = [one for one in items if one.taken]
            if not chosen:
                self.referrals.append(self._kept_out(number, draft, items))
            parts = [chosen[at : at + MOST_ITEMS] for at in range(0, len(chosen), MOST_ITEMS)]
            for part, some in enumerate(parts):
                shown = [*some, *[one for one in items if not one.taken]] if part == 0 else some
                self.referrals.append(self._referral(number, draft, shown, format=file.reading.format))

    def _is_taken(self, draft: Draft, item: DraftItem, key: str) -> bool:
        if not draft.choosable:
            return True
        return item.taken if self.wish.taken is None else key in self.wish.taken

    def _kept_out(self, number: int, draft: Draft, items: Sequence[PlannedItem]) -> PlannedReferral:
        whole = self._whole(draft)
        return PlannedReferral(
            number, draft, str(whole.get("agency_reference", "")), str(whole.get("instrument", "")), "", tuple(items)
        )

    def _referral(self, number: int, draft: Draft, items: Sequence[PlannedItem], *, format: str) -> PlannedReferral:
        whole = self._whole(draft)
        reference = whole["agency_reference"] = self._unused(str(whole.get("agency_reference", "")))
        planned = replace(
            self._kept_out(number, draft, items), reference=reference, category=str(whole.get("category", ""))
        )
        chosen = [one for one in items if one.taken]
        for _ in range(4):
            prepared, faults, gaps = self._prepared(whole, chosen, draft, format)
            told = list(self._told(faults, chosen, draft))
            self.faults += [(number, one) for _, one in told]
            bad = {at for at, _ in told}
            if not told or None in bad or not self.wish.skip_bad:
                break
            chosen = [one for at, one in enumerate(chosen) if at not in bad]
            if not chosen:
                break
        return replace(planned, prepared=prepared, gaps=gaps)

    def _whole(self, draft: Draft) -> dict[str, Any]:
        """Complete what a file says of a referral with what the person who enters it says."""
        whole = dict(draft.document)
        wish = self.wish
        if draft.reference_made and wish.reference:
            whole["agency_reference"] = wish.reference
        whole.setdefault("instrument", wish.instrument)
        whole.setdefault("language", wish.language or "und")  # BCP 47 for "not determined"
        if wish.category:
            whole.setdefault("category", wish.category)
        instrument = self.mount.instruments.get(str(whole["instrument"]))
        if instrument is not None and instrument.binding and whole.get("category") == NOT_SPECIFIED_NOTICE:
            whole["category"] = NOT_SPECIFIED_ORDER
        return whole

    def _unused(self, reference: str) -> str:
        """Return a reference that no other referral of this entry has."""
        names = (reference, *(f"{reference} part {number}" for number in range(2, 1000)))
        found = next(one for one in names if one not in self._references)
        self._references.add(found)
        return found

    def _prepared(
        self, whole: Mapping[str, Any], items: Sequence[PlannedItem], draft: Draft, format: str
    ) -> tuple[Prepared | None, Sequence[FieldError], tuple[str, ...]]:
        """Check a referral as its contract does; what only the file cannot say is no fault but told as a gap."""
        document = {**whole, "items": [one.draft.document for one in items]}
        contract = self.mount.rulebook.contracts.get(str(whole["instrument"]))
        faults: Sequence[FieldError] = ()
        if contract is not None:
            try:
                contract.check(document)
            except DocumentRefused as refused:
                faults = refused.errors
        gaps = tuple(one.pointer.strip("/") for one in faults if _is_gap(one))
        faults = [one for one in faults if not _is_gap(one)]
        if faults:
            return None, faults, gaps
        told = [*draft.gaps] or [f"{one.replace('/', ', ').replace('_', ' ')}" for one in dict.fromkeys(gaps)]
        kept = {**document, "imported": {"format": format, "gaps": told}}
        body = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
        allowed = replace(self.agency, instruments=self.agency.instruments | {str(whole["instrument"])})
        try:
            prepared = prepare(
                self.mount, Submission(kept, body, CHANNEL, None, checked=False), agency=allowed, now=self.now
            )
        except DocumentRefused as refused:
            return None, refused.errors, gaps
        prepared.idempotency_key = f"import:{prepared.fingerprint.hex()}"
        return prepared, (), tuple(told)

    def _told(
        self, faults: Sequence[FieldError], items: Sequence[PlannedItem], draft: Draft
    ) -> Iterator[tuple[int | None, Fault]]:
        """Yield each fault with the item that it is about, and where that stands in the file."""
        for one in faults:
            steps = one.pointer.split("/")
            at = int(steps[2]) if len(steps) > 2 and steps[1] == "items" and steps[2].isdigit() else None
            item = items[at].draft if at is not None and at < len(items) else None
            row = item.row if item is not None else (draft.items[0].row if draft.items else 0)
            value = _found_at(item.document if item else draft.document, steps[3:] if item else steps[1:])
            yield at, Fault(one.code, row, column_of(one.pointer) or one.pointer, value, draft.part, one.detail)


def _is_gap(fault: FieldError) -> bool:
    """Say whether a fault is only that something is not said which a referral can do without."""
    steps = fault.pointer.strip("/").split("/")
    if fault.code != "required" or steps[0] in _NEEDED - {"items"}:
        return False
    if steps[0] == "items":
        return len(steps) == 3 and steps[2] not in ("reference", "target")
    return len(steps) == 1 or steps[0] == "contact"


def _found_at(document: Any, steps: Sequence[str]) -> str:
    for step in steps:
        if isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, Mapping):
            document = document.get(step, "")
        else:
            return ""
    return document[:80] if isinstance(document, str) else ""


def _looked_up(
    tx: Tx, planning: _Planning, files: Sequence[EnteredFile], *, agency_id: str
) -> Iterator[PlannedReferral]:
    """Yield the referrals with what is here already: the referral itself, and cases that its items would join."""
    ready = [one.prepared for one in planning.referrals if one.prepared is not None]
    cases: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    for start in range(0, len(ready), 500):
        some = ready[start : start + 500]
        cases |= standing_cases(tx, some, lock=False)
        rows = referral_store.taken(tx, agency_id, references=[one.referral.agency_reference for one in some])
        taken |= {row.agency_reference: row for row in rows}
    entered = {
        (row.referral_id, row.sha256) for row in originals.of_referrals(tx, [row.id for row in taken.values()])
    }  # fmt: skip
    for one in planning.referrals:
        row = taken.get(one.reference) if one.prepared is not None else None
        if row is not None and one.prepared is not None:
            if row.fingerprint == one.prepared.fingerprint or (row.id, files[one.file].digest) in entered:
                one = replace(one, here=row.id)
            else:
                planning.faults.append((one.file, Fault("reference_taken", value=one.reference, detail=_taken(row.id))))
                one = replace(one, prepared=None)
        yield replace(one, items=tuple(_with_cases(one, cases)))


def _taken(referral_id: str) -> str:
    return f"Another referral of this agency has this reference: {referral_id}. Give it a reference of its own."


def _with_cases(referral: PlannedReferral, cases: Mapping[str, Any]) -> Iterator[PlannedItem]:
    """Yield the items with what the platform says about them."""
    prepared = referral.prepared
    places = {}
    if prepared is not None:
        places = {one.reference: at for at, one in enumerate(prepared.referral.items)}
    for item in referral.items:
        at = places.get(str(item.draft.document.get("reference"))) if item.taken else None
        if prepared is None or at is None:
            yield item
            continue
        link = prepared.referral.items[at].target.link or ""
        yield replace(item, link=link, content=prepared.contents[at], case=cases.get(prepared.key_of(at)))
