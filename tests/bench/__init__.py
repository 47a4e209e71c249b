"""Side-by-side figures: ``python -m tests.bench``. Only ratios of one run are meant to be read."""
