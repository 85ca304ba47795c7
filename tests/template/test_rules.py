"""What a template must fulfil: one line a case."""

from __future__ import annotations

from typing import Any

import pytest

from lernbatch.template import rules
from lernbatch.template.wire import read_template


@pytest.mark.parametrize(
    ("template_id", "allowed", "may"),
    [("a", (), True), ("a", ("o1:a",), True), ("a", ("*:a",), True), ("a", ("o2:a",), False), ("b", ("o1:a",), False)],
)
def test_which_templates_may_be_used(template_id: str, allowed: tuple[str, ...], may: bool) -> None:
    assert rules.may_use(template_id, ["o1"], allowed) is may


HOSTS = frozenset({"lern.example", "pictures.example"})


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("subject", "Well done", True),
        ("subject", "शाबाश, आशा! 10.5 % (Grade 7.B)", True),
        ("subject", "See https://lern.example/certs", True),
        ("subject", "Verify your account at http://evil.example", False),
        ("subject", "Verify at HTTPS://EVIL.example", False),
        ("subject", "Verify at www.evil.example", False),
        ("subject", "Verify at evil.example/verify", False),
        ("subject", "Verify at https://lern.example@evil.example", False),
        ("subject", "javascript:alert(1)", False),
        ("subject", "Hello\r\nBcc: all@evil.example", False),
        ("subject", "<b>Hello</b>", False),
        ("subject", "x" * 201, False),
        ("subject", {"a": 1}, False),
        ("regards", "Director of Education", True),
        ("regardsperson", "R. Meera", True),
        ("emailTemplateType", "defaultCertTemp", True),
        ("stateImgUrl", "https://pictures.example/a.png", True),
        ("stateImgUrl", "CLOUD_BASE_PATH/a.png", True),
        ("stateImgUrl", "https://evil.example/a.png", False),
        ("stateImgUrl", "//evil.example/a.png", False),
        ("stateImgUrl", "https://pictures.example@evil.example/a.png", False),
        ("stateImgUrl", "https://evil.example\\@pictures.example/", False),
        ("stateImageUrl", "javascript:alert(1)", False),
        ("mode", "sms", False),
        ("body", "Send money", False),
        ("recipientUserIds", ["u1"], False),
    ],
)
def test_what_goes_out_in_a_mail(key: str, value: Any, kept: bool) -> None:
    fields, doubts = rules.mail_fields({key: value}, HOSTS, "CLOUD_BASE_PATH")
    assert (fields.get(key) == value) is kept
    assert bool(doubts) is not kept
    assert ("subject" in fields) is (key == "subject")


@pytest.mark.parametrize(
    ("image", "is_foreign"),
    [
        ("https://pictures.example/a.png", False),
        ("{{store}}/a.png", False),
        ("https://asset.example/sign.png", False),  # the asset names it
        ("data:image/png;base64,aGk=", False),  # it is inside
        ("", False),
        ("https://evil.example/a.png", True),
        ("http://evil.example/a.png", True),
        ("https://asset.example/another.png", True),
        ("https://pictures.example@evil.example/a.png", True),
        ("//evil.example/a.png", True),
        ("/private/user/v1/read/u-asha", True),  # a path of the content service
    ],
)
def test_which_pictures_of_signatures_are_not_fetched(image: str, is_foreign: bool) -> None:
    foreign = rules.foreign_pictures([image], ["https://asset.example/sign.png"], HOSTS, "{{store}}")
    assert foreign == [image] * is_foreign


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://lern.example/a", "lern.example"),
        ("HTTPS://LERN.example", "lern.example"),
        ("lern.example/a", "lern.example"),
        ("https://lern.example:8443/", "lern.example"),
        ("https://lern.example@evil.example", None),
        ("https://evil.example\\@lern.example/", None),
        ("https://[", None),
        ("javascript:alert(1)", "javascript"),  # no host that could be allowed
    ],
)
def test_where_a_link_leads(link: str, host: str | None) -> None:
    assert rules.host_of(link) == host


@pytest.mark.parametrize(
    ("organisations", "issuer", "vouching"),
    [
        (["o1"], "organisation", "o1"),
        (["o1", "o2"], "organisation", None),
        ([], "organisation", None),
        (["o1"], "installation", None),
    ],
)
def test_which_organisation_vouches(organisations: list[str], issuer: str, vouching: str | None) -> None:
    assert rules.vouching_organisation(organisations, issuer) == vouching


@pytest.mark.parametrize(
    ("related", "shown"),
    [
        ({"rootOrgId": "o1", "phone": "98450"}, {"rootOrgId": "o1"}),
        ({"course": {"name": "Algebra"}, "other": 1}, {"course": {"name": "Algebra"}}),
        ({"userType": "teacher", "email": "a@b.example"}, {"userType": "teacher"}),
        ({}, {}),
    ],
)
def test_what_may_be_shown_beside_a_certificate(related: dict[str, Any], shown: dict[str, Any]) -> None:
    assert rules.shareable(related) == shown


@pytest.mark.parametrize(
    ("extras", "names"),
    [
        ({"user": ["rootOrgId", "phone"]}, ["phone"]),
        ({"user": ["userType"]}, []),
        ({"user": "phone"}, []),
        ({"location": ["state"]}, []),
        ({}, []),
    ],
)
def test_which_properties_a_template_does_not_get(extras: dict[str, Any], names: list[str]) -> None:
    assert rules.not_shareable(read_template("t", {"additionalProps": extras})) == names
