"""Values and rules. Nothing here reads a clock, a file, a network or a database."""
