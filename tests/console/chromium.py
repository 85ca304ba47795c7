"""Chromium, driven by Playwright: one browser a run, one context a reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.people import Person
from tests.real import chromium
from tests.running import PATIENCE_SECONDS, Running

expect.set_options(timeout=60_000)
Theme = Literal["light", "dark"]
WIDE, PHONE = 1280, 360
HEIGHTS = {WIDE: 800, PHONE: 740}
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Our own fonts, so that a page looks the same on every machine, in every script.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir>
<selectfont><rejectfont><glob>*Serif*</glob></rejectfont></selectfont>
<match target="pattern"><test name="family"><string>system-ui</string></test>
<edit name="family" mode="assign" binding="strong"><string>Noto Sans</string></edit></match>
<match target="pattern"><edit name="family" mode="append_last"><string>Noto Sans</string></edit></match></fontconfig>
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which never leaves this machine."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Path(folder, "fonts.conf")
        settings.write_text(_FONTS.format(fonts=chromium.FONTS, cache=folder), encoding="utf-8")
        environment: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(settings)}
        opened = playwright.chromium.launch(executable_path=chromium.program(), args=_FLAGS, env=environment)
        try:
            yield opened
        finally:
            opened.close()


class Reader:
    """Somebody with a browser window of their own. `person` None: nobody is signed in.

    `complaints`: what the browser said against a page: scripts and styles that the policy refused, errors in scripts.
    """

    def __init__(
        self,
        browser: Browser,
        service: Running,
        person: Person | None,
        width: int,
        theme: Theme,
        language: str,
        script: bool,
    ) -> None:
        self.service = service
        self.context: BrowserContext = browser.new_context(
            base_url=service.url,
            viewport={"width": width, "height": HEIGHTS.get(width, 800)},
            color_scheme=theme,
            locale=language,
            java_script_enabled=script,
        )
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", self._take)
        if person is not None:
            self.sign_in(person)

    def _take(self, error: object) -> None:
        # The browser says so of a page that was left before it had blended in; no script of ours is at work.
        if not str(error).startswith("Transition was"):
            self.complaints.append(str(error))

    def sign_in(self, person: Person) -> None:
        """One press on a name, made this person's: the list shows but the first of those whom the tests have made."""
        self.page.goto("/console/sign-in")
        name = self.page.locator('button[name="user"]').first
        name.evaluate("(button, user) => { button.value = user }", person.user_id)
        name.click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def scrolls_sideways(self) -> bool:
        """Whether the page as a whole is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
