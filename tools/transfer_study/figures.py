"""docs/pictures/transfer.svg: a row of panels for each model."""
from replication.figures import WIDTH, legend
from replication.svg import Canvas, Panel

COLOURS = {"image>constraint": "#0072b2", "image>last": "#cc79a7", "constraint>last": "#222222"}
NAMES = {"image>constraint": "picture to constraint", "image>last": "picture to last row",
         "constraint>last": "constraint to last row"}
MODELS = {"flags": "flags", "demo": "demo"}
HIGHEST = 4                      # times an even share: a first row that takes more is cut off


def draw(found, folder):
    if found["curves"]:
        (folder / "transfer.svg").write_text(str(transfer(found)), encoding="utf-8")


def transfer(found):
    """Shares by layer, what cuts do by layer, and the image rows' weights by their place: given (solid), reversed (dashed)."""
    models = [m for m in found["models"] if m["layers"]]
    left, width, height = 34, 136, 96
    canvas = Canvas(WIDTH, 36 + len(models) * (height + 40), "How the picture reaches the answer",
                    "Attention contributions and cuts by layer, and the image rows' weights by their place")
    legend(canvas, left, 12, [(NAMES[p], COLOURS[p], None) for p in COLOURS] + [("rows reversed", "#777", "3 2")])
    for down, model in enumerate(models):
        y = 36 + down * (height + 40)
        panels = ((shares, "share of attn_out"), (cuts, f"change of P, {model['window']} layers cut"),
                  (weights, "image row's weight / even"))
        for across, (panel, title) in enumerate(panels):
            x = left + across * (width + 26)
            canvas.text(x, y - 4, f"{MODELS[model['model']]}: {title}" if across == 0 else title, 7, bold=True)
            panel(canvas, x, y, width, height, found, model)
    canvas.text(WIDTH - 22, canvas.height - 4, "layer, layer, place of the row; bands are 95 % intervals", 7, "end")
    return canvas


def curves(found, model, what):
    return [c for c in found["curves"] if c["model"] == model["model"] and c["what"] == what]


def shares(canvas, x, y, width, height, found, model):
    chosen = curves(found, model, "share")
    top = max(max(c["high"]) for c in chosen)
    panel = Panel(canvas, x, y, width, height, (0, model["layers"] - 1), (min(0, *(min(c["low"]) for c in chosen)), top))
    panel.frame(ticks(model["layers"]), (0, round(top / 2, 1), round(top, 1)))
    for c in chosen:
        if c["order"] == "given":
            panel.band(c["low"], c["high"], COLOURS[c["pair"]])
        panel.curve(c["mean"], COLOURS[c["pair"]], dash="3 2" if c["order"] == "reverse" else None,
                    width=0.8 if c["order"] == "reverse" else 1.2)


def cuts(canvas, x, y, width, height, found, model):
    panel = Panel(canvas, x, y, width, height, (0, model["layers"] - 1), (-1, 0.25))
    panel.frame(ticks(model["layers"]), (-1, -0.5, 0))
    for c in curves(found, model, "relative"):
        panel.band(c["low"], c["high"], COLOURS[c["pair"]])
        panel.curve(c["mean"], COLOURS[c["pair"]])


def weights(canvas, x, y, width, height, found, model):
    chosen, count = [r for r in found["rows"] if r["model"] == model["model"]], model["rows"]
    top = min(HIGHEST, count * max(max(r["high"]) for r in chosen))
    panel = Panel(canvas, x, y, width, height, (0, count - 1), (0, top))
    panel.frame(range(0, count, max(1, count // 4)), (0, 1, round(top)))
    for r in chosen:
        scaled = {name: [count * v for v in r[name]] for name in ("mean", "low", "high")}
        if r["order"] == "given":
            panel.band(scaled["low"], scaled["high"], COLOURS[r["pair"]])
        panel.curve(scaled["mean"], COLOURS[r["pair"]], dash="3 2" if r["order"] == "reverse" else None,
                    width=0.8 if r["order"] == "reverse" else 1.2)
    first = max(count * r["mean"][0] for r in chosen)
    if first > top:
        canvas.text(x + 5, y + 7, f"the first row: up to {first:.0f}", 6.5, colour="#555")


def ticks(layers):
    return range(0, layers, 5 if layers > 12 else 2)
