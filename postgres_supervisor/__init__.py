"""Supervises an embedded PostgreSQL server; it knows nothing of whom it serves."""
