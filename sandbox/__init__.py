"""Bundled stand-ins for the platform's other services, answering the same paths from imported files.

They serve demo, development and tests; an installation names its own services in the settings.
"""
