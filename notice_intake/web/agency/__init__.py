"""The agency pages: for agencies without engineers."""
