"""The fixtures of these tests."""

from loopback import platform, script, served

__all__ = ["platform", "script", "served"]
