"""A small writer of figures: panels with curves, bands and heat maps, as SVG text that a diff can read."""
from html import escape

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
AXIS, GRID = "#555", "#ddd"


class Canvas:
    """width x height in points."""

    def __init__(self, width, height, title, description):
        self.width, self.height, self.title, self.description, self.parts = width, height, title, description, []

    def text(self, x, y, words, size=7, anchor="start", colour="#000", bold=False, turned=False):
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
                          f'{weight}{turn}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour=AXIS, width=0.5, dash=None):
        self.path([(x1, y1), (x2, y2)], colour, width, dash)

    def path(self, points, colour, width=1.0, dash=None):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<path fill="none" stroke="{colour}" stroke-width="{width}"{dashed} d="{track(points)}"/>')

    def area(self, points, colour, opacity):
        self.parts.append(f'<path fill="{colour}" fill-opacity="{opacity}" d="{track(points)}z"/>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.2f}" fill="{colour}"/>')

    def __str__(self):
        return "\n".join([
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}pt" height="{self.height}pt" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{FONT}">',
            f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.description)}</desc>",
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>', *self.parts, "</svg>", ""])


def track(points):
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


class Panel:
    """A plot of `across` = (first, last) layers and values `up` = (low, high), at (x, y) on a canvas."""

    def __init__(self, canvas, x, y, width, height, across, up):
        self.canvas, self.x, self.y, self.width, self.height = canvas, x, y, width, height
        self.across, self.up = across, up

    def at(self, layer, value):
        low, high = self.up
        value = min(max(value, low), high)
        return (self.x + (layer - self.across[0]) / (self.across[1] - self.across[0]) * self.width,
                self.y + (high - value) / (high - low) * self.height)

    def frame(self, layers, values, names=True):
        """Axes, with ticks at these layers and values; their names below and on the left where `names`."""
        for value in values:
            left, right = self.at(self.across[0], value), self.at(self.across[1], value)
            self.canvas.line(*left, *right, GRID)
            if names:
                self.canvas.text(self.x - 3, left[1] + 2.3, f"{value:g}", 6.5, "end", AXIS)
        bottom = self.y + self.height
        for layer in layers:
            x = self.at(layer, self.up[0])[0]
            self.canvas.line(x, bottom, x, bottom + 2)
            self.canvas.text(x, bottom + 8.5, str(layer), 6.5, "middle", AXIS)
        self.canvas.path([(self.x, self.y), (self.x, bottom), (self.x + self.width, bottom)], AXIS, 0.5)

    def curve(self, values, colour, width=1.2, dash=None):
        self.canvas.path([self.at(i, v) for i, v in enumerate(values)], colour, width, dash)

    def band(self, low, high, colour, opacity=0.18):
        there = [self.at(i, v) for i, v in enumerate(low)]
        back = [self.at(i, v) for i, v in enumerate(high)]
        self.canvas.area(there + back[::-1], colour, opacity)
