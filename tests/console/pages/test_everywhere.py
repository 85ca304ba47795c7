"""What holds on every page: keys alone, colours that the reader's system forces, paper, a slow line."""

from __future__ import annotations

import io

import pypdf

from tests.console.chromium import PHONE
from tests.console.pages.conftest import Readers
from tests.console.term import Term

STOPS = 60  # of the Tab key on a page
# Of what has the focus: how thick its outline is, and whether it can be seen where it stands.
FOCUSED = """() => {
    const one = document.activeElement, box = one.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        name: one.outerHTML.slice(0, 120), isBody: one === document.body,
        outline: parseFloat(getComputedStyle(one).outlineWidth), isSeen: !!at && (one.contains(at) || at.contains(one)),
    };
}"""
BYTES_PER_SECOND, ROUND_TRIP_SECONDS = 250_000 / 8, 0.3


def test_k23_heads_and_learners_stay_in_view_while_the_table_scrolls(readers: Readers, term: Term) -> None:
    page = readers(term.people["creator"]).page
    page.set_viewport_size({"width": 1000, "height": 600})
    page.goto(term.address("/console/batches/{batch}/learners"))
    page.evaluate("document.querySelector('.heat').style.minWidth = '3000px'")  # as a course of many units has it
    places = page.evaluate(
        """() => {
            const region = document.querySelector(".heat").parentElement, rect = e => e.getBoundingClientRect();
            region.scrollTo(1200, 400);
            const outer = rect(region), head = rect(region.querySelector("thead th"));
            const name = rect([...region.querySelectorAll("tbody th")].at(-1));
            const side = name.left - outer.left;
            return {top: head.top - outer.top, side, moved: region.scrollLeft, down: region.scrollTop};
        }"""
    )
    assert places["moved"] == 1200
    assert places["down"] > 100
    assert abs(places["top"]) <= 1
    assert abs(places["side"]) <= 1
    covered = page.evaluate(
        """() => [...document.querySelectorAll(".heat tbody th a")].reverse().filter(link => {
            link.focus();
            const box = link.getBoundingClientRect(), at = document.elementFromPoint(box.x + 4, box.y + box.height / 2);
            return !(at === link || link.contains(at));
        }).map(link => link.textContent)"""
    )
    assert covered == []


def test_k71_every_stop_of_the_tab_key_is_seen_and_the_work_is_done_by_keys(readers: Readers, term: Term) -> None:
    reader = readers(term.people["creator"])
    page = reader.page
    for path in ("/console/batches/{batch}/learners", "/console/batches/{batch}/rules", "/console/mentor"):
        page.goto(term.address(path))
        stops = []
        for _ in range(STOPS):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUSED)
            if stop["isBody"]:
                break
            stops.append(stop)
        assert len(stops) > 10, path
        assert [stop["name"] for stop in stops if stop["outline"] < 2 or not stop["isSeen"]] == [], path
    page.goto(term.address("/console/batches/{batch}/learners"))
    page.get_by_label("Name or id").focus()
    page.keyboard.type("kumar")
    page.keyboard.press("Enter")
    page.get_by_text("Only learners called").wait_for()
    page.get_by_role("checkbox", name="Pick Rakesh Kumar").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Note as spoken to").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Noted that 1 learner was spoken to.").wait_for()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    page.get_by_text("The contacts were taken back.").wait_for()
    assert reader.complaints == []


def test_k70_with_forced_colours_and_at_400_percent_every_page_can_be_read(readers: Readers, term: Term) -> None:
    for whose, paths in (
        ("creator", ("", "/learners", "/learners/{near}", "/roster", "/rules", "/certificates", "/reports")),
        ("learner", ("",)),
    ):
        page = readers(term.people[whose], width=320).page
        page.emulate_media(forced_colors="active")
        for path in paths:
            page.goto(
                term.address(("/console/batches/{batch}" if whose == "creator" else "/console/my/{batch}") + path)
            )
            assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), (
                path
            )
            without = page.evaluate(
                """() => [...document.querySelectorAll(".pill, .heat .u span, button, .button, input")]
                    .filter(one => one.checkVisibility() && getComputedStyle(one).borderTopStyle === "none"
                                   && !["checkbox", "radio", "file", "hidden"].includes(one.type))
                    .map(one => one.outerHTML.slice(0, 100))"""
            )
            assert without == [], path


def test_k59_the_list_of_whom_to_help_prints_on_one_sheet_without_navigation(readers: Readers, term: Term) -> None:
    page = readers(term.people["creator"]).page
    page.goto("/console/mentor")
    assert page.locator("main li h3, main .todo li").count() >= 12
    page.emulate_media(media="print")
    assert not page.locator("header.top").is_visible()
    assert not page.get_by_role("button", name="Spoken to").first.is_visible()
    assert len(pypdf.PdfReader(io.BytesIO(page.pdf(format="A4"))).pages) == 1


def test_k63_k75_a_learner_s_page_is_small_enough_for_a_slow_line_and_nothing_moves(
    readers: Readers, term: Term
) -> None:
    """At 250 kbit/s and 300 ms: a connection, the page and its sheet, one after the other."""
    page = readers(term.people["learner"], width=PHONE).page
    for path in ("/console/my", "/console/my/{batch}"):
        page.goto(term.address(path))
        entries = page.evaluate(
            """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
                .map(one => ({type: one.initiatorType, bytes: one.encodedBodySize}))"""
        )
        blocking = [entry["bytes"] for entry in entries if entry["type"] in ("navigation", "link", "css")]
        assert not [entry for entry in entries if entry["type"] == "script"]
        assert (1 + len(blocking)) * ROUND_TRIP_SECONDS + sum(blocking) / BYTES_PER_SECOND < 2, path
        moved = page.evaluate(
            """() => new Promise(done => {
                let moved = 0;
                new PerformanceObserver(list => list.getEntries().forEach(one => moved += one.value))
                    .observe({type: "layout-shift", buffered: true});
                requestAnimationFrame(() => requestAnimationFrame(() => done(moved)));
            })"""
        )
        assert moved < 0.02, path
