"""What a page's script does: letters as keys, and parts that stay fresh without moving anything."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.certificate.cohort import Cohort
from tests.certificate.conftest import cohort as cohort
from tests.certificate.conftest import nothing_due as nothing_due
from tests.console.pages.conftest import Readers
from tests.console.term import Term
from tests.learning import complete, enrol, known_learner
from tests.people import VIKRAM
from tests.running import Running
from tests.seeds import REQUIRED

FOCUSED = "document.activeElement.textContent.trim()"


def test_k27_k72_letters_are_keys_but_not_while_typing_and_can_be_switched_off(readers: Readers, term: Term) -> None:
    reader = readers(term.people["creator"])
    page, keys = reader.page, reader.page.keyboard
    page.goto(term.address("/console/batches/{batch}/learners"))
    names = [name.strip() for name in page.locator("tbody th a").all_text_contents()]
    for key, name in (("j", names[0]), ("j", names[1]), ("j", names[2]), ("k", names[1])):
        keys.press(key)
        assert page.evaluate(FOCUSED) == name
    keys.press("x")
    assert page.locator("tbody input:checked").count() == 1
    # In a field they are letters.
    keys.press("/")
    keys.type("jxo?")
    assert page.get_by_label("Name or id").input_value() == "jxo?"
    # The list of keys is closed by Escape and gives the focus back.
    page.locator("tbody th a").nth(1).focus()
    keys.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    keys.press("j")  # moves nothing behind the dialog
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate(FOCUSED) == names[1]
    keys.press("o")
    page.wait_for_url("**/learners/*")
    keys.press("g")
    keys.press("b")
    page.wait_for_url("**/console/batches")
    # Switched off, also on the next page; a button still opens the list.
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Letters work as keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.goto(term.address("/console/batches/{batch}/learners"))
    for key in ("j", "?"):
        keys.press(key)
    assert page.evaluate("document.activeElement === document.body")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert reader.complaints == []


def test_k18_a_figure_refreshes_without_moving_focus_or_scroll(
    readers: Readers, service: Running, cohort: Cohort
) -> None:
    for name in ("Asha", "Kavya"):
        assert enrol(service, known_learner(service, name), cohort.batch_id).status_code == 200
    reader = readers(VIKRAM)
    page = reader.page
    page.clock.install()
    page.set_viewport_size({"width": 900, "height": 300})
    page.goto(f"/console/batches/{cohort.batch_id}")
    enrolled = page.locator("#figures a").first
    enrolled.focus()
    page.evaluate("scrollTo(0, 120)")
    before = page.evaluate("[document.activeElement.href, scrollY]")
    assert before[1] == 120
    assert enrol(service, known_learner(service, "Deepa"), cohort.batch_id).status_code == 200
    page.clock.run_for(61_000)
    expect(enrolled.locator("b")).to_have_text("3")
    assert page.evaluate("[document.activeElement.href, scrollY]") == before
    # Switched off, a page stays as it is.
    page.evaluate("localStorage.setItem('live', 'off')")
    assert enrol(service, known_learner(service, "Mohan"), cohort.batch_id).status_code == 200
    page.clock.run_for(180_000)
    expect(enrolled.locator("b")).to_have_text("3")
    assert reader.complaints == []


def test_k16_k45_after_a_retry_the_counts_move_and_the_entry_goes_without_a_reload(
    readers: Readers, service: Running, cohort: Cohort
) -> None:
    assert cohort.attach().status_code == 200
    asha = known_learner(service)
    assert enrol(service, asha, cohort.batch_id).status_code == 200
    complete(service, asha, cohort.batch_id, *REQUIRED)
    service.sql("UPDATE certificate_due SET parked = true, error = 'No name.' WHERE user_id = $1", asha.user_id)
    overview, certificates = readers(VIKRAM).page, readers(VIKRAM).page
    for page, path in ((overview, ""), (certificates, "/certificates")):
        page.clock.install()
        page.goto(f"/console/batches/{cohort.batch_id}{path}")
    expect(overview.locator("#attention")).to_contain_text("No name.")
    certificates.get_by_role("button", name="Try all").click()
    expect(certificates.locator("#became .bad b")).to_have_text("0")
    cohort.work()
    certificates.clock.run_for(4_000)
    expect(certificates.locator("#became .good b")).to_have_text("1")
    overview.clock.run_for(61_000)
    expect(overview.locator("#attention")).not_to_contain_text("No name.")
