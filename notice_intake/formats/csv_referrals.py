"""Tables of referrals in: rows become items, and the rows of one reference one referral."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .csv_cells import MOST_ROWS, Unreadable, decoded, rows, unguarded, written
from .csv_columns import COLUMNS, KNOWN, Column, Misread, of_item, plain
from .received import MOST_ITEMS, Draft, DraftItem, Fault, Note, Reading, unusable

FORMAT = "CSV"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SHOWN = 80


@dataclass(slots=True)
class _Group:
    """The rows of one reference."""

    reference: str
    document: dict[str, Any]
    items: list[DraftItem] = field(default_factory=list)


def template() -> str:
    """Return the table's template: the header, and one row to be replaced."""
    return written([[one.name for one in COLUMNS], [one.example for one in COLUMNS]])


def rejected(raw: bytes, faults: Sequence[Fault]) -> str:
    """Return the rows of a table that were refused, as CSV for its sender, with what has to be changed in front."""
    told: dict[int, list[str]] = {}
    for one in faults:
        told.setdefault(one.row, []).append(f"{one.column}: {one.says}" if one.column else one.says)
    table = [(number, row) for number, row in enumerate(rows(decoded(raw)[0], is_known=_is_known), 1)]
    header = next(((number, row) for number, row in table if row), (0, []))
    bad = [["; ".join(told[number]), *row] for number, row in table if number in told and number > header[0]]
    # What we guarded once already must not be guarded twice.
    return written([[unguarded(cell) for cell in row] for row in (["what to change", *header[1]], *bad)])


def referrals_from_csv(raw: bytes) -> Reading:
    """Read a table; raises nothing. Rows that cannot be used are told, the others become drafts.

    The rows of one ``agency_reference`` are one referral; rows without any are one together. What all rows of a
    referral say may stand in each of them or only in one.
    """
    try:
        text, notes = decoded(raw)
        table = list(_bounded(rows(text, is_known=_is_known)))
    except Unreadable as error:
        return unusable(FORMAT, error.code, row=error.row)
    start = next((number for number, row in enumerate(table) if row), None)
    if start is None:
        return unusable(FORMAT, "empty_file")
    header = table[start]
    columns = [KNOWN.get(plain(name)) for name in header]
    if fault := _header_fault(columns):
        return unusable(FORMAT, fault[0], row=start + 1, column=fault[1])
    notes += tuple(
        Note("column_not_read", name.strip()[:_SHOWN])
        for name, column in zip(header, columns, strict=True)
        if column is None and name.strip()
    )
    numbered = [(number, row) for number, row in enumerate(table, 1) if row and number > start + 1]
    if not numbered:
        return unusable(FORMAT, "no_rows")
    reader = _Rows(columns, made="csv-" + hashlib.sha256(raw).hexdigest()[:12])
    for number, row in numbered:
        reader.take(number, row)
    return Reading(FORMAT, tuple(reader.drafts()), tuple(reader.faults), (*notes, *reader.notes))


def _bounded(table: Iterable[list[str]]) -> Iterable[list[str]]:
    filled = 0
    for number, row in enumerate(table, 1):
        filled += bool(row)
        if filled > MOST_ROWS + 1 or number > 10 * MOST_ROWS:
            raise Unreadable("too_many_rows", number)
        yield row


def _is_known(name: str) -> bool:
    return plain(name) in KNOWN


def _header_fault(columns: Sequence[Column | None]) -> tuple[str, str] | None:
    known = [one.name for one in columns if one is not None]
    if not known:
        return "no_header", ""
    if twice := next((name for name in known if known.count(name) > 1), None):
        return "repeated_column", twice
    if not any(one is not None and one.path[0] in ("target", "hash") and one.name != "kind" for one in columns):
        return "no_target_column", ""
    return None


class _Rows:
    """Collects rows into referrals."""

    def __init__(self, columns: Sequence[Column | None], *, made: str) -> None:
        self._columns, self._made = columns, made
        self._groups: dict[str, _Group] = {}
        self.faults: list[Fault] = []
        self.notes: list[Note] = []

    def take(self, number: int, row: list[str]) -> None:
        """Take one row in, or tell all that is wrong with it."""
        before = len(self.faults)
        whole, item = self._cells(number, row)
        if len(self.faults) == before:
            if fault := _target_fault(item):
                self.faults.append(Fault(fault, number, "kind" if fault == "target_kind" else ""))
                return
            reference = str(whole.pop("agency_reference", ""))
            group = self._groups.get(reference)
            if group is None:
                group = self._groups[reference] = _Group(reference, {})
            if self._agree(group, whole, number):
                item.setdefault("reference", str(number))
                group.items.append(DraftItem(item, number))

    def drafts(self) -> Iterable[Draft]:
        """Yield the referrals; those with more items than a referral takes in several parts."""
        for group in self._groups.values():
            reference = group.reference or self._made
            document = {**group.document, "agency_reference": reference}
            if not group.items:
                continue
            if not group.reference:
                self.notes.append(Note("reference_made", reference))
            parts = [group.items[at : at + MOST_ITEMS] for at in range(0, len(group.items), MOST_ITEMS)]
            if len(parts) > 1:
                self.notes.append(Note("split", reference))
            for number, items in enumerate(parts, 1):
                own = document if number == 1 else {**document, "agency_reference": f"{reference} part {number}"}
                yield Draft(own, tuple(items), reference_made=not group.reference)

    def _cells(self, number: int, row: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read the cells of a row; return what they say of the referral, and of the item."""
        whole: dict[str, Any] = {}
        item: dict[str, Any] = {}
        if any(cell.strip() for cell in row[len(self._columns) :]):
            self.faults.append(Fault("too_many_cells", number))
            return whole, item
        for column, cell in zip(self._columns, row, strict=False):
            cell = unguarded(cell.strip("\ufeff")).strip() if column is not None else ""
            if column is None or not cell:
                continue
            if _CONTROL.search(cell):
                self.faults.append(Fault("control_character", number, column.name))
                continue
            try:
                value = column.read(cell.replace("\r\n", "\n").replace("\r", "\n"))
            except Misread as error:
                self.faults.append(Fault(str(error), number, column.name, cell[:_SHOWN]))
                continue
            _put(item if of_item(column) else whole, column.path, value)
        return _settled(whole), _with_target(item)

    def _agree(self, group: _Group, whole: Mapping[str, Any], number: int) -> bool:
        """Add what a row says of its referral, unless another row says something else."""
        for name, value in whole.items():
            if group.document.setdefault(name, value) != value:
                self.faults.append(Fault("differs", number, name))
                return False
        return True


def _put(holder: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        holder = holder.setdefault(step, {})
    holder[path[-1]] = value


def _settled(whole: dict[str, Any]) -> dict[str, Any]:
    ground = whole.pop("ground", None)
    return {**whole, "grounds": [ground]} if ground else whole


def _with_target(item: dict[str, Any]) -> dict[str, Any]:
    """Name the kind of the target where the row leaves it to us, and list its digests."""
    hashes = [{"algorithm": name, "value": value} for name, value in item.pop("hash", {}).items()]
    target = item.setdefault("target", {})
    if hashes:
        target["hashes"] = hashes
    if "kind" not in target and target:
        named = "handle" in target or "id" in target
        target["kind"] = "account" if named and "url" not in target else "url" if "url" in target else "file"
    return item


def _target_fault(item: Mapping[str, Any]) -> str | None:
    target = item["target"]
    if not target.keys() - {"kind"}:
        return "no_target"
    kind = target["kind"]
    fits = {"url": "url" in target, "file": "hashes" in target, "account": True, "channel": True}
    return None if fits.get(kind) else "target_kind"
