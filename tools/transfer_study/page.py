"""The section "How the picture reaches the answer" of docs/replication.md, from results.json."""
import json
from pathlib import Path

from replication.markdown import number, table, with_ends

from . import settings

FILE = "tools/transfer_study/results.json"
SHOWN = {"flags": "the flags model", "demo": "the demo model"}
PAIR = {"image>constraint": "picture > constraint", "image>last": "picture > last row",
        "constraint>last": "constraint > last row"}


def read(root):
    return json.loads((root / FILE).read_text(encoding="utf-8"))


def section(root=Path(__file__).resolve().parents[2]):
    """Empty where the study has no results yet."""
    if not (root / FILE).exists():
        return ""
    found = read(root)
    return "\n\n".join(part(found).strip("\n") for part in (opening, where, claims, reading, again))


def opening(found):
    rows = [(SHOWN[m["model"]], f"{m['countries']} of {m['wanted']}", m["layers"], m["rows"], settings.late_rows(m["rows"]),
             m["window"], number(m["clean"])) for m in found["models"] if m["layers"]]
    head = ("", "countries followed", "layers", "image rows", "of them late", "layers cut at once", "P(answer), clean")
    return f"""
## How the picture reaches the answer

By which rows and layers does a flag become a capital? Attention contributions ([flow.md](flow.md)) and cut edges
([knockout.md](knockout.md)) between the picture, the constraint and the last row, of countries whose capital the model tells.
What would count stands in [tools/transfer_study/settings.py](../tools/transfer_study/settings.py), written before there was
a result; `scripts/transfer-study` runs it and writes this section. Depth is layer / layers, intervals are over countries.

{table(head, rows)}

![Shares of attention's output by layer, what cutting the same edges does by layer, and the weight of each image row](pictures/transfer.svg)
"""


def where(found):
    rows = []
    for model in found["models"]:
        for pair in PAIR:
            share, cut = (next((c for c in found["curves"] if c["model"] == model["model"] and c["pair"] == pair and
                                c["order"] == "given" and c["what"] == what), None) for what in ("share", "relative"))
            if share:
                top, worst = share["mean"].index(max(share["mean"])), cut["mean"].index(min(cut["mean"]))
                rows.append((SHOWN[model["model"]], PAIR[pair], top, number(top / model["layers"]), at(share, top), worst,
                             number(worst / model["layers"]), at(cut, worst)))
    head = ("", "from > to", "flow peaks at layer", "depth", "share there", "cut hurts most at layer", "depth", "change of P there")
    return table(head, rows)


def at(curve, layer):
    return with_ends(*(curve[name][layer] for name in ("mean", "low", "high")))


def claims(found):
    says = {claim.key: claim for claim in settings.CLAIMS}
    rows = [(SHOWN[c["model"]], says[c["key"]].says, measure(says[c["key"]]), number(says[c["key"]].margin),
             with_ends(c["value"], c["low"], c["high"]), f"**{c['verdict']}**") for c in found["claims"]]
    return f"""
A claim counts *for* where its whole interval is above 0 and the number reaches the margin, *against* where the whole interval
is below the margin; of a depth that is to be the same, *for* where the interval lies within the margin on both sides,
*against* where it lies outside. *Lateness* is the late image rows' part of the contribution over their part of the rows, less
one. *Agreement* is the rank correlation over layers of the flow's share and of what the cut costs.

{table(("", "claim", "number", "margin", "value", "verdict"), rows)}
"""


def measure(claim):
    taken = {str: lambda m: f" − {m}", tuple: lambda m: f" − that of {PAIR['>'.join(m)]}", float: lambda m: f" − {number(m)}"}
    less = taken[type(claim.minus)](claim.minus) if claim.minus is not None else ""
    return f"{claim.statistic}, {PAIR['>'.join(claim.pair)]}{', rows reversed' * (claim.order == 'reverse')}{less}"


def reading(found):
    lines = [f"- **{title}** " + " ".join(says(found, m) for m in found["models"] if m["layers"])
             for title, says in (("From which rows?", said_of_rows), ("In which layers?", said_of_layers),
                                 ("By which way?", said_of_ways))]
    return "\n".join(lines) + """

A contribution is what attention carries, not what is made of it: a large flow may carry what nobody reads. A cut takes that
flow away, and shows what is read, but the rows left share its attention among them, and what two ways carry is
not missed when one of them is cut. So the two need not agree; where they do, both stand on firmer ground. A first row that
gives many times its share in either order is an attention sink, whatever it shows. """


def said_of_rows(found, model):
    said = [f"{name} gives {times(found, model, pair, 0, 1)} times an even share's, the late ones "
            f"{times(found, model, pair, -settings.late_rows(model['rows']), None)}"
            for name, pair in (("to the constraint the first image row", "image>constraint"),
                               ("to the last row the first", "image>last"))]
    return f"On {SHOWN[model['model']]}, {'; '.join(said)} (in brackets with the rows reversed)."


def times(found, model, pair, first, end):
    """The weight of rows first:end over an even share's, in the given order and the reversed one."""
    both = [next(r["mean"] for r in found["rows"] if (r["model"], r["pair"], r["order"]) == (model["model"], pair, order))
            for order in settings.ORDERS]
    shares = [sum(weights[first:end]) / len(weights[first:end]) * model["rows"] for weights in both]
    return f"{number(shares[0], 1)} ({number(shares[1], 1)})"


def said_of_layers(found, model):
    tops = {pair: top_of(found, model, pair, "share", max) for pair in PAIR}
    return (f"On {SHOWN[model['model']]} most comes from the picture to the constraint at depth {tops['image>constraint']}, "
            f"from the constraint to the last row at {tops['constraint>last']}, from the picture to the last row itself at "
            f"{tops['image>last']}.")


def top_of(found, model, pair, what, best):
    curve = next(c["mean"] for c in found["curves"] if (c["model"], c["pair"], c["what"], c["order"]) ==
                 (model["model"], pair, what, "given"))
    return number(curve.index(best(curve)) / model["layers"])


def said_of_ways(found, model):
    losses = {pair: -min(next(c["mean"] for c in found["curves"] if (c["model"], c["pair"], c["what"]) ==
                              (model["model"], pair, "relative"))) for pair in PAIR}
    needed = [PAIR[p] for p, lost in losses.items() if lost >= 0.5]
    spared = [PAIR[p] for p, lost in losses.items() if lost < 0.5]
    said = f"On {SHOWN[model['model']]} the answer is lost without {' and without '.join(needed) or 'none of them alone'}"
    return said + (f"; not without {' or without '.join(spared)}." if spared else ".")


def again(found):
    lines = "\n".join(f"{c['model']:<7}{c['key']:<23}{c['verdict']}" for c in found["claims"])
    return f"""
```sh run
python3 -c 'import json
for c in json.load(open("{FILE}"))["claims"]: print("%-7s%-23s%s" % (c["model"], c["key"], c["verdict"]))'
```
```output
{lines}
```
"""
