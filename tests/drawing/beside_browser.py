"""Templates that were drawn by Chromium with our fonts, and how near ours come to that.

`tests/real` draws them with Chromium again; `python -m tests.real.chromium` keeps its pictures in browser/.
Look at a picture before it is committed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageChops, ImageFilter

from lernbatch.drawing import picture
from lernbatch.drawing.design import Design
from lernbatch.drawing.typesetting import FontSet

FOLDER = Path(__file__).parent
TEMPLATES = {path.stem: path for path in sorted((FOLDER / "templates").glob("*.svg"))}
NAME = "Āśā Kumārī D’Souza"
VALUES = {"credentialSubject": {"recipientName": NAME}}
# After a blur that forgives how edges are smoothed: a dot differs by that much of 255, and so many do of 10,000.
BLUR_DOTS = 1.2
DIFFERENT = 56
PER_10_000 = 4


def ours(source: bytes, values: Mapping[str, object] | None = None) -> Image.Image:
    """The template as we draw it, a dot a unit."""
    drawn = picture.draw(Design(source), values or VALUES, ZoneInfo("Asia/Kolkata"), FontSet())
    return Image.open(io.BytesIO(picture.png(drawn, 96))).convert("RGB")


def reference(name: str) -> Image.Image:
    """The template as Chromium drew it."""
    return Image.open(FOLDER / "browser" / f"{name}.png").convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """How many of 10,000 dots differ."""
    assert one.size == other.size
    blurred = (image.filter(ImageFilter.GaussianBlur(BLUR_DOTS)) for image in (one, other))
    worst = ImageChops.difference(*blurred).split()
    worst_of_all = ImageChops.lighter(ImageChops.lighter(worst[0], worst[1]), worst[2])
    histogram = worst_of_all.histogram()
    return 10_000 * sum(histogram[DIFFERENT:]) / sum(histogram)
