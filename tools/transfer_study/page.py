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


READINGS = (("Does it come from the late rows, and is it their place?", ("late-constraint", "late-last", "late-reversed",
                                                                       "late-last-reversed")),
            ("When is it handed over?", ("order", "handed-over")),
            ("Do cuts say the same?", ("cut-constraint", "cut-around", "cut-hand-over", "cut-where", "cut-agrees",
                                       "cut-agrees-constraint")))


def reading(found):
    verdicts = {(c["model"], c["key"]): c["verdict"] for c in found["claims"]}
    models = [m["model"] for m in found["models"] if m["layers"]]
    lines = [f"- **{title}** " + "; ".join(f"{SHOWN[m]}: " + ", ".join(f"{key} {verdicts[m, key]}" for key in keys)
                                           for m in models) + "." for title, keys in READINGS]
    return "\n".join(lines) + """

A contribution is what attention carries, not what is made of it: a large flow may carry what nobody reads. A cut takes that
flow away, and shows what is read, but the rows left share its attention among them, and what two ways carry is
not missed when one of them is cut. So the two need not agree; where they do, both stand on firmer ground. """


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
