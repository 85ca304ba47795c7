"""Lernbatch: batches, enrolment, progress, certificates and exhausts of a learning platform."""

__version__ = "0.3.0"
