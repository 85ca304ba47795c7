"""`lernbatch exhaust …`: the same files for operators, without the API; a bar shows how far it is."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import uuid4

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lernbatch import command, sealing
from lernbatch.archive.model import FileFormat, ZipEncryption
from lernbatch.archive.store import Store
from lernbatch.course.actions import course as find_course
from lernbatch.errors import Unusable
from lernbatch.exhaust import actions, resealing, worker
from lernbatch.exhaust.model import ExhaustRequest, ReportSubmission, Requester, RequestStatus
from lernbatch.exhaust.wire_selection import read_selection
from lernbatch.person.resealing import ResealCount
from lernbatch.report.model import Dataset
from lernbatch.screen import Screen
from lernbatch.services import Services

app = App(name="exhaust", help="Make reports of batches.")
OPERATOR = "operator"
LOOK_EVERY_SECONDS = 0.2
_ANYBODY = Requester(None, None)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of a report: its batches, and how and where its files are written."""

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
def progress(*, options: ReportOptions) -> None:
    """How far the learners of batches are, and their scores.

    Example: `lernbatch exhaust progress --batch 0140000000000000001 --out reports`
    """
    _make(Dataset.PROGRESS, options)


@app.command
def userinfo(*, options: ReportOptions) -> None:
    """Who the learners of batches are, as far as they let the organisation see it.

    Example: `lernbatch exhaust userinfo --batch 0140000000000000001 --key abc12345`
    """
    _make(Dataset.USER_INFO, options)


@app.command
def response(*, options: ReportOptions) -> None:
    """What the learners of batches have answered to each question.

    Example: `lernbatch exhaust response --batch 0140000000000000001 --format parquet`
    """
    _make(Dataset.RESPONSE, options)


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

    async def work() -> ResealCount:
        async with command.services() as services:
            return await resealing.reseal(services)

    count = asyncio.run(work())
    command.note("exhaust.reseal")
    print(f"{count.renewed} of {count.looked_at} sealed values were sealed anew.")
    if count.lost:
        raise Unusable(
            f"{count.lost} sealed values cannot be opened by any key. Profiles are copies and may be deleted."
        )


def _make(dataset: Dataset, options: ReportOptions) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    command.note("exhaust.make", about=f"{dataset.value} of {', '.join(options.batch)}")
    for path in asyncio.run(_deliver(dataset, options)):
        print(path)


async def _deliver(dataset: Dataset, options: ReportOptions) -> list[Path]:
    """Submit a request as the API does, run it here, copy its files to `options.out`, and forget the request.

    Raises: Unusable, with the request's own text, when it ends in FAILED.
    """
    async with command.services() as services:
        channel = options.channel
        if not channel:  # that of the batch's course; the installation's, when there is none
            batches = await actions.batches_of(services.pool, options.batch[:1])
            course = await find_course(services, batches[0].course_id, batches[0].course_version) if batches else None
            channel = services.config.default_channel if course is None else course.channel
        # Each call is a request of its own: one that was cut off may still be there, in another format or with a key.
        tag, config = "-".join(options.batch)[:100], {"batchFilter": options.batch, "type": uuid4().hex}
        submission = ReportSubmission(
            tag=tag,
            dataset=dataset,
            requested_by=OPERATOR,
            channel=channel,
            config=config,
            selection=read_selection(config),
            key=options.key,
            output_format=options.format,
            zip_encryption=ZipEncryption.AES256 if options.aes else ZipEncryption.USUAL,
        )
        request = (await actions.submit(services, _ANYBODY, submission)).request
        try:
            request = await _run_to_end(services, request)
            if request.status == RequestStatus.FAILED:
                raise Unusable(f"The exhaust could not be made: {request.message}.")
            return [await _copy(services, stored["filePath"], options.out) for stored in request.deliveries]
        finally:
            await actions.forget(services, request)


async def _run_to_end(services: Services, request: ExhaustRequest) -> ExhaustRequest:
    """Show the progress of `request` until it is finished, by this process or another. Returns it as it ended."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Screen(stderr=True)) as bar:
        task = bar.add_task(request.dataset, total=None)
        while True:
            run = asyncio.create_task(worker.run_next(services, request.request_id))
            try:
                while not run.done():
                    await asyncio.wait([run], timeout=LOOK_EVERY_SECONDS)
                    request = await actions.find(services.pool, request.request_id) or request
                    bar.update(task, total=request.rows_total, completed=request.rows_done)
                if request.status in (RequestStatus.SUCCESS, RequestStatus.FAILED):
                    return request
                if not await run:  # another process works on it, or it waits for its retry
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
            finally:  # what is cut off must not write any more
                run.cancel()
                await asyncio.wait([run])


async def _copy(services: Services, path: str, out: Path) -> Path:
    """Copy a file of the store into the folder `out`, readable by its owner alone."""
    target = out / path.rpartition("/")[2]

    def create() -> BinaryIO:
        target.unlink(missing_ok=True)  # a file that is there would keep its rights
        return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    _, content = await Store(services.config).read(path)
    with await asyncio.to_thread(create) as file:
        async for piece in content:
            await asyncio.to_thread(file.write, bytes(piece))
    return target
