"""What a regime file has to give: instruments, and the schema of a referral under each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marshmallow import Schema

from ..contract.compiled import Contract
from ..core.instruments import Instrument
from ..errors import SettingsError


@dataclass(frozen=True, slots=True)
class Regime:
    """A legal regime, or a house rule that works like one."""

    code: str
    name: str
    #: Each instrument with the schema of its referrals.
    instruments: tuple[tuple[Instrument, type[Schema]], ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The regimes that a mount knows, ready to look things up in."""

    instruments: Mapping[str, Instrument]
    contracts: Mapping[str, Contract]


def rulebook(regimes: Iterable[Regime]) -> Rulebook:
    """Compile the contracts of all instruments. Raises ``SettingsError`` where two regimes define one instrument."""
    instruments: dict[str, Instrument] = {}
    contracts: dict[str, Contract] = {}
    for regime in regimes:
        if not isinstance(regime, Regime):
            raise SettingsError(f"regimes= must hold objects of notice_intake.regimes.regime.Regime, not {regime!r}.")
        for instrument, schema in regime.instruments:
            if instrument.code in instruments:
                raise SettingsError(f"Two regimes define the instrument {instrument.code!r}.")
            instruments[instrument.code] = instrument
            contracts[instrument.code] = _contract(schema, instrument.code)
    return Rulebook(instruments, contracts)


_compiled: dict[tuple[type[Schema], str], Contract] = {}


def _contract(schema: type[Schema], code: str) -> Contract:
    # Compiling takes tens of milliseconds and several mounts share the regimes of one process.
    key = (schema, code)
    if key not in _compiled:
        _compiled[key] = Contract(schema, name=f"referral.{code}")
    return _compiled[key]
