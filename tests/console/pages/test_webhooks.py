"""The pages of webhooks in a browser, by a service that has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.console.chromium import HEIGHTS
from tests.console.pages.conftest import Readers
from tests.console.pages.test_accessible import AXE, RUN, TAGS, VIEWS
from tests.people import ADMIN
from tests.running import Running, running


def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    readers: Readers, new_dsn: Callable[[], str], tmp_path: Path
) -> None:
    with running(tmp_path, new_dsn(), webhooks_enabled=True, webhook_hosts="lms.example") as service:
        page = readers(ADMIN, at=service).page
        page.goto("/console/webhooks")
        page.get_by_label("Address").fill("http://lms.example/hooks/of/an/address/that/is/longer/than/most-of-them-are")
        page.get_by_label("a learner completed the course").check()
        page.get_by_role("button", name="Add it").click()
        assert page.get_by_text("whsec_").is_visible()
        complaints = []
        page.get_by_role("link", name="I have copied it").click()
        webhook = page.url
        log(service, webhook.rpartition("/")[2])
        for address in ("/console/webhooks", webhook):
            for language, theme, width in VIEWS:
                page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
                page.emulate_media(color_scheme=theme)
                page.goto(f"{address}?language={language}")
                page.evaluate(AXE.read_text(encoding="utf-8"))
                complaints += [f"{address} {language} {theme} {width} {text}" for text in page.evaluate(RUN, TAGS)]
                if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    complaints.append(f"{address} {language} {theme} {width} scrolls sideways")
        assert complaints == []


def log(service: Running, webhook_id: str) -> None:
    """A message of each state."""
    for number, (due, delivered) in enumerate([("now()", "NULL"), ("NULL", "now()"), ("NULL", "NULL")]):
        service.sql(
            "INSERT INTO webhook_delivery (delivery_id, webhook_id, event_id, kind, body, created_at, attempts, error,"
            f" due_at, delivered_at) VALUES ($1, $2, $3, 'batch.created', '{{}}', now(), 3, 'It answered 500.', {due},"
            f" {delivered})",
            f"msg_{number}",
            webhook_id,
            number,
        )
