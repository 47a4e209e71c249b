"""For agencies. Imports neither Flask nor SQLAlchemy."""
