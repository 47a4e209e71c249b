"""Faults that are really injected, and what must hold after each: ``python -m tests.faults``."""
