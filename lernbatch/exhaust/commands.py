"""`lernbatch exhaust …`: the same files for operators, without the API; a bar shows how far it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import uuid4

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lernbatch import command
from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.course.actions import course as find_course
from lernbatch.errors import Unusable
from lernbatch.exhaust import actions, resealing, worker
from lernbatch.exhaust.model import Request, Requester, Status, Submission
from lernbatch.person import sealing
from lernbatch.report.model import Dataset
from lernbatch.services import Services

app = App(name="exhaust", help="Make reports of batches.")
OPERATOR = "operator"
LOOK_EVERY_SECONDS = 0.2
_ANYBODY = Requester(None, None)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Asked:
    """What to make, and where to put it."""

    batch: Annotated[list[str], Parameter(negative="")]
    "the batch; may be given several times"

    out: Path = Path()
    "the folder to put the zip files into"

    key: str | None = None
    "a password for the zip files, of at least 8 characters; user info needs one"

    aes: Annotated[bool, Parameter(negative="")] = False
    "encrypt by AES-256, which needs 7-Zip or the like, instead of the old zip encryption, which is broken"

    format: FileFormat = FileFormat.CSV_RFC4180
    "csv-rfc4180, csv-excel, csv (as the reference escapes quotes), jsonl, parquet or xlsx"

    channel: str | None = None
    "the organisation that asks, and that learners must have consented to; else the course's own"


@app.command
def progress(*, asked: Asked) -> None:
    """How far the learners of batches are, and their scores.

    Example: `lernbatch exhaust progress --batch 0140000000000000001 --out reports`
    """
    _make(Dataset.PROGRESS, asked)


@app.command
def userinfo(*, asked: Asked) -> None:
    """Who the learners of batches are, as far as they let the organisation see it.

    Example: `lernbatch exhaust userinfo --batch 0140000000000000001 --key abc12345`
    """
    _make(Dataset.USER_INFO, asked)


@app.command
def response(*, asked: Asked) -> None:
    """What the learners of batches have answered to each question.

    Example: `lernbatch exhaust response --batch 0140000000000000001 --format parquet`
    """
    _make(Dataset.RESPONSE, asked)


@app.command
def new_key() -> None:
    """Make a new key for what is sealed and for links, and seal everything anew with it. The service may go on running.

    Example: `lernbatch exhaust new-key`
    """
    settings = command.settings()
    if settings.exhaust_key.get_secret_value():
        raise Unusable("The keys are in LERNBATCH_EXHAUST_KEY: add one there, as `1:…, 2:…`, then `exhaust reseal`.")
    print(f"{sealing.make_next_key(settings.home)} is the key from now on.")
    command.note("exhaust.new-key")
    reseal()


@app.command
def reseal() -> None:
    """Seal everything anew that an older key has sealed. Can be repeated; afterwards the older keys may go.

    Example: `lernbatch exhaust reseal`
    """

    async def work() -> resealing.Count:
        async with command.services() as services:
            return await resealing.reseal(services)

    count = asyncio.run(work())
    command.note("exhaust.reseal")
    print(f"{count.renewed} of {count.looked_at} sealed values were sealed anew.")
    if count.lost:
        raise Unusable(
            f"{count.lost} sealed values cannot be opened by any key. Profiles are copies and may be deleted."
        )


def _make(dataset: Dataset, asked: Asked) -> None:
    asked.out.mkdir(parents=True, exist_ok=True)
    command.note("exhaust.make", about=f"{dataset.value} of {', '.join(asked.batch)}")
    for path in asyncio.run(_made(dataset, asked)):
        print(path)


async def _made(dataset: Dataset, asked: Asked) -> list[Path]:
    """Ask for the files as the API does, work on what is due here, fetch what was made; then forget it.

    Raises: Unusable, with the request's own text, when it ends in FAILED.
    """
    async with command.services() as services:
        channel = asked.channel or await _channel_of(services, asked.batch[0])
        # Each call is a request of its own: one that was cut off may still be there, in another format or with a key.
        tag, config = "-".join(asked.batch)[:100], {"batchFilter": asked.batch, "type": uuid4().hex}
        encryption = ZipEncryption.AES256 if asked.aes else ZipEncryption.USUAL
        submission = Submission(tag, dataset, OPERATOR, channel, config, asked.key, asked.format, encryption)
        request = await actions.submit(services, _ANYBODY, submission)
        try:
            request = await _finished(services, request)
            if request.status == Status.FAILED:
                raise Unusable(f"The exhaust could not be made: {request.message}.")
            return [await _fetched(services, one["filePath"], asked.out) for one in request.deliveries]
        finally:
            await actions.forget(services, request)


async def _channel_of(services: Services, batch_id: str) -> str:
    found = await actions.offers_of(services.pool, [batch_id])
    course = await find_course(services, found[0].course_id, found[0].course_version) if found else None
    return services.config.default_channel if course is None else course.channel


async def _finished(services: Services, request: Request) -> Request:
    """`request` when it is finished, whoever worked on it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=command.Screen(stderr=True)) as bar:
        task = bar.add_task(request.dataset, total=None)
        while True:
            async with _turn(services, request.request_id) as turn:
                while not turn.done():
                    await asyncio.wait([turn], timeout=LOOK_EVERY_SECONDS)
                    request = await actions.find(services.pool, request.request_id) or request
                    bar.update(task, total=request.rows_total, completed=request.rows_done)
                if request.status in (Status.SUCCESS, Status.FAILED):
                    return request
                if not await turn:  # another process works on it, or it waits to be tried again
                    await asyncio.sleep(LOOK_EVERY_SECONDS)


@asynccontextmanager
async def _turn(services: Services, request_id: str) -> AsyncIterator[asyncio.Task[bool]]:
    """A turn at the request, ended with the block: what is cut off must not write any more."""
    turn = asyncio.create_task(worker.take(services, request_id))
    try:
        yield turn
    finally:
        turn.cancel()
        await asyncio.wait([turn])


def _opened(target: Path) -> BinaryIO:
    """A new file that only its owner may read; one that is there would keep its rights."""
    target.unlink(missing_ok=True)
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _fetched(services: Services, path: str, out: Path) -> Path:
    """Copy a file of the store into the folder `out`."""
    target = out / path.rpartition("/")[2]
    _, content = await actions.store(services.config).read(path)
    with await asyncio.to_thread(_opened, target) as file:
        async for piece in content:
            await asyncio.to_thread(file.write, bytes(piece))
    return target
