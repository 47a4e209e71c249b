"""``python -m tests.faults``: inject faults on both databases, check what must hold, print the table."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.command import main  # noqa: E402: the tests' folder has to be found first

if __name__ == "__main__":
    sys.exit(main())
