"""``python -m notice_intake.regimes.publish [FOLDER]``: write the published contract again from its one definition."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..contract.examples import examples
from ..contract.openapi import document
from ..contract.published import schemas
from .known import KNOWN
from .regime import rulebook

#: Where the API of the examples stands.
SERVER = "https://platform.example/notices"


def published() -> dict[str, str]:
    """Return every published file, by its name in ``schemas/``: JSON of two spaces, with a newline at the end."""
    known = schemas(rulebook(KNOWN).contracts)
    files: dict[str, Mapping[str, Any]] = {f"{name}.json": one for name, one in known.items()}
    files["openapi.json"] = document(known, server=SERVER)
    made = {name: _text(one, sort_keys=name != "openapi.json") for name, one in files.items()}
    return made | {f"examples/{name}.json": _text(one) for name, one in examples(known).items()}


def _text(value: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    """Write the files, name each, and take away what is published no more."""
    made = published()
    for old in [*folder.glob("*.json"), *folder.glob("examples/*.json")]:
        if old.relative_to(folder).as_posix() not in made:
            old.unlink()
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("schemas"))
