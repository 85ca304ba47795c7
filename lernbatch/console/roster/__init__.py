"""Bringing a list of people in: the file, the plan, exactly that plan applied, and taken back as a whole."""
