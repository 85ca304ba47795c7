"""Pictures that several pages show: numbers in, SVG out. Colours are classes of console.css."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def spark(values: Sequence[float], most: int, kind: str = "l2") -> Markup:
    """A line of the newest `most` values, the last one on the right; what it says stands beside it as text."""
    top = max(values, default=0) or 1
    left = most - len(values)
    points = "L".join(f"{(left + at) * 200 / most:.1f} {30 - 28 * value / top:.1f}" for at, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 200 32" width="100%" height="32" preserveAspectRatio="none" '
        'aria-hidden="true">'
        '<path class="lg" d="M0 31H200"/>{}</svg>'
    ).format(Markup('<path class="{}" d="M{}"/>').format(kind, points) if len(values) > 1 else "")


def bar(share: float, kind: str = "c2", height: int = 8) -> Markup:
    """A bar that is filled to `share`, between 0 and 1; the number stands beside it as text."""
    width = round(200 * min(max(share, 0.0), 1.0), 1)
    return Markup(
        '<svg viewBox="0 0 200 {h}" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="cs" width="200" height="{h}"/><rect class="{kind}" width="{w}" height="{h}"/></svg>'
    ).format(h=height, kind=kind, w=width)
