"""The wire: what an agency may send and what it is answered."""
