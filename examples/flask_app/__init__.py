"""Harbour, a small platform that mounts notice_intake; and the agencies that refer to it."""
