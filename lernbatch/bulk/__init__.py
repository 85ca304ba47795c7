"""Rosters: many people at once, as files that are worked on in the background, or as plans that can be undone."""
