"""The door that the tests of the API share."""

from __future__ import annotations

from door import door, postgresql_doors, sqlite_doors

__all__ = ["door", "postgresql_doors", "sqlite_doors"]
