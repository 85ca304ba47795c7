"""What this package raises."""

from __future__ import annotations


class SupervisorError(Exception):
    """The embedded server cannot run; the message is one sentence for the operator."""
