"""What the stored codes are called on the desk, as messages for the catalogue."""

from __future__ import annotations

from ...core.decisions import EXPLANATION_LIMIT, FACTS_LIMIT, REFERENCE_LIMIT
from ...core.messages import QUESTION_LIMIT
from ..fault_words import told
from ..texts import N_, Texts
from .delivery_words import ATTEMPT_CAUSES as ATTEMPT_CAUSES
from .delivery_words import DELIVERY_FILTERS as DELIVERY_FILTERS
from .delivery_words import ENDPOINT_REASONS as ENDPOINT_REASONS
from .delivery_words import ENDPOINT_STATES as ENDPOINT_STATES
from .delivery_words import FAILURES as FAILURES
from .entry_words import MAIL as MAIL
from .entry_words import PLACES as PLACES
from .entry_words import WAYS as WAYS

STATES = {
    "open": N_("Open"),
    "decided": N_("Decided"),
    "failed": N_("Failed"),
    "closed": N_("Closed"),
}

STATE_HINTS = {
    "open": N_("Waiting for a decision"),
    "decided": N_("Decided; the platform has not confirmed yet"),
    "failed": N_("Decided, but the platform could not carry it out"),
    "closed": N_("Done"),
}

KINDS = {
    "url": N_("Link"),
    "account": N_("Account"),
    "channel": N_("Channel"),
    "file": N_("File"),
    "video": N_("Video"),
    "image": N_("Image"),
    "audio": N_("Audio"),
    "post": N_("Post"),
    "comment": N_("Comment"),
    "article": N_("Article"),
    "profile": N_("Profile"),
    "livestream": N_("Live stream"),
    "text": N_("Text"),
    "other": N_("Other"),
}

#: outcome: (what the button says, what it means)
OUTCOME_CHOICES = {
    "removed": (N_("Remove"), N_("taken down everywhere")),
    "access_disabled": (N_("Disable access"), N_("in the countries chosen")),
    "visibility_restricted": (N_("Restrict visibility"), N_("harder to find or share")),
    "account_suspended": (N_("Suspend account"), N_("stopped for a time")),
    "account_terminated": (N_("Terminate account"), N_("closed for good")),
    "no_action": (N_("Take no action"), N_("breaks no rule")),
    "already_gone": (N_("Already gone"), N_("was here before")),
    "not_found": (N_("Not found"), N_("nothing under this name")),
    "not_possible": (N_("Not possible"), N_("for a stated reason")),
}

OUTCOMES = {
    "removed": N_("Removed"),
    "access_disabled": N_("Access disabled"),
    "visibility_restricted": N_("Visibility restricted"),
    "account_suspended": N_("Account suspended"),
    "account_terminated": N_("Account terminated"),
    "no_action": N_("No action"),
    "already_gone": N_("Already gone"),
    "not_found": N_("Not found"),
    "not_possible": N_("Not possible"),
}

ITEM_STATUSES = {
    "received": N_("Received"),
    "in_review": N_("In review"),
    "needs_clarification": N_("Needs clarification"),
    "decided": N_("Decided"),
    "effected": N_("Carried out"),
    "not_possible": N_("Not possible"),
    "restored": N_("Restored"),
    "withdrawn": N_("Withdrawn"),
}

GROUNDS = {"law": N_("Law"), "terms": N_("Our terms")}

IMPOSSIBILITIES = {
    "force_majeure": N_("Force majeure, or impossible for technical or operational reasons"),
    "manifest_error": N_("The order contains manifest errors"),
    "insufficient_information": N_("The order does not contain enough information"),
}

#: flag: (short word for the queue, sentence for the case, tone)
FLAGS = {
    "threat_to_life": (N_("Threat to life"), N_("The agency says that life is in danger."), "alarm"),
    "graphic": (N_("Graphic"), N_("The agency describes this content as graphic."), "care"),
    "unknown": (N_("Unknown"), N_("The platform does not know which content this names."), "care"),
    "unresolved": (N_("Unresolved"), N_("The platform could not be asked yet which content this names."), "care"),
    "gone": (N_("Gone"), N_("The platform says that the content is no longer there."), "plain"),
    "order_after_decision": (
        N_("Order after decision"),
        N_("An order arrived after this case had been decided; the decision answers it too."),
        "care",
    ),
    "clock_tightened": (N_("Clock tightened"), N_("A later referral set an earlier deadline."), "care"),
    "reopened": (N_("Reopened"), N_("This case was decided before and is open again."), "care"),
    "needs_clarification": (N_("Waiting for the agency"), N_("A question to the agency is open."), "plain"),
    "supplemented": (
        N_("New from the agency"),
        N_("The agency has added something: read it before you decide."),
        "care",
    ),
    "complaint": (
        N_("Complaint"),
        N_("The agency asks to look at the decision again. Somebody else than who took it decides."),
        "care",
    ),
    "withdrawn_after_decision": (
        N_("Withdrawn after decision"),
        N_("The agency no longer asks for what was carried out. Decide whether it stays."),
        "alarm",
    ),
    "withheld": (
        N_("Do not inform"),
        N_("The authority asks that the uploader is not told for now."),
        "care",
    ),
    "deadline_near": (N_("Deadline near"), N_("Little time is left, or none: decide this case now."), "alarm"),
    "imported": (N_("Imported"), N_("An operator put this in; its format may not say everything."), "plain"),
    "same_content_elsewhere": (N_("Same content"), N_("Another case holds the same content."), "care"),
}

#: why a moderator asks: (the reason, an example of what to write)
QUESTION_REASONS = {
    "content_not_found": N_("The content cannot be found"),
    "not_precise": N_("It is not clear what exactly is meant"),
    "translation_missing": N_("A translation is missing"),
    "wrong_addressee": N_("We are not the right addressee"),
    "manifest_error": N_("It contains a manifest error"),
    "other": N_("Something else"),
}
MESSAGE_KINDS = {
    "question": N_("Question to the agency"),
    "supplement": N_("From the agency"),
    "withdrawal": N_("Withdrawal"),
    "complaint": N_("Complaint"),
}
#: (kind, result): (word, tone); without a result it is open
MESSAGE_RESULTS = {
    ("question", None): (N_("Waiting for the agency"), "care"),
    ("question", "answered"): (N_("Answered"), "good"),
    ("question", "decided"): (N_("Decided without an answer"), "plain"),
    ("question", "withdrawn"): (N_("Withdrawn"), "plain"),
    ("complaint", None): (N_("Waiting for a decision"), "care"),
    ("complaint", "upheld"): (N_("Decision upheld"), "plain"),
    ("complaint", "reversed"): (N_("Decision reversed"), "good"),
    ("complaint", "withdrawn"): (N_("Withdrawn"), "plain"),
}

DUE_KINDS = {"legal": N_("legal deadline"), "house": N_("house target")}
DISCLOSURES = {"inform": N_("The uploader may be told"), "withhold": N_("The uploader must not be told for now")}
#: how a referral came; a door that its operator has named goes by that name
CHANNELS = {
    "api": N_("Sent by machine"),
    "bulk": N_("Sent by machine, among many"),
    "import": N_("Entered by hand"),
    "page": N_("Agency pages"),
}
CLAIMS = {"free": N_("Nobody"), "mine": N_("Me"), "held": N_("Anybody")}
DUES = {"overdue": N_("Overdue"), "hour": N_("Within the hour")}

#: filter: (its label, what it says when nothing is chosen)
FILTERS = {
    "instrument": (N_("Instrument"), N_("All")),
    "agency": (N_("Agency"), N_("All")),
    "kind": (N_("Kind"), N_("All")),
    "language": (N_("Language"), N_("All")),
    "operation": (N_("Operation"), N_("All")),
    "claim": (N_("Held by"), N_("Any")),
    "due": (N_("Due"), N_("Any time")),
}

EFFECT_KINDS = {
    "resolve": N_("Look the content up again"),
    "announce": N_("Tell the agencies: decided"),
    "enforce": N_("Carry out on the platform"),
    "revert": N_("Take back on the platform"),
    "inform": N_("Inform the uploader"),
    "callback": N_("Call back the agency"),
    "acknowledge": N_("Acknowledge"),
    "capture": N_("Keep a copy"),
}

#: state: (word, tone)
EFFECT_STATES = {
    "dead": (N_("Failed for good"), "alarm"),
    "due": (N_("Waiting"), "plain"),
    "done": (N_("Done"), "good"),
    "feed": (N_("In the feed"), "plain"),
    "cancelled": (N_("Cancelled"), "plain"),
}

EFFECT_HINTS = {
    "dead": N_("Given up after every retry. Mend the cause, then replay."),
    "due": N_("Will be tried at the time shown."),
    "done": N_("Confirmed by the other side."),
    "feed": N_("For an agency without an address: read by polling."),
    "cancelled": N_("The decision was undone before this left."),
}

#: what the agency's description of an item is labelled with
DESCRIPTION = {
    "kind": N_("Kind"),
    "languages": N_("Languages"),
    "producer": N_("Producer"),
    "published_at": N_("Published"),
    "graphic": N_("Graphic"),
    "also_at": N_("Also at"),
    "title": N_("Title"),
}

CONTACT = {"name": N_("Name"), "email": N_("E-mail"), "phone": N_("Telephone"), "organisation": N_("Organisation")}

#: journal action: what happened
ACTIONS = {
    "referral.received": N_("Referral received"),
    "referral.entered": N_("Entered by hand"),
    "original.read": N_("File as received downloaded"),
    "case.opened": N_("Case opened"),
    "case.joined": N_("Another item joined"),
    "case.resolved": N_("The platform found the content"),
    "case.reopened": N_("Reopened"),
    "case.clock_tightened": N_("Clock tightened"),
    "case.claimed": N_("Claimed"),
    "case.claim_extended": N_("Claim extended"),
    "case.claim_expired": N_("Claim ran out"),
    "case.released": N_("Released"),
    "case.taken_over": N_("Taken over"),
    "case.deadline_near": N_("Deadline near"),
    "question.asked": N_("The agency was asked"),
    "referral.supplemented": N_("The agency added something"),
    "referral.withdrawn": N_("The agency withdrew"),
    "complaint.received": N_("The agency complained"),
    "decision.recorded": N_("Decided"),
    "decision.undone": N_("Undone"),
    "decision.announced": N_("The agencies were told"),
    "decision.effected": N_("Carried out"),
    "decision.reverted": N_("Taken back"),
    "effect.given_up": N_("Given up"),
    "effect.replayed": N_("Tried again"),
    "page.used": N_("Done on the agency pages"),
    "uploader.informed": N_("Uploader informed"),
}
#: who did it, where no name stands beside it: that of a person may have been erased
ACTORS = {
    "system": N_("the system"),
    "moderator": N_("a moderator"),
    "agency": N_("an agency"),
    "operator": N_("the operator"),
}
#: the facts of a journal entry that say something to a person; ids and counts do not
FACTS = {"reason": N_("reason"), "reason_code": N_("reason"), "outcome": N_("outcome"), "territories": N_("countries")}

#: the regimes' own words, where they are known here; a new regime shows in its own language until it is added
REGIMES = (
    N_("IRU referral"),
    N_("DSA notice"),
    N_("Trusted flagger notice"),
    N_("TCO removal order"),
    N_("Art. 3(3) Reg. (EU) 2021/784: one hour from receipt"),
    N_("House target: answer referrals within 24 hours"),
    N_("House target 24 hours; Art. 22(1) DSA gives trusted flaggers priority"),
    N_("House target 72 hours; Art. 16(6) DSA asks for a timely decision"),
    N_("House target: look again within 72 hours; Art. 20(4) DSA asks for a timely answer"),
    N_("House target: look within 24 hours at what an agency no longer asks for"),
)
DETAILS = (
    N_("Good faith"),
    N_("Area of expertise"),
    N_("Status awarded in"),
    N_("Issuing authority"),
    N_("Kind of authority"),
    N_("Signed for it by"),
    N_("File number"),
    N_("Addressee"),
    N_("Legal representative"),
    N_("Main establishment"),
    N_("Signature"),
    N_("Follow-up"),
    N_("Redress"),
)

#: (field, code): what the moderator is told; the rules themselves live in ``core.decisions``
FIELD_ERRORS = {
    ("outcome", "required"): N_("Choose an outcome."),
    ("outcome", "not_allowed"): N_("An instrument of this case does not allow this outcome."),
    ("facts", "required"): N_("Say what you saw and relied on."),
    ("ground_kind", "required"): N_("Say whether the law or your terms ground this."),
    ("ground_kind", "unknown"): N_("Choose law or terms."),
    ("ground_reference", "required"): N_("Name the provision or the clause."),
    ("explanation", "required"): N_("Say why the content falls under it."),
    ("category", "required"): N_("Choose a category."),
    ("category", "unknown"): N_("Choose a category from the list."),
    ("keywords", "unknown"): N_("Choose keywords from the list."),
    ("territories", "required"): N_("Say in which countries access ends."),
    ("territories", "unknown"): N_("Choose countries from the list."),
    ("impossibility", "required"): N_("Say why it cannot be carried out."),
    ("question_reason", "required"): N_("Choose why you ask."),
    ("question", "required"): N_("Write what you need to know."),
    ("question_to", "required"): N_("Choose whom you ask."),
    ("reason", "required"): N_("Say why you take this case over."),
}

#: the heading of keywords that belong to no category
UNGROUPED = N_("Other keywords")

LIMITS = {
    "facts": FACTS_LIMIT,
    "explanation": EXPLANATION_LIMIT,
    "ground_reference": REFERENCE_LIMIT,
    "question": QUESTION_LIMIT,
}


#: what a flow says when a thing can no longer be done
CONFLICTS = (
    N_("There is nothing to undo: the decision has taken effect."),
    N_("It is too late to undo this: the decision is being carried out."),
    N_("Only what was given up can be replayed."),
    N_("Only a callback that was given up or has arrived can be sent again."),
    N_("This agency has no endpoint that callbacks could go to."),
    N_("This endpoint is in use already."),
    N_("You do not hold this case."),
    N_("This case is decided already."),
    N_("A decision on this case is being carried out. Undo it, or wait until it has taken effect."),
    N_("The state of the thing does not allow this."),
)


def field_error(texts: Texts, field: str, *, code: str, detail: str) -> str:
    """Return what is wrong with a field, in the moderator's language where the catalogue has it."""
    if code == "too_long" and field in LIMITS:
        return texts.gettext(N_("Use at most %(limit)s characters."), limit=texts.number(LIMITS[field]))
    if code == "bad_character":
        return texts.gettext(N_("Take the NUL character out."))
    message = FIELD_ERRORS.get((field, code))
    return texts.gettext(message) if message else told(texts, detail)
