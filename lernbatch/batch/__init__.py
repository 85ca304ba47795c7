"""Batches: a course offered to people between two dates."""
