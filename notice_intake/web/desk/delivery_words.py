"""What deliveries, endpoints and attempts are called on the desk."""

from __future__ import annotations

from ..texts import N_

#: state of an endpoint: (word, what it means, tone)
ENDPOINT_STATES = {
    "working": (N_("Works"), N_("Its callbacks leave at once."), "good"),
    "resting": (N_("Resting"), N_("It asked for a pause, or did not answer. Its callbacks wait until then."), "care"),
    "failing": (
        N_("Failing"),
        N_("It fails again and again. One callback at a time is tried; others wait."),
        "alarm",
    ),
    "disabled": (N_("Disabled"), N_("Its callbacks wait, none is dropped. Speak to the agency."), "alarm"),
    "unverified": (N_("Not verified"), N_("The address has not proved yet whose it is."), "plain"),
}
ENDPOINT_REASONS = {
    "gone": N_("Its receiver said that it is gone for good (410)."),
    "failing": N_("Nothing has arrived for days. It is tried once a day."),
}
#: what came of an attempt
FAILURES = {
    "": N_("Arrived"),
    "blocked": N_("Blocked: the address leads to a network that is not allowed"),
    "dns": N_("The name cannot be found"),
    "tls": N_("No trusted connection under that name"),
    "connect": N_("No connection, or no HTTP answer"),
    "timeout": N_("Too slow"),
    "status": N_("Refused"),
    "challenge": N_("The challenge did not come back"),
    "lost": N_("Not known: the worker ended in the middle"),
    "fault": N_("Not known: a fault of ours, which the worker's log has"),
}
ATTEMPT_CAUSES = {"schedule": N_("by schedule"), "replay": N_("sent again"), "probe": N_("to see whether it works")}
DELIVERY_FILTERS = {
    "dead": N_("Given up"),
    "due": N_("Waiting"),
    "done": N_("Arrived"),
    "feed": N_("To be polled"),
    "cancelled": N_("Cancelled"),
}
