"""Whom a mentor helps first, and whether it helped."""
