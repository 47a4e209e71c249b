"""Every JSON Schema that is published, by the name of its file without ``.json``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import Schema

from ..core.codes import MessageKind
from . import answers, events, problem_schemas
from .compiled import Contract
from .json_schema import by_type, json_schema_of, one_of
from .messages import contract, endpoint_contract

#: What is answered, by the name under which it is published.
ANSWERS: Mapping[str, type[Schema]] = {
    "receipt": answers.ReceiptSchema,
    "item_status": answers.ItemStatusSchema,
    "referral_status": answers.ReferralStatusSchema,
    "referrals": answers.ReferralsPageSchema,
    "question": answers.QuestionSchema,
    "decision": answers.DecisionSchema,
    "answer": answers.MessageAcceptedSchema,
    "events": events.EventsPageSchema,
    "endpoint_status": answers.EndpointViewSchema,
    "endpoint_test": answers.TestSentSchema,
    "delivery": answers.DeliverySchema,
    "deliveries": answers.DeliveriesPageSchema,
    "keys": problem_schemas.KeysSchema,
    "problem": problem_schemas.ProblemSchema,
    "explanation": problem_schemas.ExplanationSchema,
    "health": problem_schemas.HealthSchema,
    "readiness": problem_schemas.ReadySchema,
}
#: What stands before the code of an instrument in the name of its schema.
REFERRAL = "referral."


def requests() -> dict[str, Contract]:
    """Return the contract of every request body but the referral, by the name of its schema."""
    kinds = (MessageKind.SUPPLEMENT, MessageKind.WITHDRAWAL, MessageKind.COMPLAINT)
    return {**{str(kind): contract(kind) for kind in kinds}, "endpoint": endpoint_contract()}


def schemas(contracts: Mapping[str, Contract]) -> dict[str, dict[str, Any]]:
    """Return every published schema; ``contracts`` are those of the referrals, by instrument."""
    referrals = {REFERRAL + code: one.published for code, one in contracts.items()}
    return {**referrals, **{name: one.published for name, one in requests().items()}, **_answered()}


@cache
def _answered() -> dict[str, dict[str, Any]]:
    found = {name: json_schema_of(schema, name=name) for name, schema in ANSWERS.items()}
    says = "The body of a callback, by its `type`. Types may be added: answer 2xx to those that you do not know."
    found["event"] = one_of(list(events.EVENTS.values()), name="event", says=says, open_by="type")
    found["events"] = by_type(found["events"], "ListedEvent", schemas=events.listed())
    lines = [problem_schemas.StoredLineSchema, problem_schemas.RefusedLineSchema]
    found["bulk_line"] = one_of(lines, name="bulk_line", says="A line of the answer to a stream of referrals.")
    return found
