"""Webhooks of an organisation, for who administers it: which there are, and what became of their messages."""
