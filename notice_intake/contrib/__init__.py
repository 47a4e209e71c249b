"""One file per optional engine."""
