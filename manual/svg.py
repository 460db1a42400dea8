"""A drawing as SVG: boxes, lines, dots and words, readable on light and on dark pages."""

from dataclasses import dataclass, field
from html import escape

# Each colour by its role, light and dark. A drawing brings its own background, since a page may be darker than the reader's system.
COLOURS = {
    "ground": ("#ffffff", "#1e2129"),
    "ink": ("#24292f", "#e2e6ee"),
    "faint": ("#8a929e", "#8d96a8"),
    "fill": ("#eef1f8", "#2b303c"),
    "first": ("#3f51b5", "#8c9eff"),
    "second": ("#b3541e", "#ffab70"),
    "third": ("#2e7d32", "#81c784"),
}


def _style() -> str:
    def rules(which: int) -> str:
        of = {name: colours[which] for name, colours in COLOURS.items()}
        text = "".join(f".t-{name}{{fill:{colour}}}" for name, colour in of.items())
        lines = "".join(f".l-{name}{{stroke:{colour}}}" for name, colour in of.items())
        return text + lines

    words = "text{font-family:ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:14px}.code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;white-space:pre}"
    return f"{words}.bold{{font-weight:600}}.l{{fill:none;stroke-width:1.8}}{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"


@dataclass
class Drawing:
    """What is drawn so far, from the back to the front. Lengths are in pixels, from the upper left corner."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, colour: str = "fill", edge: str = "faint") -> None:
        """A box with round corners."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="t-{colour} l-{edge}"/>'
        )

    def line(
        self, *points: tuple[float, float], colour: str = "ink", dashed: bool = False, arrow: bool = False
    ) -> None:
        """A line through points, with the head of an arrow at its end."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<path d="{path}" class="l l-{colour}"{dashes}/>')
        if arrow:
            (x, y), (x0, y0) = points[-1], points[-2]
            length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
            dx, dy = (x - x0) / length, (y - y0) / length
            corners = [(x, y), (x - 9 * dx - 4 * dy, y - 9 * dy + 4 * dx), (x - 9 * dx + 4 * dy, y - 9 * dy - 4 * dx)]
            self.parts.append(
                f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)}" class="t-{colour}"/>'
            )

    def dot(self, x: float, y: float, colour: str = "first", hollow: bool = False) -> None:
        """A dot; a hollow one has the background inside."""
        kind = f'class="t-ground l-{colour}" stroke-width="2"' if hollow else f'class="t-{colour}"'
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="6" {kind}/>')

    def text(self, x: float, y: float, words: str, colour: str = "ink", anchor: str = "start", kind: str = "") -> None:
        """Words; kind "bold" or "code"."""
        classes = f"t-{colour} {kind}".strip()
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" class="{classes}" text-anchor="{anchor}" xml:space="preserve">{escape(words)}</text>'
        )

    def svg(self) -> str:
        """The whole file."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(self.title)}">'
        ground = '<rect width="100%" height="100%" rx="8" class="t-ground"/>'
        return (
            "\n".join(
                [
                    head,
                    f"<title>{escape(self.title)}</title>",
                    f"<style>{_style()}</style>",
                    ground,
                    *self.parts,
                    "</svg>",
                ]
            )
            + "\n"
        )
