"""The only place that speaks HTTP to the outside: signed callbacks, and what an answer to them means."""
