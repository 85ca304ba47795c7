"""The terminal of commands that show tables and bars."""

from __future__ import annotations

from rich.console import Console


class Screen(Console):
    """Rich's console, which would end the process with 1 and without a word when nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """A bar on stderr that nobody sees does not end the work; of stdout, the command line says what happened."""
        self.quiet = True
        if not self.stderr:
            raise BrokenPipeError
