"""Templates are drawn as a browser draws them: beside the pictures that Chromium made of them with our fonts."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.drawing import beside_browser as beside


@pytest.mark.parametrize("name", beside.TEMPLATES)
def test_a_template_looks_as_in_a_browser(name: str) -> None:
    ours = beside.ours(beside.TEMPLATES[name].read_bytes())
    assert beside.difference(ours, beside.reference(name)) <= beside.PER_10_000


@pytest.mark.parametrize("name", beside.TEMPLATES)
def test_the_comparison_sees_a_shift_of_one_dot(name: str) -> None:
    reference = beside.reference(name)
    assert beside.difference(reference, ImageChops.offset(reference, 1, 0)) > beside.PER_10_000


def test_every_picture_of_the_browser_has_its_template() -> None:
    pictures = (Path(beside.__file__).parent / "browser").glob("*.png")
    assert sorted(path.stem for path in pictures) == list(beside.TEMPLATES)


LONG = "Śrīmatī Āśā Kumārī Lakṣmī Veṅkaṭarāmaṇī D’Souza Tiruvanantapurattukkaranpillai " * 3


def place(words: str) -> str:
    return f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">{words}'


@pytest.mark.parametrize(
    "words",
    [
        '<text x="200" y="50" text-anchor="middle">{{n}}</text>',
        '<text x="50%" y="50%" style="text-anchor:middle;font-size:30px">{{n}}</text>',
        '<style>.name{text-anchor:middle;font:bold 2em serif}</style><text class="name" x="300" y="50">{{n}}</text>',
        '<g text-anchor="middle"><text y="50"><tspan x="100" y="60">{{n}}</tspan></text></g>',
        '<text x="30" y="50">{{n}}</text>',
        '<text x="380" y="50" text-anchor="end">{{n}}</text>',
        '<text x="200" y="50" text-anchor="middle">This is to certify that <tspan>${n}</tspan> came</text>',
        '<text transform="translate(200 50)" text-anchor="middle">{{n}}</text>',
        '<g transform="matrix(2 0 0 2 200 50)"><text transform="scale(.7)" text-anchor="middle">{{n}}</text></g>',
        '<svg width="200" height="100" viewBox="0 0 40 20"><text x="20" y="9" text-anchor="middle" font-size="4">{{n}}'
        "</text></svg>",
        '<text x="200" y="50" text-anchor="middle" letter-spacing="2">{{n}}</text>',
        '<text x="200" y="50" text-anchor="middle" data-fit="300">{{n}}</text>',
        '<text x="200" y="50" text-anchor="middle" textLength="300" lengthAdjust="spacingAndGlyphs">{{n}}</text>',
        '<text x="20 29 38" y="50">{{n}}</text>',
    ],
)
def test_a_long_name_stays_inside_the_picture(words: str) -> None:
    image = beside.ours(f"<svg {place(words)}</svg>".encode(), {"n": LONG})
    left, _, right, _ = ink(image)
    assert left >= 3
    assert right <= 397


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """The box around what is drawn on white."""
    box = ImageChops.invert(image.convert("L")).getbbox()
    assert box is not None
    return box


def test_a_short_name_and_what_the_designer_wrote_keep_their_size() -> None:
    short = '<text x="200" y="50" text-anchor="middle">{}</text>'
    filled = beside.ours(f"<svg {place(short.format('{{n}}'))}</svg>".encode(), {"n": "Asha"})
    written = beside.ours(f"<svg {place(short.format('Asha'))}</svg>".encode())
    assert ImageChops.difference(filled, written).getbbox() is None
    long = beside.ours(f"<svg {place(short.format(LONG))}</svg>".encode())
    assert (ink(long)[0], ink(long)[2]) == (0, 400)


def test_the_places_of_a_placeholders_letters_are_not_those_of_a_names() -> None:
    places = " ".join(str(10 + 5 * number) for number in range(5))
    made = beside.ours(f'<svg {place(f"""<text x="{places}" y="50">{{{{n}}}}</text>""")}</svg>'.encode(), {"n": "Asha"})
    plain = beside.ours(f'<svg {place("""<text x="10" y="50">Asha</text>""")}</svg>'.encode())
    assert ImageChops.difference(made, plain).getbbox() is None


@pytest.mark.parametrize(
    ("words", "latin_is_left"),
    [
        ('<text x="390" y="60" direction="rtl" unicode-bidi="embed">{}</text>', False),
        ('<text x="390" y="60" direction="rtl">{}</text>', False),
        ('<text x="390" y="60" style="direction:rtl">{}</text>', False),
        ('<g direction="rtl"><text x="390" y="60">{}</text></g>', False),
        ('<text x="200" y="60" direction="rtl" text-anchor="middle">{}</text>', False),
        ('<g direction="rtl"><text x="10" y="60" direction="ltr">{}</text></g>', True),
        ('<text x="10" y="60" direction="ltr">{}</text>', True),
        ('<text x="10" y="60">{}</text>', True),
    ],
)
def test_direction_says_in_which_order_words_of_both_directions_stand(words: str, latin_is_left: bool) -> None:
    mixed = '<tspan fill="#f00">abc</tspan> <tspan fill="#00f">ثنا</tspan>'
    image = beside.ours(f'<svg font-size="40" {place(words.format(mixed))}</svg>'.encode())
    not_blue, _, not_red = image.split()
    latin = not_red.point(lambda level: 255 * (level < 100)).getbbox()  # red letters lack blue
    arabic = not_blue.point(lambda level: 255 * (level < 100)).getbbox()
    assert latin is not None
    assert arabic is not None
    assert (latin[0] < arabic[0]) is latin_is_left
    assert latin[2] <= arabic[0] or arabic[2] <= latin[0]


def test_direction_ltr_holds_where_the_first_letter_is_arabic() -> None:
    words = '<text x="10" y="60" direction="ltr"><tspan fill="#f00">ثنا</tspan> <tspan fill="#00f">abc</tspan></text>'
    image = beside.ours(f'<svg font-size="40" {place(words)}</svg>'.encode())
    arabic = image.split()[2].point(lambda level: 255 * (level < 100)).getbbox()
    latin = image.split()[0].point(lambda level: 255 * (level < 100)).getbbox()
    assert arabic is not None
    assert latin is not None
    assert arabic[2] <= latin[0]
