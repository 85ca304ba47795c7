"""Erasing people, in bounded steps, and forgetting what was kept long enough.

docs/security.md has the table of all personal columns; a test holds the database against it.
"""
