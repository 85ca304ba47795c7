"""Signing in and out, and where one is signed in."""
