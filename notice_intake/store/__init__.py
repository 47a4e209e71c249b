"""The only place that speaks to a database. Functions take a ``Tx`` and never commit."""
