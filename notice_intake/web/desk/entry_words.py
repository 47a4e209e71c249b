"""What the operator's door calls things, as messages for the catalogue."""

from __future__ import annotations

from ..texts import N_

#: the ways by which a referral can come to a person
WAYS = {
    "email": N_("E-mail"),
    "portal": N_("Portal"),
    "post": N_("Post"),
    "fax": N_("Fax"),
    "phone": N_("Telephone"),
    "other": N_("Another way"),
}

#: where in a mail a link stands: (word, tone); of the text itself nothing is said
PLACES = {
    "signature": (N_("In the signature"), "care"),
    "quoted": (N_("In quoted text"), "care"),
    "hidden": (N_("Behind words"), "care"),
    "own": (N_("The sender's own site"), "care"),
}

#: what a file says about who sent it
MAIL = {
    "from_claimed": N_("Sender"),
    "organisation": N_("Organisation"),
    "subject": N_("Subject"),
    "date": N_("Sent"),
    "checks_claimed": N_("Checks of the sender"),
    "arrived_claimed": N_("Arrived"),
}
