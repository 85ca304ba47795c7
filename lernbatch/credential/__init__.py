"""Verifiable credentials: Open Badges, proofs, keys, status lists. Knows no batch and no database."""
