"""``make demo``: an action day on this machine, from the first referral to the last verified callback."""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import action_day, population
from .moderators import Moderator, all_cases
from .processes import ROOT, Family, Process, wait_for
from .progress import Progress
from .reckoning import Reckoning, reckon
from .stage import Agency, Stage


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    folder = _fresh(options.folder)
    with Family() as family:
        try:
            stays = not options.once
            stage = Stage(folder, family=family, undo_seconds=options.undo, port=options.port, sandbox=stays)
            code = _play(options, stage)
        except KeyboardInterrupt:
            print("\nStopping.", flush=True)
            return 130 if options.once else 0
        except (RuntimeError, TimeoutError) as error:
            print(f"The demo could not go on: {error}", file=sys.stderr)
            _tell_logs(family)
            return 1
        finally:
            family.measure()
    if options.once and options.verbose:
        print(f"{time.monotonic() - began:.0f} seconds in all", file=sys.stderr)
    return code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="play moderators too, check everything and stop")
    parser.add_argument("--kill", action="store_true", help="kill the web processes and the worker on the way")
    parser.add_argument("--items", type=int, default=action_day.ITEMS, help="how many items are referred")
    parser.add_argument("--folder", type=Path, help="where to keep the databases and logs (default: .demo)")
    parser.add_argument("--port", type=int, help="the platform's port (default: a free one)")
    parser.add_argument("--undo", type=int, help="undo window in seconds (default: 30, with --once 3)")
    parser.add_argument("--limit", type=int, default=420, help="give up after so many seconds of waiting")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    if options.undo is None:
        options.undo = 3 if options.once else 30
    return options


def _play(options: argparse.Namespace, stage: Stage) -> int:
    began = time.monotonic()
    day = action_day.build(options.items)
    print(f"Harbour, its worker and five agencies, in {_short(stage.folder)}", flush=True)
    stage.prepare(day)
    agencies = stage.add_agencies(day)
    web, worker = stage.start_platform()
    print(f"Harbour answers at {stage.base}/ ({time.monotonic() - began:.0f} s)", flush=True)
    replayed = time.monotonic()
    stage.start_agencies(agencies)
    if not options.once:
        _stay(stage, agencies, items=options.items)
        return 0
    moderators = _log_in_moderators(stage, agencies)
    killer = _Killer(stage, web, worker) if options.kill else None
    _watch(stage, agencies, moderators, killer, items=options.items, contents=day.contents, limit=options.limit)
    took = time.monotonic() - replayed
    stage.finish.touch()
    wait_for("the agencies' results", lambda: all(one.result for one in agencies), seconds=120)
    states = all_cases(stage.base, "chloe", population.PASSWORD)
    total = reckon(agencies, states, base=stage.base, contents=day.contents, items=options.items)
    stage.family.measure()
    return _tell(total, stage, agencies, moderators, took)


def _log_in_moderators(stage: Stage, agencies: list[Agency]) -> list[Moderator]:
    def over() -> bool:
        return all(one.status.get("state", "sending") != "sending" for one in agencies)

    handles = [handle for handle, _, role in population.LOG_INS if role in ("moderator", "lead")]
    moderators = [Moderator(stage.base, handle, population.PASSWORD, over=over) for handle in handles]
    for one in moderators:
        one.start()
    return moderators


class _Killer:
    """Kills the web processes and the worker at once, and starts them again: as referrals arrive, and as cases end."""

    def __init__(self, stage: Stage, *victims: Process) -> None:
        self.stage, self.victims = stage, victims
        self.times = 0

    def strike(self, progress: Progress) -> None:
        due = (progress.share("acknowledged") >= 0.4, progress.share("decided") >= 0.4)
        if self.times < len(due) and due[self.times]:
            self.times += 1
            for one in self.victims:
                one.kill()
            time.sleep(0.5)
            for one in self.victims:
                one.start()
            self.stage.wait_until_up()
            progress.note(f"killed and started again ({self.times})")


def _watch(
    stage: Stage,
    agencies: list[Agency],
    moderators: list[Moderator],
    killer: _Killer | None,
    *,
    items: int,
    contents: int,
    limit: float,
) -> None:
    """Follow the day until every acknowledged item has its answer, or for ``limit`` seconds."""
    progress = Progress({"acknowledged": items, "decided": contents, "answered": items})
    end = time.monotonic() + limit
    while time.monotonic() < end:
        states = [one.status for one in agencies]
        progress.show(
            acknowledged=sum(state.get("items", 0) for state in states),
            decided=len({case for one in moderators for case in one.decided}),
            answered=sum(state.get("answered", 0) for state in states),
        )
        if killer is not None:
            killer.strike(progress)
        if not any(one.is_alive() for one in moderators) and all(one.get("state") == "settled" for one in states):
            break
        if any(one.gave_up for one in moderators):
            progress.note("a moderator cannot go on")
            break
        _stop_on_a_fall(stage)
        stage.family.measure()
        time.sleep(0.5)
    else:
        progress.note(f"not everything was answered within {limit} seconds")
    for one in moderators:
        one.stopped.set()
    for one in moderators:
        one.join(30)
    progress.close()


def _stop_on_a_fall(stage: Stage) -> None:
    if fallen := stage.family.fallen():
        raise RuntimeError(f"{fallen[0].name} ended by itself")


def _stay(stage: Stage, agencies: list[Agency], *, items: int) -> None:
    """Show the referrals arrive, then leave the desk to whoever sits there."""
    progress = Progress({"acknowledged": items})
    while any(one.status.get("state", "sending") == "sending" for one in agencies):
        progress.show(acknowledged=sum(one.status.get("items", 0) for one in agencies))
        _stop_on_a_fall(stage)
        time.sleep(0.4)
    progress.show(acknowledged=sum(one.status.get("items", 0) for one in agencies))
    progress.close()
    token = stage.add_evaluator()
    print(f"\nThe platform    {stage.base}/")
    print(f"The desk        {stage.base}/notices/desk/")
    print(f"The API         {stage.base}/notices/v1/referrals")
    print(f"The agencies    {_short(stage.folder)}/agency-*/: the token in settings.json, what it knows in status.json")
    print(f"\nLog in with the password {population.PASSWORD}:")
    for handle, name, role in population.LOG_INS:
        print(f"  {handle:<10}{name if role != 'member' else 'a member with an inbox'}")
    print("\nTry the contract on its sandbox, rule by rule:")
    command = f"{_short(Path(sys.executable))} -m notice_intake.client conformance"
    print(f"  {command} {stage.base}/notices/sandbox --token-file {_short(token)}")
    print("\nCtrl-C ends everything.", flush=True)
    while True:
        _stop_on_a_fall(stage)
        time.sleep(1)


def _tell(total: Reckoning, stage: Stage, agencies: list[Agency], moderators: list[Moderator], took: float) -> int:
    results = [one.result for one in agencies]
    right = not total.lost and not total.faults
    print()
    for one in moderators:
        tried = f", {len(one.trouble)} tried again" if one.trouble else ""
        print(f"  {one.handle} decided {len(one.decided)} cases{tried}")
    refused = sum(one.get("refused_well", 0) for one in results)
    print(f"  {refused} bad requests and lines were refused with the right problem")
    print(f"  {sum(one.get('duplicates', 0) for one in results)} callbacks came twice, all with the id of the first")
    for one in stage.family.members:
        print(f"  {one.name}: {one.peak_mb:.0f} MB at most, {one.cpu_seconds:.0f} s of processor time")
    own = resource.getrusage(resource.RUSAGE_SELF)
    size = own.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    print(f"  the moderators: {size:.0f} MB at most, {own.ru_utime + own.ru_stime:.0f} s of processor time")
    print(f"  {took:.0f} seconds from the first referral to the last verified callback")
    for fault in total.faults[:40]:
        print(f"  WRONG: {fault}")
    if not right:
        for one in moderators:
            print("\n".join(f"  {one.handle}: {line}" for line in one.trouble[:4]))
        _tell_logs(stage.family)
    print(total.line, flush=True)
    return 0 if right else 1


def _tell_logs(family: Family) -> None:
    for one in family.members:
        if tail := one.tail():
            print(f"--- {one.name}\n{tail}", file=sys.stderr)


def _fresh(folder: Path | None) -> Path:
    """Return an empty folder for this run."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="demo-", dir=folder)).resolve()
    folder = ROOT / ".demo"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(ROOT))
    return str(path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
