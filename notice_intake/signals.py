"""What a host can listen to. Sent after the outermost commit; a listener that fails is logged and undoes nothing."""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace

log = logging.getLogger("notice_intake.signals")
_namespace = Namespace()

#: A referral was stored: ``referral_id``, ``agency_id``, ``instrument``, ``due_at``.
referral_received = _namespace.signal("referral-received")
#: A moderator decided: ``case_id``, ``decision_id``, ``outcome``.
decision_recorded = _namespace.signal("decision-recorded")
#: The platform confirmed: ``case_id``, ``decision_id``, ``outcome``.
decision_effected = _namespace.signal("decision-effected")
#: An effect was given up and waits for a person: ``effect_id``, ``kind``, ``reason``.
effect_given_up = _namespace.signal("effect-given-up")
#: An agency's endpoint has failed for an hour, then for a day: ``agency_id``, ``endpoint_id``, ``since``, ``hours``.
endpoint_ailing = _namespace.signal("endpoint-ailing")
#: An endpoint is disabled, its callbacks wait: ``agency_id``, ``endpoint_id``, ``reason`` (``gone`` or ``failing``).
endpoint_disabled = _namespace.signal("endpoint-disabled")
#: An endpoint that people were told of works again: ``agency_id``, ``endpoint_id``.
endpoint_recovered = _namespace.signal("endpoint-recovered")
#: An open case comes near its deadline, once for each deadline: ``case_id``, ``due_at``, ``due_kind``, ``held_by``.
deadline_near = _namespace.signal("deadline-near")
#: A key runs out in 14, 3 or 1 days: ``agency_id``, ``key_id``, ``scheme``, ``expires_at``, ``days``.
key_expiring = _namespace.signal("key-expiring")
#: There is work for the worker: nothing else is said, since the outbox knows it all.
work_waiting = _namespace.signal("work-waiting")
#: A batch of journal entries was sealed: ``checkpoint``, the signed text, to be kept elsewhere; ``size``.
journal_sealed = _namespace.signal("journal-sealed")


def send(signal: NamedSignal, mount: Any, **facts: Any) -> None:
    """Tell the listeners, each by itself; ``mount`` is the sender. Of a sandbox nobody is told: it is not real."""
    if mount.sandbox:
        return
    for receiver in signal.receivers_for(mount):
        try:
            receiver(mount, **facts)
        except Exception:  # a listener's fault must not reach what was committed
            log.exception("a listener of %s failed", signal.name)
