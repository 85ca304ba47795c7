"""Attempts at question sets: which answers count, what an attempt is worth, and their JSON."""
