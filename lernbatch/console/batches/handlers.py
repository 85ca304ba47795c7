"""The list of batches, and the same as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from starlette.responses import Response

from lernbatch.batch import rules as batch_rules
from lernbatch.batch.search import actions as batch_search
from lernbatch.batch.search.model import Condition, Cursor, SearchResult
from lernbatch.charts import timelines
from lernbatch.console import addresses, cursors, lists, people, rendering, rules, saved_views
from lernbatch.console.batches import view
from lernbatch.console.visit import Visit
from lernbatch.course import actions as courses
from lernbatch.figures import actions as figures

NEW = "/console/batches/new"


async def show(visit: Visit) -> Response:
    """GET /console/batches"""
    services, caller, words = visit.services, visit.caller, visit.words
    conditions = _whose(visit)
    whole = await batch_search.search(services, view.overview(conditions), caller)
    by_status, by_course = (facet.values for facet in whole.facets) if whole.facets else ((), ())
    counts = view.counts_by_view(by_status, whole.count)
    query = view.read_query(visit.query, counts)
    assert visit.session is not None
    cursor = None  # there is none in the address, or one of another list
    if query.after and (keys := cursors.read(visit.session.csrf, query.about, query.after)):
        *values, batch_id = (None if key is None else str(key) for key in keys)
        cursor = Cursor(tuple(values), batch_id)
    result = await batch_search.search(
        services, view.search(query, conditions, caller.user_id, cursor or Cursor(), view.PAGE_SIZE), caller
    )
    course_ids = {*(batch.course_id for batch in result.batches), *(str(value) for value, _ in by_course)}
    snapshots = await courses.snapshots(services, sorted(course_ids))
    names = await people.names(visit, [(batch.mentors or [batch.created_by or ""])[0] for batch in result.batches])
    counted = await _counted(visit, result)
    today = services.clock.today()
    scale = timelines.scale([(batch.start_date, batch.end_date) for batch in result.batches], today)
    closes_days_before = services.config.enrolment_closes_days_before_end
    rows = [
        view.row(
            batch,
            counted[batch.batch_id],
            snapshots.get(batch.course_id),
            names,
            words,
            scale,
            batch_rules.day_in(batch.time_zone, services.clock.now(), services.clock.zone),
            closes_days_before,
        )
        for batch in result.batches
    ]
    next_page = None
    if (following := result.next_cursor) is not None:
        after = cursors.make(visit.session.csrf, query.about, [*following.values, following.batch_id])
        next_page = query.link(after=after)
    context = {
        "query_of_list": query,
        "total": whole.count,
        "matching": result.count,
        "chips": view.chips(query, counts, rules.mentors(caller, services.config), words),
        "views": saved_views.shown(await saved_views.of_reader(visit, "batches"), query.kept),
        "rows": rows,
        "courses": sorted(((course.course_id, course.name) for course in snapshots.values()), key=lambda pair: pair[1]),
        "months": words.months_text(scale.first, scale.last),
        "sentence": words._(view.SORTS[query.sort][1]),
        "hidden_sentence": view.hidden_sentence(query, result.count, counts.get(query.view), words),
        "next": next_page,
        "began_again": bool(query.after) and cursor is None,
        "learners": partial(addresses.learners, visit),
        "names_are_missing": names.are_missing,
        "may_create": rules.creates(caller, services.config) and NEW in {page.path for page in visit.console.pages},
    }
    return await rendering.page(visit, "batches/page.html", context)


async def save_view(visit: Visit) -> Response:
    """POST /console/batches, do=save-view: what is shown, under a name."""
    return await saved_views.save(visit, "batches", view.read_query(visit.query, {}).kept) or await show(visit)


async def forget_view(visit: Visit) -> Response:
    """POST /console/batches, do=forget-view"""
    return await saved_views.forget(visit, "batches")


async def download(visit: Visit) -> Response:
    """GET /console/batches/list.csv: the rows of the same query, of all pages."""
    services, caller, words = visit.services, visit.caller, visit.words
    conditions = _whose(visit)
    whole = await batch_search.search(services, view.overview(conditions), caller)
    by_status = whole.facets[0].values if whole.facets else ()
    query = view.read_query(visit.query, view.counts_by_view(by_status, whole.count))

    async def pages() -> AsyncIterator[Sequence[Sequence[Any]]]:
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            search = view.search(query, conditions, caller.user_id, cursor, view.PAGE_SIZE)
            result = await batch_search.search(services, search, caller)
            snapshots = await courses.snapshots(services, sorted({batch.course_id for batch in result.batches}))
            counted = await _counted(visit, result)
            yield [
                view.csv_row(
                    batch,
                    counted[batch.batch_id],
                    snapshots.get(batch.course_id),
                    words,
                    batch_rules.day_in(batch.time_zone, services.clock.now(), services.clock.zone),
                )
                for batch in result.batches
            ]
            cursor = result.next_cursor

    return lists.csv_answer(visit, "batches", view.csv_columns(words), pages())


def _whose(visit: Visit) -> tuple[Condition, ...]:
    return view.whose(visit.caller.user_id, batch_rules.administered(visit.caller, visit.services.config))


async def _counted(visit: Visit, result: SearchResult) -> dict[str, view.Counted]:
    """Batch id → what is known of its learners; of batches that the reader does not manage only how many there are."""
    managed = [batch for batch in result.batches if batch.batch_id in result.managed]
    counted = await figures.counts_of(visit.services, managed)
    rows = {}
    for batch in result.batches:
        learners, counts = result.learner_counts.get(batch.batch_id), counted.get(batch.batch_id)
        rows[batch.batch_id] = view.Counted(
            learners.participants if learners else 0,
            learners.completed if learners else 0,
            counts.active if counts else None,
            counts.certified if counts else None,
        )
    return rows
