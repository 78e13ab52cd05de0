"""docs/pictures/replication-*.svg."""
from . import settings
from .svg import Canvas, Panel

COLOURS = {"visual": "#0072b2", "text": "#d55e00", "words": "#009e73"}
SPANS = {settings.CONSTRAINT: "#0072b2", settings.PICTURE: "#cc79a7", settings.LAST: "#222222", settings.CONTROL: "#999999"}
SITES = {"attn_out": "Attention output", "mlp_out": "MLP output", "resid_post": "Residual stream"}
CONDITIONS = {"visual": "picture", "text": "name in the question", "words": "words in the picture's place"}
DASH = {"visual": None, "words": "4 2"}
CLASSES = ("constraint_first", "constraint_middle", "constraint_last", "control", "after", "last")     # before it nothing changes
WIDTH = 504                      # points: both columns of a page


def draw(found, folder):
    for name, figure in (("spans", spans), ("way", way), ("tokens", tokens)):
        canvas = figure(found)
        if canvas:
            (folder / f"replication-{name}.svg").write_text(str(canvas), encoding="utf-8")


def curve(found, **wanted):
    """The one curve with these properties, or None."""
    return next((c for c in found["curves"] if all(c[k] == v for k, v in wanted.items())), None)


def layers_of(found):
    return len(found["curves"][0]["aie"]["mean"])


def legend(canvas, x, y, entries):
    """entries: (name, colour, dash)"""
    for name, colour, dash in entries:
        canvas.line(x, y - 2.5, x + 14, y - 2.5, colour, 1.5, dash)
        canvas.text(x + 17, y, name)
        x += 26 + 3.6 * len(name)


def drawn(panel, found, colour, dash=None, width=1.2, shaded=True):
    """A curve's share recovered, with its interval."""
    if found and found["recovered"]:
        if shaded:
            panel.band(found["recovered"]["low"], found["recovered"]["high"], colour)
        panel.curve(found["recovered"]["mean"], colour, width, dash)


def spans(found):
    """Sites across, windows down: the share that the constraint's rows bring back, beside control's."""
    windows = sorted({c["window"] for c in found["curves"] if c["part"] == "spans"})
    if not windows:
        return None
    last, left, width, height = layers_of(found) - 1, 34, 140, 84
    canvas = Canvas(WIDTH, 38 + len(windows) * (height + 30), "What restoring the constraint's rows brings back",
                    "Share of the answer's lost probability recovered, by layer; one curve a condition, control's dashed")
    legend(canvas, left, 12, [(CONDITIONS[c], COLOURS[c], None) for c in settings.CONDITIONS] + [("control rows", "#777", "2 2")])
    for down, window in enumerate(windows):
        for across, site in enumerate(settings.SITES):
            panel = Panel(canvas, left + across * (width + 20), 34 + down * (height + 30), width, height, (0, last), (-0.1, 1.05))
            panel.frame(range(0, last + 1, 5), (0, 0.5, 1), across == 0)
            canvas.text(panel.x, panel.y - 4, f"{SITES[site]}, {window} layer{'s' * (window > 1)}", 7, bold=True)
            for condition in settings.CONDITIONS:
                one = dict(condition=condition, site=site, window=window)
                drawn(panel, curve(found, part="control", **one), COLOURS[condition], "2 2", 0.7, False)
                drawn(panel, curve(found, part="spans", span=settings.CONSTRAINT, **one), COLOURS[condition])
    canvas.text(9, 34 + height / 2, "share recovered", 7, "middle", turned=True)
    canvas.text(WIDTH - 22, canvas.height - 3, "layer (centre of the window)", 7, "end")
    return canvas


def way(found):
    """What brings the answer back, or spoils it, when another country is given: by span."""
    panels = [("way", "denoise", "other", "Another country: restored"),
              ("need", "noise", "other", "Spoilt by another country"), ("need", "noise", "swap", "Spoilt by “Paris”")]
    panels = [p for p in panels if curve(found, part=p[0], direction=p[1], corruption=p[2])]
    if not panels:
        return None
    last, left, width, height = layers_of(found) - 1, 34, 140, 100
    canvas = Canvas(WIDTH, 158, "By which way the answer comes", "Share of the answer's probability, by layer, for rows "
                    "restored or spoilt; solid with a picture, dashed with words in its place")
    legend(canvas, left, 12, [("constraint", SPANS["constraint"], None), ("picture", SPANS["picture"], None),
                              ("last row", SPANS["last"], None), ("control", SPANS["control"], None),
                              ("dashed: words in the picture's place", "#777", "4 2")])
    for across, (part, direction, corruption, title) in enumerate(panels):
        panel = Panel(canvas, left + across * (width + 20), 34, width, height, (0, last), (-0.1, 1.05))
        panel.frame(range(0, last + 1, 5), (0, 0.5, 1), across == 0)
        canvas.text(panel.x, panel.y - 4, title, 7, bold=True)
        for condition, dash in DASH.items():
            for span, colour in SPANS.items():
                drawn(panel, curve(found, part=part, direction=direction, corruption=corruption, condition=condition,
                                   span=span), colour, dash, shaded=dash is None)
    canvas.text(9, 34 + height / 2, "share", 7, "middle", turned=True)
    canvas.text(WIDTH - 22, 155, "layer; residual stream, one layer", 7, "end")
    return canvas


def tokens(found):
    """Heat maps of AIE: token classes down, layers across; a row of maps a condition."""
    chosen = [c for c in found["curves"] if c["part"] == "rows"] or [c for c in found["curves"] if c["part"] == "tokens"]
    if not chosen:
        return None
    part, window = chosen[0]["part"], max(c["window"] for c in chosen)
    layers, left, width, line = layers_of(found), 70, 138, 9
    names = [n for n in CLASSES if any(c["span"] == n for c in chosen)]
    step = line * len(names) + 36
    canvas = Canvas(WIDTH, 4 + step * len(settings.CONDITIONS), "Average indirect effect by token class",
                    "One row of tokens restored at a time; darker is more of P(answer) brought back, 0 to 0.5 and above")
    for down, condition in enumerate(settings.CONDITIONS):
        canvas.text(4, 10 + down * step, f"The country as {CONDITIONS[condition]}, {window} layers", 7, bold=True)
        for across, site in enumerate(settings.SITES):
            x, y = left + across * (width + 8), 24 + down * step
            canvas.text(x, y - 3, SITES[site], 6.5)
            for row, name in enumerate(names):
                if across == 0:
                    canvas.text(x - 3, y + line * row + 7, name.replace("_", ", "), 6.5, "end")
                heat_row(canvas, x, y + line * row, width / layers,
                         curve(found, part=part, condition=condition, site=site, window=window, span=name))
            for layer in range(0, layers, 5):
                canvas.text(x + (layer + 0.5) * width / layers, y + line * len(names) + 7, str(layer), 6, "middle", "#555")
    return canvas


def heat_row(canvas, x, y, cell, found):
    if not found:
        canvas.text(x + 2, y + 6.5, "none", 5.5, colour="#999")
        return
    for layer, value in enumerate(found["aie"]["mean"]):
        canvas.box(x + layer * cell, y, cell, 8.4, shade(value / 0.5))


def shade(share):
    """White to dark purple."""
    share = min(max(share, 0), 1)
    ends = ((252, 251, 253), (63, 0, 125))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends))
