"""The worker: lease what is due, perform it in threads, record it, sweep, rest. Any number may run at once.

Killed at any point it loses nothing: what it had leased is leased again when the lease runs out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.codes import EffectKind
from ..delivery.guard import CallbackPolicy
from ..delivery.sender import Sender
from ..errors import TemporarilyUnavailable
from ..store import agencies, leases
from ..store.agencies import Endpoint
from ..store.leases import Leased
from ..store.storage import Tx
from ..store.waking import Watch
from .aside import Aside, asides
from .crew import Crew
from .deliver import Attempted, attempt, note_lost, record
from .heartbeat import Heartbeat
from .lines import AHEAD, FIRST, MOST, Lines
from .mount import Mount
from .perform import perform
from .sealing import keep_sealed
from .sweeps import sweep

log = logging.getLogger("notice_intake.worker")
#: How many effects are performed at once: the hooks of the host are not made for more.
EFFECTS = 8
#: How long the worker waits for results before it looks whether there is new work, in seconds.
TICK = 0.01
#: While the threads have enough to do, the database is asked once for so many results, or so often, in seconds.
ROUND, GATHER = 64, 0.04
SWEEP_EVERY = timedelta(seconds=30)
#: A callback starts only where its lease lasts so much longer than it may take, in seconds.
SPARE = 3
#: Makes what each effect runs within: in a Flask app its application context, which threads do not inherit.
Within = Callable[[], AbstractContextManager[object]]
#: What is done at every look for work besides; says how much it was.
Also = Callable[[Mount, datetime], int]


@dataclass(slots=True)
class Tally:
    """What a run of the worker did."""

    performed: int = 0
    delivered: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    leased: Leased
    endpoint: Endpoint | None = None

    @property
    def agency_id(self) -> str | None:
        row = self.leased.row
        return row.agency_id if row.kind == EffectKind.CALLBACK else None


@dataclass(slots=True)
class _Run:
    mount: Mount
    sender: Sender
    stop: threading.Event
    within: Within
    watch: Watch
    heartbeat: Heartbeat
    #: Stop when nothing is due, and let a fault of the database be seen.
    once: bool = False
    tally: Tally = field(default_factory=Tally)
    lines: Lines = field(default_factory=Lines)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    flying: dict[str, _Job] = field(default_factory=dict)
    #: Came back, and not written down yet.
    landed: list[Attempted] = field(default_factory=list)
    #: Whether the database may have work that was not there before, and when it was asked last, by the machine's clock.
    news: bool = True
    asked_at: float = 0.0
    #: Work to be returned with the next transaction.
    returning: list[Leased] = field(default_factory=list)
    swept_at: datetime | None = None
    #: When to look for work at the latest, by the machine's own clock.
    look_at: float = 0.0
    also: Also | None = None
    asides: list[Aside] = field(init=False)
    crew: Crew = field(init=False)

    def do(self, job: _Job) -> Attempted | None:
        """Do one piece of work, in a thread."""
        now = self.mount.clock()
        if job.agency_id is not None:
            return attempt(self.mount, self.sender, job.leased, endpoint=job.endpoint, now=now)
        with self.within():
            perform(self.mount, job.leased.row, now=now)
        return None


def sender_for(mount: Mount) -> Sender:
    """Make the guarded client that this mount's settings ask for."""
    settings = mount.settings
    return Sender(
        CallbackPolicy(networks=settings.callback_networks, proxy=settings.callback_proxy),
        total_timeout=settings.callback_timeout_seconds,
        read_timeout=min(15.0, settings.callback_timeout_seconds),
        pool_size=MOST,
        ca_file=settings.callback_ca_file or None,
    )


def work(
    mount: Mount,
    *,
    stop: threading.Event,
    once: bool = False,
    sender: Sender | None = None,
    within: Within = nullcontext,
    also: Also | None = None,
    threads: int | None = None,
) -> Tally:
    """Work until ``stop`` is set; with ``once``, until nothing is due.

    ``also`` is done at every look for work; ``threads`` wins over the setting.

    Ends gracefully: takes nothing new, gives back what has not begun, finishes what is under way for at most
    ``settings.worker_stop_seconds``, and gives back the rest.
    """
    if mount.settings.callback_networks:
        log.warning("callbacks may reach %s besides public addresses", ", ".join(mount.settings.callback_networks))
    run = _Run(
        mount, sender or sender_for(mount), stop, within, Watch(mount.storage), Heartbeat(mount), once, also=also
    )
    run.asides = asides(mount, within=within, stop=stop)
    run.crew = Crew(threads or mount.settings.worker_threads, run.do)
    try:
        while not stop.is_set():
            if not _surely(run, _turn) and once and not run.flying:
                break
        _finish(run)
    finally:
        run.crew.dismiss()
        run.watch.close()
        if sender is None:
            run.sender.close()
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
    """Sweep, land, lease, launch; True where something moved, so that more may be due now."""
    now = run.mount.clock()
    # A clock that is set back must not put the sweep off until it has caught up.
    if run.swept_at is None or abs(now - run.swept_at) >= SWEEP_EVERY:
        run.swept_at = now
        sweep(run.mount, now=now)
        for one in run.asides:
            one.begin(now=now)
    keep_sealed(run.mount, now=now)
    run.heartbeat.beat(now, flying=len(run.flying), done=run.tally.delivered + run.tally.performed, quiet=run.once)
    _take_back(run, 0 if run.once and not run.flying else TICK)
    run.news = run.watch.changed() or run.news
    if _worth_a_round(run):
        besides = run.also(run.mount, now) if run.also is not None else 0
        return _exchange(run, now=run.mount.clock()) or besides > 0
    return False


def _worth_a_round(run: _Run) -> bool:
    """Say whether to go to the database: at once where threads may soon have nothing to do, else for much together."""
    at = time.monotonic()
    due = bool(run.landed) or run.news or at >= run.look_at
    if not run.flying or run.lines.waiting < len(run.flying) // 2:
        return due or (run.once and not run.flying)
    return len(run.landed) >= ROUND or (due and at - run.asked_at >= GATHER)


def _take_back(run: _Run, timeout: float) -> None:
    """Take what the threads have done."""
    for result in run.crew.take(timeout):
        job, value = result.job, result.value
        run.flying.pop(job.leased.row.id, None)
        if result.fault is not None:
            # The lease stays: it runs out and the work is leased again. A fault of ours must not lose it.
            log.error("effect %s (%s) broke the worker's step", job.leased.row.id, job.leased.row.kind)
            log.error("with this", exc_info=result.fault)
            run.tally.failed += 1
        elif value is None:
            run.tally.performed += 1
        else:
            run.tally.delivered += 1
            run.landed.append(value)
        if job.agency_id is not None:
            _learn(run, job.agency_id, value)
        else:
            # What follows from an effect is due now.
            run.look_at = 0.0
    if not run.stop.is_set():
        _launch(run, [])


def _learn(run: _Run, agency_id: str, value: Attempted | None) -> None:
    line = run.lines.of(agency_id)
    answer = value.answer if value is not None else None
    line.answered(well=value is not None and value.arrived, milliseconds=answer.milliseconds if answer else 0)
    if answer is None or (answer.status is None and answer.failure is not None) or (answer.status or 0) >= 429:
        # It is not the message: what waits for this receiver goes back, so that its health decides when it leaves.
        run.returning += line.clear()


def _exchange(run: _Run, *, now: datetime) -> bool:
    """Write down what came back and lease what is next, in one transaction; True where there was any of it."""
    settings = run.mount.settings
    spare = timedelta(seconds=settings.callback_timeout_seconds + SPARE)
    run.returning += run.lines.stale(before=now + spare)
    # Before anything is read: what is committed from here on is news again.
    run.news = False
    taken: list[Leased] = []
    # What could not be written because the database was away is kept for the next turn.
    try:
        with run.mount.storage.begin() as tx:
            leases.give_back(tx, run.returning)
            if run.landed:
                record(run.mount, tx, run.landed, now=now)
            taken = _lease(run, tx, now=now)
    except TemporarilyUnavailable:
        raise
    except Exception:
        log.exception("what came back could not be written down together")
        _one_by_one(run, now=now)
    moved = bool(taken or run.landed)
    run.returning.clear()
    run.landed.clear()
    run.asked_at = time.monotonic()
    # Where something moved, more of it may be due already.
    run.look_at = run.asked_at + (0 if taken else settings.worker_idle_seconds)
    _launch(run, taken)
    return moved


def _one_by_one(run: _Run, *, now: datetime) -> None:
    """Write down what can be; a result that breaks its transaction must not take the others with it."""
    for one in run.landed:
        try:
            with run.mount.storage.begin() as tx:
                record(run.mount, tx, [one], now=now)
        except TemporarilyUnavailable:
            raise
        except Exception:
            run.tally.failed += 1
            log.exception("callback %s could not be written down; it will leave again", one.callback.id)


def _lease(run: _Run, tx: Tx, *, now: datetime) -> list[Leased]:
    until = now + run.mount.settings.lease
    own = sum(job.agency_id is None for job in run.flying.values())
    taken: list[Leased] = []
    if own < EFFECTS and run.crew.free > 0:
        taken = leases.effects(tx, now=now, limit=min(EFFECTS - own, run.crew.free), until=until)
    room = AHEAD * run.crew.size - len(run.flying) - run.lines.waiting
    if room > 0:
        rooms, most = run.lines.rooms(), AHEAD * FIRST
        called = leases.callbacks(tx, now=now, limit=room, until=until, rooms=rooms, most=most)
        note_lost(tx, called, now=now)
        if called:
            run.endpoints |= agencies.endpoints(tx, sorted({one.row.agency_id for one in called}))
        taken += called
    for one in taken:
        if one.lost:
            log.warning("effect %s (%s) was taken over: its worker never came back", one.row.id, one.row.kind)
    return taken


def _launch(run: _Run, taken: list[Leased]) -> None:
    for one in taken:
        if one.row.kind == EffectKind.CALLBACK:
            run.lines.add(one)
        else:
            _give(run, _Job(one))
    for one in run.lines.ready(run.crew.free):
        _give(run, _Job(one, run.endpoints.get(one.row.agency_id)))


def _give(run: _Run, job: _Job) -> None:
    run.flying[job.leased.row.id] = job
    run.crew.give(job)


def _finish(run: _Run) -> None:
    """Take nothing new; finish what is under way within its bound, and give back the rest."""
    run.returning += run.lines.clear()
    ends = time.monotonic() + run.mount.settings.worker_stop_seconds
    while run.flying and time.monotonic() < ends:
        _take_back(run, 0.1)
        if run.landed or run.returning:
            _surely(run, _write_down)
    if run.flying:
        log.warning("%s pieces of work did not end in time; another worker takes them up", len(run.flying))
        run.returning += [job.leased for job in run.flying.values()]
    _surely(run, _write_down)
    for one in run.asides:
        one.end(max(0.0, ends - time.monotonic()))
    run.heartbeat.end()


def _write_down(run: _Run) -> bool:
    with run.mount.storage.begin() as tx:
        leases.give_back(tx, run.returning)
        record(run.mount, tx, run.landed, now=run.mount.clock())
    run.returning.clear()
    run.landed.clear()
    return True
