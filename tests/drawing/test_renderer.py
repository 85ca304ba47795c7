"""Templates that ask for hours, for all memory or for more stack than there is: refused, and nothing else is harmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lernbatch.drawing import picture, svg
from lernbatch.drawing.renderer import Renderer, RenderJob
from lernbatch.drawing.svg import BadPicture
from tests.drawing.test_svg import CASE, document


@pytest.fixture(scope="module")
def press() -> Iterator[Renderer]:
    """One that gives a drawing a second."""
    made = Renderer(seconds=1)
    yield made
    made.close()


def filtered(steps: str, attributes: str = "") -> bytes:
    inner = f'<filter id="f" {attributes}>{steps}</filter><rect width="100" height="50" filter="url(#f)"/>'
    return document(inner, 'width="4000" height="2000"')


def uses(depth: int, times: int) -> bytes:
    """A billion laughs: each group uses the one before it `times` times."""
    groups = ['<g id="g0"><rect width="5" height="5"/></g>']
    groups += [f'<g id="g{n}">' + f'<use href="#g{n - 1}"/>' * times + "</g>" for n in range(1, depth)]
    return document(f'<defs>{"".join(groups)}</defs><use xlink:href="#g{depth - 1}"/>')


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (uses(9, 10), "draws more than 20000 elements, those used again included"),
        (uses(12, 1), "more than 10 within each other"),
        (document('<g id="a"><use href="#a"/></g>'), "uses an element within itself"),
        (document('<g id="a"><use href="#b"/></g><g id="b"><use xlink:href="#a"/></g>'), "within itself"),
        (document("<g>" * 101 + "</g>" * 101), "too many elements"),
        (document("").replace(b"0 0 100 50", b"0 0 1e9 1e9"), "beyond 4000 units"),
        (document("", 'width="1e30" height="1"'), "1 to 4000 units"),
        (document("", 'width="100000%"'), "1 to 4000 units"),
    ],
)
def test_what_can_be_counted_is_refused_before_it_is_drawn(source: bytes, said: str) -> None:
    with pytest.raises(BadPicture, match=said):
        picture.check(source, CASE)


def test_things_used_again_in_an_ordinary_way_are_admitted() -> None:
    picture.check(uses(4, 8), CASE)
    picture.check(document('<use href="#nowhere"/><use/><symbol id="s"><path/></symbol><use href="#s"/>'), CASE)


LAYERS = document('<g opacity=".9">' * 90 + '<rect width="4000" height="4000"/>' + "</g>" * 90).replace(
    b"0 0 100 50", b"0 0 4000 4000"
)


@pytest.mark.parametrize(
    "source",
    [
        filtered('<feTurbulence numOctaves="100000" baseFrequency="0.1"/>'),
        pytest.param(document("<text>" + "ab " * 900_000 + "</text>"), marks=pytest.mark.real),
        pytest.param(
            document("<style>" + "rect{fill:red}" * 100_000 + "</style>" + "<rect/>" * 1000), marks=pytest.mark.real
        ),
    ],
)
def test_what_takes_too_long_is_refused(press: Renderer, source: bytes) -> None:
    with pytest.raises(BadPicture, match="it takes more than 1 s of processor time"):
        press.draw(RenderJob("check", source))


@pytest.mark.parametrize(
    "source",
    [
        LAYERS,
        pytest.param(
            filtered('<feGaussianBlur stdDeviation="500"/>' * 300, 'x="-10" y="-10" width="30" height="30"'),
            marks=pytest.mark.real,
        ),
        pytest.param(
            document(
                f'<marker id="m" viewBox="0 0 1 1">{"<rect/>" * 1000}</marker>'
                f'<path marker-mid="url(#m)" fill="none" d="M0 0{"L1 1" * 100_000}"/>'
            ),
            marks=pytest.mark.real,
        ),
    ],
)
def test_what_takes_too_much_or_breaks_the_renderer_is_refused(press: Renderer, source: bytes) -> None:
    with pytest.raises(BadPicture, match="cannot be drawn: it takes more than"):
        press.draw(RenderJob("check", source))


def test_a_value_nested_without_end_breaks_one_drawing_alone(press: Renderer) -> None:
    with pytest.raises(BadPicture, match="cannot be drawn"):
        press.check(document(f"<rect fill='{'(' * 100_000}'/>"))
    assert press.draw(RenderJob("png", document("<rect/>"))).startswith(b"\x89PNG")


def test_after_that_the_next_picture_is_drawn(press: Renderer) -> None:
    with pytest.raises(BadPicture):
        press.draw(RenderJob("check", LAYERS))
    assert press.draw(RenderJob("png", document("<rect/>"))).startswith(b"\x89PNG")
    assert press.draw(RenderJob("pdf", document("<rect/>"))).startswith(b"%PDF")
    assert svg.parse(press.draw(RenderJob("svg", document("<text>{{a}}</text>"), values={"a": "Asha"}))) is not None


def test_why_a_template_is_refused_comes_through(press: Renderer) -> None:
    with pytest.raises(BadPicture, match="neither a name nor dateFormat"):
        press.check(document("<text>{{#if a}}</text>"))


def test_what_is_left_out_comes_through(press: Renderer) -> None:
    (warning,) = press.check(document("<script/>"))
    assert warning.startswith("A script is left out")
