"""SVG as text, with all attributes and texts escaped. All drawings of the page use these functions."""

from __future__ import annotations

from markupsafe import Markup, escape

from okapi_install.domain.foreign_text import visible


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An element. `class_` stands for `class`, other underscores for hyphens; None leaves an attribute out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else escape(visible(child)) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>")  # noqa: S704 - both parts are escaped above


def joined(*parts: str) -> Markup:
    """The parts, concatenated. Those that are not markup are escaped."""
    return Markup("").join(parts)


def drawing(name: str, *children: str, width: float, height: float, title: str, description: str) -> Markup:
    """A whole picture with a title and description for screen readers. `name` makes its ids unique."""
    words = (
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
    )
    return element(
        "svg",
        *words,
        *children,
        xmlns="http://www.w3.org/2000/svg",
        class_=f"drawing {name}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        width=width,
        height=height,
        font_family="sans-serif",
        font_size=12,
    )


def shortened(text: str, most: int) -> str:
    """At most that many characters, with an ellipsis in the middle: the version at the end distinguishes modules."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(escape(str(value)))
