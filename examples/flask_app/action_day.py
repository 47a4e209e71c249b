"""The action day: five agencies refer 2,068 items in six languages. The same every time.

Modelled on what was published about the joint referral action of 25 and 26 April 2017: its size, its five countries
and its six languages. Every text is a placeholder.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from . import population as harbour
from .faults import Fault, faults_of
from .population import DAWN, TEXTS, Population, Subject

ITEMS = 2068
OPERATION = {"code": "RAD-2017-04", "name": "Joint referral action (placeholder)"}
CATEGORY = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
KEYWORDS = ["KEYWORD_TERRORIST_CONTENT"]
IRU, NOTICE, FLAGGER = "eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice"
ORDER = "eu.tco.removal_order"
ORDERS = ("BE", "PL", "EL", "BE", "PT", "PL")


@dataclass(frozen=True, slots=True)
class Unit:
    """One of the five agencies."""

    code: str
    country: str
    name: str
    language: str
    offset: str
    #: Its share of the items, in percent.
    share: int
    #: Instruments, and how many in ten of its referrals use each.
    instruments: tuple[tuple[str, int], ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        orders = (ORDER,) if self.code in ORDERS else ()
        return tuple(code for code, _ in self.instruments) + orders


UNITS = (
    Unit("BE", "BE", "Referral unit BE", "fr", "+02:00", 24, ((IRU, 10),)),
    Unit("EL", "GR", "Referral unit EL", "el", "+03:00", 16, ((IRU, 7), (NOTICE, 3))),
    Unit("PL", "PL", "Referral unit PL", "pl", "+02:00", 18, ((IRU, 10),)),
    Unit("PT", "PT", "Referral unit PT", "pt", "+01:00", 17, ((IRU, 6), (FLAGGER, 4))),
    Unit("US", "US", "Referral unit US", "en", "-04:00", 25, ((IRU, 8), (NOTICE, 2))),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One request of an agency: a referral, a bulk stream, or something that must be refused."""

    #: ``single``, ``bulk`` or ``fault``
    how: str
    documents: list[dict[str, Any]] = field(default_factory=list)
    #: Lines of a bulk stream that are no referral, by the number of referrals before them.
    bad_lines: dict[int, str] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(slots=True)
class Plan:
    """What one agency sends, and where Harbour shows what it refers."""

    unit: Unit
    steps: list[Step] = field(default_factory=list)
    #: Where each item is shown: agency reference and item reference, with a blank between, to a path.
    paths: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ActionDay:
    """The platform's content and the plans of the agencies."""

    population: Population
    plans: tuple[Plan, ...]
    #: Different pieces of content, so the number of cases that the desk must end with.
    contents: int

    def documents(self) -> Iterator[dict[str, Any]]:
        for plan in self.plans:
            for step in plan.steps:
                yield from step.documents


def build(items: int = ITEMS, *, seed: int = 2017) -> ActionDay:
    """Return the action day. One item in eleven is a second agency's word about content already referred."""
    dice = random.Random(seed)
    repeats = round(items / 11)
    population = harbour.build(items - repeats, seed=seed)
    subjects = population.subjects
    queues: dict[str, list[tuple[Subject, str]]] = {unit.code: [] for unit in UNITS}
    shares = [unit.share for unit in UNITS]
    first = {one.id: dice.choices(UNITS, shares)[0].code for one in subjects}
    known = [one for one in subjects if one.presence == "live"]
    second: dict[str, str] = {}
    for one in dice.sample(known, repeats):
        second[one.id] = dice.choice([unit.code for unit in UNITS if unit.code != first[one.id]])
        queues[second[one.id]].append((one, respelled(one.link, dice)))
    orders = _orders(known, second, dice) if items >= 100 else []
    ordered = {one.id for one, _ in orders}
    for one in subjects:
        if one.id not in ordered:
            queues[first[one.id]].append((one, one.link))
    plans = []
    for unit in UNITS:
        dice.shuffle(queues[unit.code])
        plans.append(_plan(unit, queues[unit.code], [one for one, code in orders if code == unit.code], dice))
    return ActionDay(population, tuple(plans), len(subjects))


def _orders(known: Sequence[Subject], second: Mapping[str, str], dice: random.Random) -> list[tuple[Subject, str]]:
    """Choose what courts order to be removed: half of it another agency refers too, and the order's hour takes over."""
    subjects = [one for one in known if one.kind in ("video", "post")]
    dice.shuffle(subjects)
    orders: dict[str, tuple[Subject, str]] = {}
    for place, code in enumerate(ORDERS):
        fits = [one for one in subjects if one.id not in orders and (one.id in second) == (place % 2 == 0)]
        one = next(one for one in fits if second.get(one.id) != code)
        orders[one.id] = (one, code)
    return list(orders.values())


def respelled(link: str, dice: random.Random) -> str:
    """Return the same address as another agency might write it."""
    short = re.sub(r"/watch\?v=(\w+)", r"/w/\1", link)
    glue = "&" if "?" in link else "?"
    return dice.choice(
        (
            link.replace("https://", "hxxps://").replace(".example", "[.]example"),
            link.replace("harbour.example", "HARBOUR.Example"),
            f"{link}{glue}utm_source=mail&utm_medium=link",
            link.replace("://", "://m."),
            short.replace("://", "://www."),
            f"{link}#t=30",
            link.replace("https://", "http://"),
            link.replace("://harbour.example", "://harbour.example:443"),
        )
    )


def _sizes(count: int, dice: random.Random) -> Iterator[int]:
    """Split items into referrals of 1 to 100, most of 5 to 40; where there are many, one is as large as allowed."""
    if count >= 300:
        yield 100
        count -= 100
    while count > 0:
        low, high = dice.choices(((5, 40), (1, 4), (41, 100)), (75, 17, 8))[0]
        size = min(dice.randint(low, high), count)
        yield size
        count -= size


def _plan(unit: Unit, queue: Sequence[tuple[Subject, str]], orders: Sequence[Subject], dice: random.Random) -> Plan:
    plan, documents, start = Plan(unit), [], 0
    codes, weights = zip(*unit.instruments, strict=True)
    for number, size in enumerate(_sizes(len(queue), dice), 1):
        part = queue[start : start + size]
        start += size
        instrument = dice.choices(codes, weights)[0]
        documents.append(_referral(plan, unit, part, number=number, instrument=instrument, dice=dice))
    for subject in orders:
        part, number = [(subject, subject.link)], len(documents) + 1
        documents.append(_referral(plan, unit, part, number=number, instrument=ORDER, dice=dice))
    bulk = documents[1::3]
    plan.steps += [Step("single", [one]) for one in documents if one not in bulk]
    for half in filter(None, (bulk[::2], bulk[1::2])):
        plan.steps.append(Step("bulk", half, {len(half) // 2: '{"instrument": "eu.iru.referral", '}))
    plan.steps += [Step("fault", fault=fault) for fault in faults_of(documents[0])]
    dice.shuffle(plan.steps)
    return plan


def _referral(
    plan: Plan,
    unit: Unit,
    part: Sequence[tuple[Subject, str]],
    *,
    number: int,
    instrument: str,
    dice: random.Random,
) -> dict[str, Any]:
    reference = f"{unit.code}-RU-2017-04-{number:04d}"
    issued = DAWN + timedelta(minutes=dice.randrange(0, 48 * 60), seconds=dice.randrange(60))
    document: dict[str, Any] = {
        "instrument": instrument,
        "agency_reference": reference,
        "issued_at": f"{issued:%Y-%m-%dT%H:%M:%S}{unit.offset}",
        "language": unit.language,
        "operation": OPERATION,
        "category": CATEGORY,
        "keywords": KEYWORDS,
        "grounds": [_ground(instrument)],
        "items": [],
        "contact": {"name": "Officer A", "email": f"officer.a@{unit.code.lower()}.agency.example"},
    }
    for place, (subject, link) in enumerate(part, 1):
        item = _item(f"{number}-{place}", subject, link, unit=unit, url_only=instrument == ORDER, dice=dice)
        document["items"].append(item)
        plan.paths[f"{reference} {item['reference']}"] = subject.path
    if instrument in (NOTICE, FLAGGER):
        document["good_faith"] = True
    if instrument == ORDER:
        document["removal_order"] = _annex(unit, number, signed_at=document["issued_at"])
    return document


def _ground(instrument: str) -> dict[str, str]:
    if instrument == IRU:
        return {"kind": "terms", "reference": "Terms, 4.2", "explanation": "Placeholder: compare with section 4.2."}
    return {"kind": "law", "reference": "Example Act, s. 1", "explanation": "Placeholder: compare with section 1."}


def _item(
    reference: str, subject: Subject, link: str, *, unit: Unit, url_only: bool, dice: random.Random
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "kind": {"account": "profile"}.get(subject.kind, subject.kind),
        "languages": [subject.language],
        "published_at": f"{subject.published_at:%Y-%m-%dT%H:%M:%S}Z",
    }
    if subject.kind in ("video", "image"):
        content |= {"producer": f"Quayside Studio {dice.randrange(1, 9)}", "graphic": dice.random() < 0.1}
    if dice.random() < 0.15:
        content["also_at"] = [f"https://elsewhere.example/{subject.id}"]
    words = "order" if url_only else "request"
    target = {"kind": "url", "url": link} if url_only else _target(subject, link, dice)
    return {"reference": reference, "target": target, "content": content, "reasons": TEXTS[unit.language][words]}


def _target(subject: Subject, link: str, dice: random.Random) -> dict[str, Any]:
    """Name the content as agencies do: mostly by its link, sometimes by a name, an id or a digest."""
    if subject.kind in ("account", "channel"):
        named = {"kind": subject.kind}
        how = dice.randrange(4)
        if how == 0:
            return named | {"handle": f"@{subject.name}" if subject.kind == "account" else subject.name}
        if how == 1 and subject.presence != "unknown":
            return named | {"id": subject.id, "handle": subject.name}
        return named | {"url": link}
    digests = [{"algorithm": "sha-256", "value": subject.sha256}] if subject.sha256 else []
    if digests and dice.random() < 0.04:
        return {"kind": "file", "hashes": digests}
    if digests and dice.random() < 0.3:
        return {"kind": "url", "url": link, "hashes": digests}
    return {"kind": "url", "url": link}


def _annex(unit: Unit, number: int, *, signed_at: str) -> dict[str, Any]:
    """What Annex I of Reg. (EU) 2021/784 asks for, with placeholders."""
    return {
        "issuing_authority": {
            "type": "court",
            "name": f"Example Court {unit.code}",
            "member_state": unit.country,
            "representative": {"name": "Judge A", "post": "Examining judge"},
            "file_number": f"EX-{unit.code}-2017-{number}",
            "address": "1 Example Square",
            "phone": "+00 0 000 000",
            "email": f"registry@{unit.code.lower()}.court.example",
        },
        "addressee": {"name": "Harbour (example platform)", "member_state": "IE"},
        "main_establishment": "IE",
        "terrorist_content_types": ["incitement"],
        "signature": {"signed_at": signed_at, "signatory": "Judge A"},
        "redress": [
            {"body": f"Example Court of Appeal {unit.code}", "deadline": "Two months", "procedure": "In writing."}
        ],
    }
