"""Dates and rules of a batch, and a new batch: a form that says what it would do before it does."""
