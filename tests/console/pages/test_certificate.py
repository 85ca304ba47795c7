"""The public page of a certificate in a browser."""

from __future__ import annotations

import io

import pypdf

from tests.certificate.cohort import Cohort, new_cohort
from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.console.pages.test_accessible import AXE, RUN, TAGS
from tests.learning import known_learner
from tests.running import Running


def in_standing(service: Running, status: str, cohort: Cohort) -> str:
    learner = known_learner(service, "கவிதா")
    cohort.enrol(learner)
    cohort.ask(learner)
    cohort.work()
    (certificate,) = cohort.certificates(learner)
    if status == "expired":
        service.sql("UPDATE certificate SET expires_at = now() - interval '1 day' WHERE user_id = $1", learner.user_id)
    else:
        service.sql("UPDATE certificate SET status = $2 WHERE user_id = $1", learner.user_id, status)
    return str(certificate["certificate_id"])


def test_k67_what_a_certificate_is_worth_is_said_by_word_sign_and_colour(readers: Readers, service: Running) -> None:
    cohort = new_cohort(service)
    assert cohort.attach().status_code == 200
    numbers = {status: in_standing(service, status, cohort) for status in ("active", "expired", "revoked", "suspended")}
    page = readers().page
    colours: dict[str, set[str]] = {}
    themes: tuple[Theme, ...] = ("light", "dark")
    for theme in themes:
        for width in (WIDE, PHONE):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 800})
            for status, word, sign in (
                ("active", "is valid", "✓"),
                ("expired", "has expired", "…"),
                ("revoked", "was revoked", "✗"),
                ("suspended", "is suspended", "‖"),
            ):
                page.goto(f"/certs/{numbers[status]}")
                band = page.locator(".standing")
                assert word in band.inner_text()
                assert band.locator(".sign").inner_text() == sign
                colours.setdefault(theme, set()).add(band.evaluate("e => getComputedStyle(e).backgroundColor"))
                assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(RUN, TAGS) == []
    assert [len(shades) for shades in colours.values()] == [3, 3]
    assert colours["light"].isdisjoint(colours["dark"])
    page.emulate_media(color_scheme="light", media="print")
    assert len(pypdf.PdfReader(io.BytesIO(page.pdf(format="A4"))).pages) == 1
