"""A platform's own Celery wakes the work at once, instead of the next sweep. It is a hint and never more.

The outbox in the database is the truth: a task carries no data, may run twice or never, and losing the broker loses
nothing. Needs the extra ``celery``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery, Task
from flask import Flask

from .. import signals
from ..flows.mount import Mount
from ..flows.work import work
from ..forks import Lock

log = logging.getLogger("notice_intake.celery")
EXTENSION = "notice_intake"
#: A task that no worker took within so many seconds is dropped: by then a sweep has done the work.
EXPIRES = 60
#: One round ends after so many seconds even where more is always due: another worker process goes on.
LONGEST = 300.0
#: After the broker failed, it is asked again so many seconds later.
PAUSE = 5.0
#: After a task was sent the next one follows so many seconds later at the earliest: a round takes all that is due.
APART = 0.25


class Wakeup:
    """Sends a task when work became due, from a thread of its own: no request ever waits for the broker.

    The thread begins with the first signal of a process, and again in each process that is forked from it.
    """

    def __init__(self, task: Task, *, pause: float = PAUSE) -> None:
        self._task = task
        self._pause = pause
        self._wanted = threading.Event()
        self._starting = Lock()
        self._process = 0
        self._broken = False

    def __call__(self, _mount: Mount, **_facts: Any) -> None:
        """Note that there is work; takes a microsecond."""
        if self._process != os.getpid():
            self._start()
        self._wanted.set()

    def _start(self) -> None:
        with self._starting:
            if self._process == os.getpid():
                return
            # A fork leaves the thread behind, and may have caught the event at any moment.
            self._wanted = threading.Event()
            threading.Thread(target=self._run, name="notice-intake-wakeup", daemon=True).start()
            self._process = os.getpid()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(APART if self._send() else self._pause)

    def _send(self) -> bool:
        try:
            self._task.apply_async(retry=False, expires=EXPIRES, ignore_result=True)
        except Exception as fault:  # whatever broker it is and whatever it raises: the sweep does the work
            if not self._broken:
                log.warning("the broker does not answer (%s): work waits for the next sweep", type(fault).__name__)
            self._broken = True
            return False
        if self._broken:
            log.warning("the broker answers again")
        self._broken = False
        return True


def wake_with_celery(app: Flask, celery_app: Celery, *, name: str = EXTENSION) -> Task:
    """Have ``celery_app`` do a round of work whenever some became due in ``app``; return the task.

    Call it after ``init_app``, in the web processes and in the Celery workers alike. ``name`` is that of the mount. The
    task is called ``<name>.work``: put it on Celery's beat as the sweep, or run ``flask notice-intake work`` beside it.
    Adds to the Celery app nothing but the task; sets no option of it.
    """
    mount: Mount = app.extensions[EXTENSION][name]

    def round_of_work() -> int:
        return one_round(mount, within=app.app_context)

    task: Task = celery_app.task(
        round_of_work, name=f"{name}.work", ignore_result=True, acks_late=False, max_retries=0, shared=False
    )
    wakeup = Wakeup(task)
    for signal in (signals.work_waiting, signals.referral_received):
        # Held by the app: blinker keeps no listener alive.
        signal.connect(wakeup, sender=mount)
    app.extensions.setdefault(f"{EXTENSION}_celery", {})[name] = wakeup
    return task


def one_round(mount: Mount, *, within: Callable[[], Any], longest: float = LONGEST) -> int:
    """Work until nothing is due, at most ``longest`` seconds; return how much was done."""
    stop = threading.Event()
    timer = threading.Timer(longest, stop.set)
    timer.daemon = True
    timer.start()
    try:
        tally = work(mount, stop=stop, once=True, within=within)
    finally:
        timer.cancel()
    return tally.performed + tally.delivered
