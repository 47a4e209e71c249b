"""The fixtures of these tests."""

from scripted import platform, script, served

__all__ = ["platform", "script", "served"]
