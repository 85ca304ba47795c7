"""Backups: the database, the keys and the files of an installation in one folder, and the way back."""
