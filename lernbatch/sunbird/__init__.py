"""Clients of the platform's other services, one file each."""
