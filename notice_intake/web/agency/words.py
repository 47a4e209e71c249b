"""What the fields of a referral are called on the form, and what is said where something is wrong with one."""

from __future__ import annotations

from functools import cache

from ...core.catalogue import KEYWORDS, category_label
from ...core.codes import ContentKind
from ..desk import words as desk_words
from ..fault_words import told
from ..texts import N_, Texts, texts_in

#: path of a field: (what it is called, what helps to fill it in)
FIELDS = {
    "/agency_reference": (N_("Your reference"), N_("Your own number of this referral. You can use it once.")),
    "/issued_at": (N_("Issued"), ""),
    "/language": (N_("Language you write in"), N_("A tag such as en, fr or sr-Latn.")),
    "/category": (N_("Category"), ""),
    "/keywords": (N_("Keywords"), ""),
    "/reasons": (
        N_("Reasons"),
        N_("What in it falls under the grounds, and where. They stand for every line; refer separately what differs."),
    ),
    "/content": (N_("What the content is"), ""),
    "/content/kind": (N_("Kind"), ""),
    "/content/languages": (N_("Languages of the content"), N_("Tags such as ar, fr, with commas between them.")),
    "/content/producer": (N_("Producer"), N_("Who made it, where you know.")),
    "/content/graphic": (N_("It is graphic: spare the eyes of who looks at it"), ""),
    "/grounds": (N_("Grounds"), N_("What it breaks: a provision of law, or a clause of the platform's terms.")),
    "/grounds/kind": (N_("Law or terms"), ""),
    "/grounds/reference": (N_("Provision or clause"), ""),
    "/grounds/explanation": (N_("Explanation"), ""),
    "/operation": (N_("Joint operation"), N_("If it belongs to one: the same code at all agencies.")),
    "/operation/code": (N_("Code"), ""),
    "/operation/name": (N_("Name"), ""),
    "/urgency": (N_("Urgency"), ""),
    "/urgency/threat_to_life": (N_("Somebody's life or safety is in danger"), ""),
    "/urgency/explanation": (N_("Why it is urgent"), ""),
    "/disclosure": (N_("Telling the uploader"), ""),
    "/disclosure/uploader": (
        N_("May the uploader be told?"),
        N_("The platform tells them what was decided and why, never who referred it."),
    ),
    "/disclosure/until": (N_("Not before"), N_("It is kept, and nothing happens by itself at that time.")),
    "/contact": (N_("Whom the moderators can ask"), ""),
    "/contact/name": (N_("Name"), ""),
    "/contact/email": (N_("E-mail"), ""),
    "/contact/phone": (N_("Telephone"), ""),
    "/good_faith": (
        N_("I believe in good faith that what I say here is accurate and complete"),
        N_("Art. 16(2)(d) DSA asks for this statement."),
    ),
    "/expertise": (N_("Area of expertise"), N_("For which you were awarded the status of trusted flagger.")),
    "/awarded_by": (N_("Status awarded in"), ""),
    "/removal_order": (N_("Removal order"), N_("What Annex I of Regulation (EU) 2021/784 asks for.")),
    "/removal_order/issuing_authority": (N_("Issuing authority"), N_("Section E of the form.")),
    "/removal_order/issuing_authority/type": (N_("Kind of authority"), ""),
    "/removal_order/issuing_authority/name": (N_("Name of the authority"), ""),
    "/removal_order/issuing_authority/member_state": (N_("Member State"), ""),
    "/removal_order/issuing_authority/representative": (N_("Who signs for it"), ""),
    "/removal_order/issuing_authority/representative/name": (N_("Name"), ""),
    "/removal_order/issuing_authority/representative/post": (N_("Office held"), ""),
    "/removal_order/issuing_authority/file_number": (N_("File number"), ""),
    "/removal_order/issuing_authority/address": (N_("Address"), ""),
    "/removal_order/issuing_authority/phone": (N_("Telephone"), ""),
    "/removal_order/issuing_authority/email": (N_("E-mail"), ""),
    "/removal_order/addressee": (N_("Addressee"), N_("The platform and its legal representative: section A.")),
    "/removal_order/addressee/name": (N_("Name of the platform's company"), ""),
    "/removal_order/addressee/legal_representative": (N_("Legal representative"), ""),
    "/removal_order/addressee/member_state": (N_("Member State"), ""),
    "/removal_order/addressee/contact_point": (N_("E-mail of its contact point"), ""),
    "/removal_order/main_establishment": (N_("Main establishment"), N_("Where the platform's head office is.")),
    "/removal_order/terrorist_content_types": (N_("The content"), N_("At least one: Art. 2(7).")),
    "/removal_order/signature": (N_("Signature"), N_("Art. 3(4)(e).")),
    "/removal_order/signature/signed_at": (N_("Signed"), ""),
    "/removal_order/signature/signatory": (N_("Signed by"), ""),
    "/removal_order/signature/value": (N_("Electronic signature"), N_("Detached, in base64, where there is one.")),
    "/removal_order/redress": (N_("Redress"), N_("Where and until when the order can be challenged: section G.")),
    "/removal_order/redress/body": (N_("Body or court"), ""),
    "/removal_order/redress/deadline": (N_("Until when"), ""),
    "/removal_order/redress/procedure": (N_("Procedure"), ""),
    "/removal_order/redress/law": (N_("Provision of law"), ""),
    "/removal_order/home_authority": (
        N_("Authority of the platform's own Member State"),
        N_("Art. 4(1): it gets a copy where the platform is established in another Member State."),
    ),
    "/removal_order/home_authority/name": (N_("Name of the authority"), ""),
    "/removal_order/home_authority/email": (N_("E-mail"), ""),
    "/removal_order/home_authority/copied": (N_("It has been sent a copy"), ""),
    "/removal_order/follow_up": (N_("Follow-up"), ""),
}

#: (path, code): what an option is called
OPTIONS = {
    ("/grounds/kind", "law"): N_("A provision of law"),
    ("/grounds/kind", "terms"): N_("The platform's terms"),
    ("/disclosure/uploader", "inform"): N_("Yes"),
    ("/disclosure/uploader", "withhold"): N_("Not for now"),
    ("/removal_order/issuing_authority/type", "judge"): N_("Judge"),
    ("/removal_order/issuing_authority/type", "court"): N_("Court"),
    ("/removal_order/issuing_authority/type", "investigating_judge"): N_("Investigating judge"),
    ("/removal_order/issuing_authority/type", "law_enforcement"): N_("Law enforcement authority"),
    ("/removal_order/issuing_authority/type", "other"): N_("Another authority"),
    ("/removal_order/terrorist_content_types", "incitement"): N_(
        "incites to terrorist offences, for instance by glorifying them (Art. 2(7)(a))"
    ),
    ("/removal_order/terrorist_content_types", "solicitation_to_commit"): N_(
        "solicits to commit or contribute to terrorist offences (Art. 2(7)(b))"
    ),
    ("/removal_order/terrorist_content_types", "solicitation_to_participate"): N_(
        "solicits to take part in a terrorist group (Art. 2(7)(c))"
    ),
    ("/removal_order/terrorist_content_types", "instruction"): N_(
        "instructs on explosives, weapons or other methods (Art. 2(7)(d))"
    ),
    ("/removal_order/terrorist_content_types", "threat"): N_("threatens to commit a terrorist offence (Art. 2(7)(e))"),
}

#: Sections of the form, in order: (heading, the paths that stand in it). What a regime adds stands by itself after.
SECTIONS = (
    (N_("About the referral"), ("/agency_reference", "/language", "/category", "/keywords", "/issued_at", "/grounds")),
    (N_("Further"), ("/urgency", "/operation", "/disclosure", "/contact")),
)

EVENTS = {
    "referral.received": N_("The platform has received it"),
    "referral.supplemented": N_("The platform has what you added"),
    "referral.withdrawn": N_("Withdrawn"),
    "item.received": N_("Back with the moderators"),
    "item.in_review": N_("A moderator looks at it"),
    "item.needs_clarification": N_("The platform asks you something"),
    "item.decided": N_("Decided"),
    "item.effected": N_("Carried out"),
    "item.not_possible": N_("Cannot be carried out"),
    "item.restored": N_("Taken back: the content is there again"),
    "item.withdrawn": N_("Withdrawn"),
    "complaint.received": N_("The platform has your complaint"),
    "complaint.decided": N_("Your complaint is decided"),
    "endpoint.test": N_("A test"),
    "endpoint.verification": N_("The challenge of an address"),
}

#: status: what it means for the agency
STATUS_HINTS = {
    "received": N_("Nobody has looked yet."),
    "in_review": N_("A moderator works on it."),
    "needs_clarification": N_("The platform needs an answer from you."),
    "decided": N_("Decided; not carried out yet where there is something to carry out."),
    "effected": N_("The platform confirms that it is carried out."),
    "not_possible": N_("It cannot be carried out."),
    "restored": N_("A later decision took the earlier one back; the content is there again."),
    "withdrawn": N_("You took it back."),
}
#: status: how it looks
STATUS_TONES = {
    "needs_clarification": "care",
    "not_possible": "care",
    "effected": "good",
    "decided": "good",
}

STATES = {
    "all": N_("All"),
    "asked": N_("Questions for you"),
    "open": N_("Waiting"),
    "answered": N_("Answered"),
}
EMPTY = {
    "all": (N_("Nothing referred yet"), N_("What your agency refers, here or by machine, stands here.")),
    "asked": (N_("No question is open"), N_("When the platform needs to know more, its question stands here.")),
    "open": (N_("Nothing waits"), N_("Everything that your agency referred is answered.")),
    "answered": (N_("Nothing answered yet"), N_("What is decided stands here, with its reasons.")),
}

ENDPOINT_STATES = {
    "active": (N_("In use"), "good"),
    "unverified": (N_("Waits for its challenge"), "care"),
    "disabled": (N_("Disabled"), "alarm"),
}
DELIVERY_STATES = {
    "due": (N_("Waiting"), "plain"),
    "done": (N_("Delivered"), "good"),
    "dead": (N_("Given up"), "alarm"),
    "feed": (N_("To be read by polling"), "plain"),
    "cancelled": (N_("Cancelled"), "plain"),
}
#: how the door of an agency stands, where it is not open: (word, tone)
STANDINGS = {
    "run_out": (N_("has run out"), "alarm"),
    "closed_out": (N_("Closed out"), "alarm"),
    "by_mail": (N_("By mail only"), "plain"),
    "no_key": (N_("No key yet"), "plain"),
}
SCHEMES = {
    "bearer": N_("Token"),
    "signature": N_("Public key"),
    "client-cert": N_("Certificate"),
}
GROUNDS = {"law": N_("Law"), "terms": N_("The platform's terms")}
MESSAGE_KINDS = {
    "question": N_("The platform asked"),
    "supplement": N_("You added"),
    "withdrawal": N_("You withdrew"),
    "complaint": N_("You asked to look again"),
}
#: (kind, result): (word, tone); without a result it is open
MESSAGE_RESULTS = {
    ("question", None): (N_("Waits for your answer"), "care"),
    ("question", "answered"): (N_("Answered"), "good"),
    ("question", "decided"): (N_("Decided without an answer"), "plain"),
    ("question", "withdrawn"): (N_("Withdrawn"), "plain"),
    ("complaint", None): (N_("Waits for a decision"), "care"),
    ("complaint", "upheld"): (N_("Decision upheld"), "plain"),
    ("complaint", "reversed"): (N_("Decision reversed"), "good"),
    ("complaint", "withdrawn"): (N_("Withdrawn"), "plain"),
}
PURPOSES = {"sign-in": N_("to sign in"), "onboard": N_("to begin")}
SCOPES = {
    "referrals:write": N_("refer, answer, withdraw, complain"),
    "referrals:read": N_("read what became of it"),
    "endpoints:write": N_("look after callbacks and keys"),
}

#: code of a fault: what is said at the field
_FAULTS = {
    "required": N_("This is missing."),
    "null": N_("This is missing."),
    "not_listed": N_("Choose one from the list."),
    "future_time": N_("This time has not come yet."),
    "wrong_type": N_("This does not fit here."),
}
#: What the rules say word by word, for the catalogue; what is not here is shown as it is.
SENTENCES = (
    N_("Write an e-mail address."),
    N_("Write a language tag such as fr or sr-Latn."),
    N_("Write a country as two capital letters."),
    N_("Use one line of text."),
    N_("Use letters, digits, dot, dash, underscore."),
    N_("Write the time as 2017-04-25T09:12:00+02:00, with seconds and with Z or the offset from UTC."),
    N_("There is no such day or time."),
    N_("This must be true."),
    N_("Write the signature in base64."),
    N_("Paste at least one link."),
    N_("Say which kind of digest this is, such as sha-256: before it."),
    N_("The link is empty. Send the address of the content."),
    N_("There is more than one link here. Send each link as an item of its own."),
    N_("The link holds control characters. Remove them."),
    N_("The host or the port of the link is not valid. Check the address."),
    N_("The link names nothing after its scheme. Send the whole address of the content."),
    N_("The brackets in the host of the link are not clear. Send the link as it stands in a browser."),
    N_("This looks like an e-mail address or a handle. Send a link, or name the account as such."),
    N_("The link has no host. Send the whole address, beginning with https://."),
    N_("This is not a link. Send the whole address, beginning with https://."),
    N_("The host of the link is not valid: a part of its name is empty or too long."),
    N_("Nothing of this referral waits for a decision. To have a decision looked at again, complain."),
    N_("This question is closed already."),
    N_("You have withdrawn this referral already."),
    N_("A further decision is on its way. Wait for it."),
    N_("This form was sent before. Load the page again."),
    N_("The secret was changed too often within a day. The earlier ones still sign for 24 hours each."),
    N_("You have no endpoint that is in use: name one with PUT, and give its challenge back."),
    N_("Only a callback about a referral can be sent again, and only one that is not on its way."),
    N_("That is a private key. Keep it to yourself and send the public one."),
    N_("That is a private or secret key. Keep it to yourself and send the public one."),
    N_("The file holds no public key in PEM form (BEGIN PUBLIC KEY)."),
    N_("The JWK holds no public key of a kind that is accepted here."),
    N_("Send an Ed25519 key, an ECDSA key on P-256 or P-384, or an RSA key."),
    N_("This key is registered already. One that was revoked does not come back: make a new one."),
    N_("Name the notifier and an e-mail address: Art. 16(2)(c) asks for both, but for child sexual abuse."),
)


def label_of(texts: Texts, path: str) -> str:
    """Return what a field is called; a regime's new field by its own name until it is added here."""
    found = FIELDS.get(path)
    return texts.gettext(found[0]) if found else path.rpartition("/")[2].replace("_", " ").capitalize()


def hint_of(texts: Texts, path: str) -> str:
    """Return what helps to fill a field in, or nothing."""
    found = FIELDS.get(path)
    return texts.gettext(found[1]) if found else ""


def option_of(texts: Texts, path: str, *, code: str) -> str:
    """Return what an option of a field is called."""
    if path == "/category":
        return texts.gettext(category_label(code))
    if path == "/keywords":
        return texts.gettext(KEYWORDS.get(code, code))
    if path == "/content/kind" and code in tuple(ContentKind):
        return texts.gettext(desk_words.KINDS.get(code, code))
    return texts.gettext(OPTIONS.get((path, code), code.replace("_", " ")))


def fault_of(texts: Texts, *, code: str, detail: str, longest: int | None = None) -> str:
    """Return what is wrong with a field, in the person's language where the catalogue has it."""
    if code == "length" and longest is not None:
        return texts.gettext(N_("Use at most %(limit)s characters."), limit=texts.number(longest))
    message = _FAULTS.get(code)
    return texts.gettext(message) if message else sentence(texts, detail)


def sentence(texts: Texts, detail: str) -> str:
    """Return a sentence of the rules in the person's language where the catalogue has it."""
    return told(texts, detail)


@cache
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """Return (code, name) of every country, by its name in a language."""
    known = texts_in(language).locale.territories.items()
    names = [(code, str(name)) for code, name in known if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY]
    return tuple(sorted(names, key=lambda one: one[1]))


_NO_COUNTRY = frozenset({"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"})
