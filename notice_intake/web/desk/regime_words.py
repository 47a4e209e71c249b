"""What the regimes say in words of their own, for the catalogue: a new one shows in its own language until added."""

from __future__ import annotations

from ..texts import N_

VALUES = (N_("stated (Art. 16(2)(d))"), N_("not stated"))
LABELS = (N_("Member State"), N_("Signed"), N_("Imported from"), N_("Not said there"))
