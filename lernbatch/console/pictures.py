"""Pictures that several pages show: numbers in, SVG out. Colours are classes of console.css."""

from __future__ import annotations

from markupsafe import Markup


def bar(share: float, kind: str = "c2", height: int = 8) -> Markup:
    """A bar that is filled to `share`, between 0 and 1; the number stands beside it as text."""
    width = round(200 * min(max(share, 0.0), 1.0), 1)
    return Markup(
        '<svg viewBox="0 0 200 {h}" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="cs" width="200" height="{h}"/><rect class="{kind}" width="{w}" height="{h}"/></svg>'
    ).format(h=height, kind=kind, w=width)
