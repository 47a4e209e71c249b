"""The worker: lease what is due, perform it in threads, record it, sweep, rest. Any number may run at once.

Killed at any point it loses nothing: what it had leased is leased again when the lease runs out.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..core.codes import EffectKind
from ..delivery.guard import CallbackPolicy
from ..delivery.sender import Sender
from ..errors import TemporarilyUnavailable
from ..store import agencies, outbox
from ..store.agencies import Endpoint
from . import claims, evidence, expiry, key_sources, once, retention
from .deliver import Attempted, attempt, record
from .mount import Mount
from .perform import perform

log = logging.getLogger("notice_intake.worker")
#: How many callbacks of one agency are under way at once: a slow receiver must not take all threads.
PER_AGENCY = 4
#: How long a result waits for others to be recorded with it, in seconds.
GATHER = 0.008
SWEEP_EVERY = timedelta(seconds=30)
#: Makes what each piece of work runs within: in a Flask app its application context, which threads do not inherit.
Within = Callable[[], AbstractContextManager[object]]
#: What is done at every turn besides; says how much it was.
Also = Callable[[Mount, datetime], int]


@dataclass(slots=True)
class Tally:
    """What a run of the worker did."""

    performed: int = 0
    delivered: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Run:
    mount: Mount
    sender: Sender
    pool: ThreadPoolExecutor
    stop: threading.Event
    within: Within
    #: Stop when nothing is due, and let a fault of the database be seen.
    once: bool = False
    tally: Tally = field(default_factory=Tally)
    flying: dict[Future[Attempted | None], Any] = field(default_factory=dict)
    swept_at: datetime | None = None
    also: Also | None = None


def sender_for(mount: Mount) -> Sender:
    """Make the guarded client that this mount's settings ask for."""
    return Sender(CallbackPolicy(networks=mount.settings.callback_networks), pool_size=mount.settings.worker_threads)


def work(
    mount: Mount,
    *,
    stop: threading.Event,
    once: bool = False,
    sender: Sender | None = None,
    within: Within = nullcontext,
    also: Also | None = None,
) -> Tally:
    """Work until ``stop`` is set; with ``once``, until nothing is due. ``also`` is done at every turn.

    Ends gracefully: takes nothing new, finishes what is under way, gives the rest back.
    """
    with ThreadPoolExecutor(mount.settings.worker_threads, thread_name_prefix="notice-intake") as pool:
        run = _Run(mount, sender or sender_for(mount), pool, stop, within, once, also=also)
        while not stop.is_set():
            moved = _surely(run, _turn)
            if not moved and not run.flying:
                if once:
                    break
                stop.wait(mount.settings.worker_idle_seconds)
        while run.flying:
            _surely(run, lambda run: _land(run, timeout=None) > 0)
    return run.tally


def _surely(run: _Run, step: Callable[[_Run], bool]) -> bool:
    """Take a step; where the database cannot be reached, rest a while instead of dying."""
    try:
        return step(run)
    except TemporarilyUnavailable:
        if run.once:
            raise
        log.warning("the database does not answer; trying again", exc_info=True)
        run.stop.wait(max(run.mount.settings.worker_idle_seconds, 1.0))
        return True


def _turn(run: _Run) -> bool:
    """Sweep, launch, land; True where something moved, so that more may be due now."""
    now = run.mount.clock()
    if run.swept_at is None or now - run.swept_at >= SWEEP_EVERY:
        run.swept_at = now
        claims.expire(run.mount, now=now)
        evidence.forget(run.mount, now=now)
        once.forget(run.mount, now=now)
        retention.purge_due(run.mount, now=now)
        expiry.warn(run.mount, now=now)
        # Other people's servers: they may take seconds.
        run.pool.submit(_read_keys, run.mount, now)
    besides = run.also(run.mount, now) if run.also is not None else 0
    room = 2 * run.mount.settings.worker_threads - len(run.flying)
    launched = _launch(run, room, now=now) if room > run.mount.settings.worker_threads // 2 else 0
    landed = _land(run, timeout=0.05) if run.flying else 0
    return besides + launched + landed > 0


def _read_keys(mount: Mount, now: datetime) -> None:
    try:
        key_sources.refresh_due(mount, now=now)
    except Exception:  # nobody waits for this future: what is not logged here is lost
        log.exception("keys could not be read again")


def _launch(run: _Run, room: int, *, now: datetime) -> int:
    mount = run.mount
    flying = Counter(row.agency_id for row in run.flying.values() if row.agency_id)
    busy = [agency for agency, count in flying.items() if count >= PER_AGENCY]
    with mount.storage.begin() as tx:
        rows = outbox.lease(tx, now=now, limit=room, busy=busy)
        agency_ids = sorted({row.agency_id for row in rows if row.kind == EffectKind.CALLBACK})
        endpoints = agencies.endpoints(tx, agency_ids) if agency_ids else {}
    for row in rows:
        future = run.pool.submit(_do, run, row, endpoints.get(row.agency_id))
        run.flying[future] = row
    return len(rows)


def _do(run: _Run, row: Any, endpoint: Endpoint | None) -> Attempted | None:
    now = run.mount.clock()
    with run.within():
        if row.kind == EffectKind.CALLBACK:
            return attempt(run.mount, run.sender, row, endpoint=endpoint, now=now)
        perform(run.mount, row, now=now)
    return None


def _land(run: _Run, *, timeout: float | None) -> int:
    """Record whatever has come back; return how much it was."""
    wait(run.flying, timeout=timeout, return_when=FIRST_COMPLETED)
    # What comes back within the next moment is recorded in the same transaction.
    done, _ = wait(run.flying, timeout=GATHER)
    results = []
    for future in done:
        row = run.flying.pop(future)
        fault = future.exception()
        if fault is not None:
            # The lease stays: it runs out and the work is leased again. A fault of ours must not lose it.
            log.error("effect %s (%s) broke the worker's step", row.id, row.kind, exc_info=fault)
            run.tally.failed += 1
            continue
        result = future.result()
        if result is None:
            run.tally.performed += 1
        else:
            results.append(result)
    record(run.mount, results, now=run.mount.clock())
    run.tally.delivered += len(results)
    return len(done)
