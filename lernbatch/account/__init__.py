"""Accounts: what becomes of somebody's learning when two accounts are merged, or one is deleted."""
