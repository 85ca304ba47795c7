"""The picture of a certificate: its template filled; as SVG without fonts, PNG, and PDF with the credential in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

import typst

from lernbatch.drawing import outlines, pictures, styles, svg
from lernbatch.drawing.dates import format_date
from lernbatch.drawing.design import Design
from lernbatch.drawing.svg import BadPicture
from lernbatch.drawing.typesetting import FontSet

MAX_DOTS = 4000  # of a side, in a PNG
MAX_INNER = 3  # SVGs within each other
MAX_SENTENCES = 30  # about one template
MAX_SENTENCE = 300  # letters
_DATE_FORMAT = re.compile(r"""^dateFormat\s+(?P<path>[\w.\[\]]+)\s+(?:"(?P<form>[^"]*)"|'(?P<other>[^']*)')$""")
_PATH = re.compile(r"^(?:this\.|\.)?[A-Za-z_@][\w.\[\]@-]*$")
_PAGE = b"""\
#set document(title: sys.inputs.title, author: sys.inputs.author)
#set page(width: eval(sys.inputs.width), height: eval(sys.inputs.height), margin: 0pt)
#if sys.inputs.attached == "yes" {
  pdf.attach(
    "credential.json", relationship: "source", mime-type: "application/json", description: "The signed credential"
  )
}
#image("certificate.svg", width: 100%, height: 100%, fit: "contain", alt: sys.inputs.title)
"""


def draw(design: Design, values: Mapping[str, Any], zone: tzinfo, fonts: FontSet) -> bytes:
    """The certificate as SVG. `values`: what templates may name, nested as they name it. Raises: BadPicture."""
    return _drawn(design, values, zone, fonts, 0, [])


def _drawn(
    design: Design, values: Mapping[str, Any], zone: tzinfo, fonts: FontSet, depth: int, said: list[str]
) -> bytes:
    """The SVG as it is shown; `depth`: how many SVGs it is inside of. What is left out is added to `said`."""
    if depth > MAX_INNER:
        raise BadPicture(f"it is more than {MAX_INNER} SVGs within each other.")
    root = svg.parse(design.source)
    said += svg.clean(root)
    strange = [text for text in svg.placeholders(root) if not (_DATE_FORMAT.match(text) or _PATH.match(text))]
    if strange:
        raise BadPicture(f"The SVG asks for {{{{{strange[0]}}}}}, which is neither a name nor dateFormat.")
    svg.fill(root, lambda placeholder: value_of(placeholder, values, zone))
    said += styles.resolve(root)
    said += pictures.embed(
        root, design.embedded, lambda inner: _drawn(Design(inner), values, zone, fonts, depth + 1, said)
    )
    said += outlines.outline(root, fonts)
    return svg.write(root)


def png(picture: bytes, dots_per_inch: float = 144) -> bytes:
    """The picture with 1.5 dots a unit, or in another resolution; 96 is one dot a unit. A large one has fewer."""
    width, height = _size(picture)
    dots_per_inch = min(dots_per_inch, 96 * MAX_DOTS / max(width, height))
    return _typeset(picture, "png", f"{width * 0.75}pt", f"{height * 0.75}pt", ppi=dots_per_inch)


def pdf(picture: bytes, credential: bytes, title: str, author: str, made_at: datetime) -> bytes:
    """A4, lying or standing as the picture does. The same input gives the same bytes."""
    width, height = _size(picture)
    at = made_at.replace(microsecond=0)
    sides = ("297mm", "210mm") if width >= height else ("210mm", "297mm")
    return _typeset(
        picture,
        "pdf",
        *sides,
        credential=credential,
        title=title,
        author=author,
        timestamp=at,
    )


def _typeset(
    picture: bytes,
    form: Literal["png", "pdf"],
    width: str,
    height: str,
    *,
    credential: bytes | None = None,
    title: str = "Certificate",
    author: str = "",
    **options: Any,
) -> bytes:
    # Any: the library's types know no dict of files, its code does.
    files: Any = {"main.typ": _PAGE, "certificate.svg": picture}
    if credential is not None:
        files["credential.json"] = credential
    inputs = {"title": title, "author": author, "width": width, "height": height}
    inputs["attached"] = "yes" if credential is not None else "no"
    try:
        drawn: bytes = typst.compile(files, format=form, ignore_system_fonts=True, sys_inputs=inputs, **options)
    except typst.TypstError as broken:
        raise BadPicture(f"The picture cannot be drawn: {broken.message}") from broken
    return drawn


def _size(picture: bytes) -> tuple[float, float]:
    return svg.size(svg.parse(picture))


def check(source: bytes, fonts: FontSet) -> tuple[bytes, list[str]]:
    """A template as it is drawn without values, and what of it is left out or drawn otherwise, as sentences.

    Raises: BadPicture, when it is unsafe, broken, or asks for what nobody can give.
    """
    said: list[str] = []
    drawn = _drawn(Design(source), {}, UTC, fonts, 0, said)
    return drawn, [sentence[:MAX_SENTENCE] for sentence in dict.fromkeys(said)][:MAX_SENTENCES]


def value_of(placeholder: str, values: Mapping[str, Any], zone: tzinfo) -> str | None:
    """The text for a placeholder: a path into `values`, or `dateFormat path "DD MMMM YYYY"`."""
    dated = _DATE_FORMAT.match(placeholder)
    if dated:
        instant = _look_up(dated["path"], values)
        if instant is None:
            return None
        try:
            at = datetime.fromisoformat(str(instant))
        except ValueError:
            at = None
        return format_date(at, dated["form"] or dated["other"] or "", zone)
    value = _look_up(placeholder, values)
    return None if value is None or isinstance(value, Mapping | list) else str(value)


def _look_up(path: str, values: Mapping[str, Any]) -> Any:
    """The value at a path such as `recipient.name` or `signatories.[0].name`; None where there is none."""
    value: Any = values
    for step in re.sub(r"^(this\.|\.)", "", path).replace("[", "").replace("]", "").split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and re.fullmatch("[0-9]{1,3}", step):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value
