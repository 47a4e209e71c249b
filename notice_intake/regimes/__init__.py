"""One file per legal regime: its instruments as data, and the schema of the fields that they add."""
