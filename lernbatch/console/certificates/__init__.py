"""Certificates of a batch: what became of those who completed, what was issued, and what is changed by hand."""
