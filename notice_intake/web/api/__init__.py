"""The agencies' machine interface."""
