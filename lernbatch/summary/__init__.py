"""Figures of a batch: how many enrolled and how many were awarded, by state and district."""
