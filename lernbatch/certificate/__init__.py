"""Certificates: what to award to whom, the act of issuing, and the proof anybody can check."""
