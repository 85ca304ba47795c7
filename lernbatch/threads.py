"""Work that is long when there is much of it: beside the event loop then, so that other requests go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

FEW = 500  # things that are done sooner than a thread is asked
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def beside(
    count: int, work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """What `work` gives: in a thread, when it is about more than a few things. `count`: about how many."""
    return work(*arguments, **named) if count <= FEW else await asyncio.to_thread(work, *arguments, **named)
