"""The regimes that come with the package: a further one is a file here and its name in this tuple."""

from __future__ import annotations

from . import eu_dsa, eu_iru, eu_tco
from .regime import Regime

KNOWN: tuple[Regime, ...] = (eu_tco.REGIME, eu_dsa.REGIME, eu_iru.REGIME)
