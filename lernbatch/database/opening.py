"""Which database this installation works on: yours by URL, else the embedded one under its home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lernbatch import log
from lernbatch.config import Config
from lernbatch.errors import Unusable
from postgres_supervisor import embedded
from postgres_supervisor.errors import SupervisorError


@contextmanager
def opened(config: Config) -> Iterator[str]:
    """The DSN of the database, as it is; the embedded server runs until the block ends, or longer if others use it.

    Raises: Unusable, when the embedded server cannot run.
    """
    if config.database_url is not None:
        yield config.database_url.get_secret_value()
        return
    try:
        with embedded.running(config.home, bin_dir=config.pg_bin, port=config.pg_port, warn=log.warning) as dsn:
            yield dsn
    except SupervisorError as error:
        raise Unusable(str(error)) from error
