"""``python -m notice_intake.regimes.publish [FOLDER]``: write the published contract again from its one definition."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .known import KNOWN
from .regime import rulebook


def published() -> dict[str, str]:
    """Return every published file, by name: JSON with sorted keys, two spaces, and a newline at the end."""
    contracts = rulebook(KNOWN).contracts
    return {
        f"referral.{code}.json": json.dumps(contract.published, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for code, contract in contracts.items()
    }


def main(folder: Path) -> None:
    """Write the files, and name each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in published().items():
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("schemas"))
