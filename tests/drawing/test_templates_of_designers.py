"""Templates as design programs export them and people edit them: attached with warnings, drawn, and safe to serve."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from lernbatch.drawing import picture, pictures, svg
from lernbatch.drawing.design import Design
from sandbox import importing
from tests.certificate.cohort import Cohort
from tests.drawing import beside_browser as beside
from tests.drawing.test_svg import CASE, ZONE, bitmap, document
from tests.people import ASHA


def attached(cohort: Cohort, folder: Path, source: bytes) -> Any:
    """What is answered when a template with this SVG is attached."""
    (folder / "t.svg").write_bytes(source)
    metadata = {
        "identifier": f"do_{cohort.batch_id}",
        "name": "Merit",
        "issuer": {"name": "Board", "url": "https://x.example"},
        "signatoryList": [{"name": "A B", "designation": "Dir"}],
        "data": {"title": "Merit"},
    }
    (folder / "t.json").write_text(json.dumps(metadata))

    async def work() -> None:
        async with cohort.service.services.pool.acquire() as conn:
            await importing.template(conn, folder / "t.json")

    cohort.service.run(work())
    return cohort.attach(identifier=metadata["identifier"], signatoryList=[])


SAYS = {
    "script-that-fits": ["A script is left out"],
    "web-font": [
        "@font-face of 'Fancy' is left out: 'https://fonts.example.org/fancy.woff2'",
        "'Fancy' is drawn in Noto Sans",
    ],
    "svg-picture": [],
    "percent-text": [],
    "styles": ["onload", "@import", "metadata", "foreignObject", "http://www.inkscape.org", "sodipodi", "A script"],
}


@pytest.mark.parametrize("name", SAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_template_is_attached_with_warnings_and_drawn(
    cohort: Cohort, tmp_path: Path, name: str, encoding: str
) -> None:
    text = beside.TEMPLATES[name].read_text()
    declared = text.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"')
    answer = attached(cohort, tmp_path, declared.encode(encoding))
    assert answer.status_code == 200, answer.text
    warnings = answer.json()["result"].get("warnings", [])
    for part in SAYS[name]:
        assert any(part in warning for warning in warnings), warnings
    assert bool(SAYS[name]) == bool(warnings)
    cohort.enrol(ASHA)
    cohort.ask()
    cohort.work()
    (entry,) = cohort.entries(ASHA)
    shown = cohort.service.call("GET", f"/certs/{entry['identifier']}.svg").text
    assert not any(
        word in shown for word in ("<script", "onload", "https://fonts", "foreignObject", "sodipodi", "@import")
    )
    png = Image.open(io.BytesIO(cohort.service.call("GET", f"/certs/{entry['identifier']}.png").content))
    ours = beside.ours(text.encode(), {"credentialSubject": {"recipientName": "Asha K"}})
    assert beside.difference(png.convert("RGB").resize(ours.size, Image.Resampling.BOX), ours) < 60  # finer dots


def square(image: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture."""
    drawn = Image.open(io.BytesIO(image)).convert("RGB")
    colour = drawn.getpixel((drawn.width // 2, drawn.height // 2))
    assert isinstance(colour, tuple)
    return colour


RED = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><rect width='9' height='9' fill='rgb(200,30,30)'/></svg>"
)


def based(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


@pytest.mark.parametrize(
    "address",
    [
        based("image/svg+xml", RED.encode()),
        based("image/svg+xml;charset=utf-8", RED.encode("utf-16")),
        f"data:image/svg+xml,{quote(RED)}",
        f"data:image/svg+xml;utf8,{RED}",
        f"data:image/svg+xml;charset=UTF-8,{quote(RED, safe=' /=:<>')}",
        *[
            based(f"image/{kind.lower()}", bitmap(kind))
            for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO")
        ],
        based("image/jpeg", bitmap("JPEG", "CMYK")),
        based("image/png", bitmap("PNG", "P")),
        based("image/jpg;charset=utf-8", bitmap("JPEG")),
        based("application/octet-stream", bitmap("PNG")),
        "data:image/png," + quote(bitmap("PNG")),
        " DATA:image/PNG ; Base64 , " + quote(b64encode(bitmap("PNG"))),
        "data:image/png;base64,\n  " + "\n  ".join(b64encode(bitmap("PNG")).decode().rstrip("=")),
    ],
)
@pytest.mark.parametrize("key", ["href", "xlink:href"])
def test_pictures_inside_are_drawn_whatever_their_kind_and_spelling(address: str, key: str) -> None:
    escaped = address.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\n", "&#10;")
    drawn, warnings = picture.check(document(f'<image width="100" height="50" {key}="{escaped}"/>'), CASE)
    assert warnings == []
    assert all(abs(got - wanted) < 12 for got, wanted in zip(square(picture.png(drawn)), (200, 30, 30), strict=True))


def test_an_svg_inside_is_checked_as_the_outer_one_is() -> None:
    inner = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 50' onload='evil()'><script>evil()</script>"
        "<image href='https://evil/x.png'/><rect fill='url(https://evil)' width='9' height='9'/>"
        "<text y='20'>{{recipientName}}</text></svg>"
    )
    address = quote(inner, safe="{}")
    source = document(f'<image width="100" height="50" href="data:image/svg+xml,{address}"/>')
    drawn, warnings = picture.check(source, CASE)
    assert {warning[:10] for warning in warnings} == {"A script i", "The handle", "The fill o"}
    assert b"evil" not in b64decoded(drawn)
    filled = picture.draw(Design(source), {"recipientName": "A </text><script>x</script>"}, ZONE, CASE)
    assert b'aria-label="A &lt;/text&gt;&lt;script&gt;x' in b64decoded(filled)


def b64decoded(drawn: bytes) -> bytes:
    """The SVG inside an SVG as it is drawn."""
    (image,) = svg.parse(drawn).iter(f"{svg.SVG}image")
    return pictures.content_of(svg.href(image))


def test_svgs_within_each_other_have_a_bound() -> None:
    inner = RED.encode()
    for _ in range(picture.MAX_INNER):
        inner = document(f'<image width="9" height="9" href="{based("image/svg+xml", inner)}"/>')
    assert picture.check(inner, CASE)[1] == []
    deeper = document(f'<image width="9" height="9" href="{based("image/svg+xml", inner)}"/>')
    assert "3 SVGs within each other" in picture.check(deeper, CASE)[1][0]


@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("Times New Roman", "Noto Serif"),
        ("Playfair Display, sans-serif", "Noto Serif"),
        ("&quot;Great Vibes&quot;, cursive", "Dancing Script"),
        ("Montserrat", "Noto Sans"),
        ("Nobody Knows, serif", "Noto Serif"),
        ("Nobody Knows", "Noto Sans"),
        ("Noto Serif", None),
        ("sans-serif", None),
    ],
)
def test_a_family_is_drawn_in_the_nearest_of_ours_and_that_is_said(family: str, said: str | None) -> None:
    drawn, warnings = picture.check(document(f'<text y="30" font-family="{family}">Asha</text>'), CASE)
    assert len(warnings) == (said is not None)
    assert all((said or "") in warning for warning in warnings)
    ours = picture.check(document(f'<text y="30" font-family="{said or family}">Asha</text>'), CASE)[0]
    assert svg.parse(drawn).find(f".//{svg.SVG}path").attrib == svg.parse(ours).find(f".//{svg.SVG}path").attrib  # type: ignore[union-attr]


@pytest.mark.parametrize("family", ["Noto Sans", "Noto Serif"])
def test_bold_and_italic_are_four_faces(family: str) -> None:
    looks = [
        picture.check(document(f'<text y="30" font-family="{family}" {look}>Asha</text>'), CASE)[0]
        for look in ("", 'font-weight="bold"', 'font-style="italic"', 'font-weight="700" font-style="oblique"')
    ]
    assert len(set(looks)) == 4
