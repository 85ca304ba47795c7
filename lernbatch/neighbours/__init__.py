"""Bundled stand-ins of the content, search, question set, user & org services, for one machine and for tests."""
