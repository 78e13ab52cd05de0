"""docs/pictures/edits-*.svg."""
from replication.figures import WIDTH, legend
from replication.svg import Canvas, Panel

from . import settings

COLOURS = {"kept": "#0072b2", "paper": "#009e73", "ft": "#d55e00", "ft-constrained": "#cc79a7", "official": "#999999"}
SHORT = {"kept": "MultEdit, other key, rows kept", "paper": "MultEdit, paper's key", "ft": "fine-tuning",
         "ft-constrained": "in a ball"}
CURVES = {"efficacy": "#d55e00", "generalisation": "#e69f00", "neighbourhood": "#0072b2", "specificity": "#009e73"}
SITES = {"mlp_out": ("MLP output, 5 layers", "#000000"), "resid_post": ("residual stream, 1 layer", "#999999")}
PRESET_LAMBDA = 0.01
MODELS = {"flags": "flags (SmolLM2-135M)", "demo": "demo"}


def draw(found, folder):
    for name, figure in (("tradeoff", tradeoff), ("layers", layers)):
        canvas = figure(found)
        if canvas:
            (folder / f"edits-{name}.svg").write_text(str(canvas), encoding="utf-8")


def tradeoff(found):
    """Efficacy and generalisation against neighbourhood, a panel each; lines join one setting's strengths."""
    models = [m["model"] for m in found["models"] if any(t["model"] == m["model"] for t in found["trials"])]
    if not models:
        return None
    left, width, height = 34, 212, 130
    canvas = Canvas(WIDTH, 32 + len(models) * (height + 34), "What an edit's strength buys, and costs",
                    "Efficacy and generalisation against neighbourhood; lines: strengths of the chosen trials")
    legend(canvas, left, 12, [(SHORT[m], COLOURS[m], None) for m in SHORT])
    for down, model in enumerate(models):
        for across, measure in enumerate(("efficacy", "generalisation")):
            x, y = left + across * (width + 24), 32 + down * (height + 34)
            panel = Panel(canvas, x, y, width, height, (0, 1), (0, 1.02))
            panel.frame((0, 0.25, 0.5, 0.75, 1), (0, 0.25, 0.5, 0.75, 1), across == 0)
            canvas.text(panel.x, panel.y - 4, f"{MODELS[model]}: {measure}", 7, bold=True)
            aim(panel, measure)
            for method in SHORT:
                strengths(panel, found, model, method, measure)
    canvas.text(9, 32 + height / 2, "share", 7, "middle", turned=True)
    canvas.text(WIDTH - 22, canvas.height - 4, "neighbourhood: share of other countries' answers that stay", 7, "end")
    return canvas


def aim(panel, measure):
    """The corner that is aimed at."""
    x, y = panel.at(settings.AIMS["neighbourhood"], settings.AIMS[measure])
    right, top = panel.at(1, 1.02)
    panel.canvas.area([(x, y), (right, y), (right, top), (x, top)], "#009e73", 0.15)


def strengths(panel, found, model, method, measure):
    ours = dict(model=model, method=method)
    trials = chosen_of(found["trials"], **ours)
    turned = chosen_of(found["tradeoffs"], **ours)
    first = [t for t in trials if t["chosen"]]
    points = sorted(((float(t["value"]), t) for t in turned), key=lambda pair: pair[0])
    if first and turned:
        value = settings_value(found, first[0], turned[0]["option"])
        points = sorted([*points, (value, first[0])], key=lambda pair: pair[0])
    track = [panel.at(t["neighbourhood"][0], t[measure][0]) for _, t in points]
    if len(track) > 1:
        panel.canvas.path(track, COLOURS[method], 1)
    for one in trials + turned:
        x, y = panel.at(one["neighbourhood"][0], one[measure][0])
        size = 4.5 if one.get("chosen") else 2.2
        panel.canvas.box(x - size / 2, y - size / 2, size, size, COLOURS[method])


def settings_value(found, trial, option):
    """What the chosen trial has for the option that was turned; the preset's where it gives none."""
    words = trial["arguments"].split()
    return float(words[words.index(option) + 1]) if option in words else PRESET_LAMBDA


def chosen_of(entries, **wanted):
    return [e for e in entries if all(e[k] == v for k, v in wanted.items())]


def layers(found):
    """A column a sweep: the four curves over layers, and below the traces of the same questions."""
    sweeps = found["sweeps"]
    if not sweeps:
        return None
    left, gap, height = 34, 14, 96
    width = (WIDTH - left - 6 - gap * (len(sweeps) - 1)) / len(sweeps)
    canvas = Canvas(WIDTH, 2 * height + 92, "Where to edit, and where a trace points",
                    "Above: every layer edited by itself; below: what restoring the key's rows brings back there")
    legend(canvas, left, 12, [(n, c, None) for n, c in CURVES.items()])
    legend(canvas, left, height + 58, [(n, c, None) for n, c in SITES.values()])
    for across, one in enumerate(sweeps):
        x, last = left + across * (width + gap), len(one["specificity"]) - 1
        above = Panel(canvas, x, 34, width, height, (0, last), (-0.3, 1.02))
        below = Panel(canvas, x, height + 74, width, height, (0, last), (-0.1, 1.02))
        for panel in (above, below):
            panel.frame(range(0, last + 1, 5 if last > 10 else 1), (0, 0.5, 1), across == 0)
        canvas.text(x, 30, f"{one['model']}: key at {one['span']}", 7, bold=True)
        for name in CURVES:
            lined(above, one["curves"].get(name) or {"mean": one["specificity"]}, CURVES[name])
        for trace in one["traces"]:
            lined(below, trace["effect"], SITES[trace["site"]][1])
    canvas.text(9, 34 + height / 2, "share", 7, "middle", turned=True)
    canvas.text(9, 74 + height * 1.5, "P brought back", 7, "middle", turned=True)
    canvas.text(WIDTH - 6, canvas.height - 3, "layer (centre of the window)", 7, "end")
    return canvas


def lined(panel, curve, colour):
    if "low" in curve:
        panel.band(curve["low"], curve["high"], colour, 0.12)
    panel.curve(curve["mean"], colour)
