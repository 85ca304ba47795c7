"""A batch lives its life on bundled input, through real HTTP: what `lernbatch demo` shows."""
