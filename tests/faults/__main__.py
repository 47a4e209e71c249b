"""``python -m tests.faults``: inject faults on both databases, check what must hold, print the table."""

from __future__ import annotations

import sys
from pathlib import Path

# The tests' folder has to be found first.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.command import main

if __name__ == "__main__":
    sys.exit(main())
