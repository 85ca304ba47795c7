"""A reader of the console without a browser: cookies, forms and redirects as a browser without script has them."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.people import Person
from tests.running import PATIENCE_SECONDS, Running

_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_FORM = re.compile(r"<form[^>]*>.*?</form>", re.DOTALL)


class Visitor:
    """One browser. `person`: it is signed in as them."""

    def __init__(self, service: Running, person: Person | None = None, **headers: str) -> None:
        self.service = service
        self.http = httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS, headers=headers)
        if person is not None:
            answer = self.post("/console/sign-in", {"do": "choose", "user": person.user_id})
            assert answer.status_code == 303, answer.text

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        """A form as it is, with nothing that its page adds."""
        return self.http.post(path, data=form, headers=headers)

    def send(self, path: str, do: str, form: dict[str, str], **headers: str) -> httpx.Response:
        """The form of the page at `path` that does `do`, with what its page put into it and what is typed."""
        return self.post(path, {**self.hidden(path, do), **form}, **headers)

    def hidden(self, path: str, do: str) -> dict[str, str]:
        """The hidden fields of the form of the page at `path` that does `do`."""
        return self.fields(self.get(path).text, do)

    @staticmethod
    def fields(html: str, do: str) -> dict[str, str]:
        """The hidden fields of the form in `html` that does `do`."""
        for form in _FORM.findall(html):
            inputs = [dict(_ATTRIBUTE.findall(tag)) for tag in _INPUT.findall(form)]
            fields = {tag["name"]: unescape(tag.get("value", "")) for tag in inputs if tag.get("type") == "hidden"}
            if fields.get("do") == do:
                return fields
        raise AssertionError(f"the page has no form that does {do!r}")

    @staticmethod
    def values(html: str, name: str) -> list[str]:
        """The values of the buttons and inputs called `name`."""
        return [unescape(value) for value in re.findall(rf'name="{name}" value="([^"]*)"', html)]
