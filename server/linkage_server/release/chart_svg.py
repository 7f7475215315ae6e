"""Matplotlib figures as inline SVG: bytes that depend on the data only, colours that follow the page.

Each colour is drawn as a stand-in and then replaced by a CSS variable, so one chart serves light, dark and paper. Text
stays text: it takes the page's font, can be searched and read aloud.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# One point is one unit of the view box, and about one CSS pixel where the chart is as wide as its column.
_POINTS_PER_INCH = 72
WIDTH = 460

# Stand-in colour -> CSS variable without its two dashes. The stand-ins are colours nobody would choose.
_VARIABLES = {
    "#010101": "ink",
    "#010102": "muted",
    "#010103": "grid",
    "#010104": "mark",
    "#010105": "mark-soft",
    "#010106": "below",
    "#010107": "band",
    "#010108": "surface",
    "#010109": "second",
    "#01010a": "band-edge",
}
COLOUR = {variable: stand_in for stand_in, variable in _VARIABLES.items()}

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "linkage",
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "path.simplify": False,
    "axes.unicode_minus": False,
    # A hospital's name is never a formula.
    "text.parse_math": False,
}
# Once and for all, not around each chart: charts are drawn in threads, Matplotlib keeps one set of settings, and an
# operator's own matplotlibrc must not show in a delivery.
mpl.rcdefaults()
mpl.rcParams.update(_SETTINGS)
# The page draws the text, not Matplotlib: a name with signs that its font lacks still shows.
warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)


def new_figure(height: float) -> Figure:
    """An empty figure `WIDTH` points wide and `height` points high, without frame or background."""
    figure = Figure(figsize=(WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH), dpi=_POINTS_PER_INCH)
    figure.patch.set_visible(False)
    FigureCanvasSVG(figure)
    return figure


def to_svg(figure: Figure, *, chart_id: str, title: str, description: str) -> Markup:
    """The figure as an `<svg>` element with a title and a description for those who do not see it.

    Args:
        chart_id: unique on the page; letters, digits and hyphens.
    """
    file = io.StringIO()
    # Without these keys Matplotlib would write the time and its own address into the file.
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing)
    drawing = file.getvalue()
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 : drawing.rindex("</svg>")]
    height = figure.get_figheight() * _POINTS_PER_INCH
    head = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{chart_id}-title {chart_id}-desc">'
        f'<title id="{chart_id}-title">{escape(title)}</title><desc id="{chart_id}-desc">{escape(description)}</desc>'
    )
    return Markup(head + _tidied(body, chart_id) + "</svg>")  # noqa: S704  # Matplotlib escapes every text it draws


def _tidied(body: str, chart_id: str) -> str:
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r' id="([^"]+)"', lambda found: _identifier(found[1], chart_id), body)
    body = body.replace("xlink:href", "href").replace('"#', f'"#{chart_id}-').replace("url(#", f"url(#{chart_id}-")
    body = re.sub(r" font-family: [^;\"]*(;|(?=\"))", "", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    for stand_in, variable in _VARIABLES.items():
        body = body.replace(stand_in, f"var(--{variable})")
    return re.sub(r"\n\s*", "\n", body).replace("<defs>\n</defs>\n", "")


def _identifier(name: str, chart_id: str) -> str:
    # Only what something refers to keeps its name (markers, clips, patterns: a letter and a hash).
    return f' id="{chart_id}-{name}"' if re.fullmatch(r"[a-zA-Z][0-9a-f]{10}|C\d+_.*", name) else ""
