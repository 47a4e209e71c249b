"""Flask: parse, call one flow, present."""
