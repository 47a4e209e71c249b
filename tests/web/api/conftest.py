"""The door that the tests of the API share."""

from __future__ import annotations

from door import door

__all__ = ["door"]
