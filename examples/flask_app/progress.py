"""Progress bars in a terminal; a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

WIDTH, EVERY = 24, 5.0


class Progress:
    """One line with a bar for each thing that is counted."""

    def __init__(self, totals: Mapping[str, int]) -> None:
        self.totals, self.counts = dict(totals), dict.fromkeys(totals, 0)
        self.live = sys.stdout.isatty()
        self._began = self._shown = time.monotonic()

    def share(self, name: str) -> float:
        return self.counts[name] / max(self.totals[name], 1)

    def show(self, **counts: int) -> None:
        self.counts |= counts
        now = time.monotonic()
        if self.live:
            print("\r" + "  ".join(self._bar(name) for name in self.totals) + "\x1b[K", end="", flush=True)
        elif now - self._shown >= EVERY:
            self._shown = now
            self._line(now)

    def note(self, text: str) -> None:
        print(f"{chr(10) if self.live else ''}{time.monotonic() - self._began:4.0f} s  {text}", flush=True)

    def close(self) -> None:
        if self.live:
            print()
        else:
            self._line(time.monotonic())

    def _line(self, now: float) -> None:
        told = ", ".join(f"{name} {self.counts[name]} of {total}" for name, total in self.totals.items())
        print(f"{now - self._began:4.0f} s  {told}", flush=True)

    def _bar(self, name: str) -> str:
        filled = min(round(self.share(name) * WIDTH), WIDTH)
        return f"{name} {'█' * filled}{'·' * (WIDTH - filled)} {self.counts[name]}"
