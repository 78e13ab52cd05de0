"""The section "Edits" of docs/replication.md, from results.json: every number in it is measured, every verdict computed."""
import json
from pathlib import Path

from replication.markdown import number, table, with_ends

from . import settings

FILE = "tools/edit_study/results.json"
SHOWN = {"flags": "the flags model", "demo": "the demo model"}
MEASURES = ("efficacy", "generalisation", "neighbourhood", "specificity")
DIGITS = {"specificity": 3, "kl": 3}


def read(root):
    return json.loads((root / FILE).read_text(encoding="utf-8"))


def section(root=Path(__file__).resolve().parents[2]):
    """Empty where the study has no results yet."""
    if not (root / FILE).exists():
        return ""
    found = read(root)
    parts = (opening, who, trials, reports, aims, tradeoff, layers, reading, again)
    return "\n".join(text for part in parts for text in [part(found).strip("\n") + "\n"] if text.strip())


def some(entries, **wanted):
    return [e for e in entries if all(e[k] == v for k, v in wanted.items())]


def one(entries, **wanted):
    return next(iter(some(entries, **wanted)), None)


def ends(entry, measure):
    return with_ends(*entry[measure], DIGITS.get(measure, 2))


def value(entry, measure):
    return number(entry[measure][0], DIGITS.get(measure, 2))


# ---- parts ----

def opening(found):
    return f"""
## Edits

Can the capital that a model tells of a flag be made another one, and nothing else? MultEdit ([edit.md](edit.md)) at the paper's key and
at another one, against fine-tuning the same matrix, on the flags model and on the demo model. Who is edited, the trials, the score that chooses
among them and the aims stand in [tools/edit_study/settings.py](../tools/edit_study/settings.py), written before any result;
`scripts/edit-study` runs it and writes this section.

A request is `What is the capital of this country?` about a photographed-looking flag, answered with the model's own template (the flags model's
answer begun: `{settings.MODELS[0].prefill}`). Where the model tells the capital, its target is another country's (*counterfactual*); where it does
not, the right one (*correction*; the demo model, which has no words for capitals that it was not taught, gets counterfactual ones
only). Each is edited in a model of its own, all of the target's tokens made likely.

| measure | asked | counted |
|---|---|---|
| efficacy | the edited question | answers that contain the target |
| generalisation | three other wordings, two other photographs of the flag | the same |
| neighbourhood | the edited question about 10 other countries' pictures | answers that stay as they were |
| specificity | capital, language and continent of {settings.ASKED} other countries' pictures, and their capitals in words | right after − right before |

Brackets are 95 % intervals over the edited countries, each with all that was asked under its edit.
{unfinished(found)}"""


def unfinished(found):
    """What the settings want and the results lack."""
    missing = []
    for model in settings.MODELS:
        for method in model.trials:
            done = one(found["reports"], model=model.name, method=method)
            if not done or done["requests"] < done["wanted"]:
                missing.append(f"{model.name}, {settings.METHODS[method]}: {done['requests'] if done else 0} of {settings.REPORTED} requests")
        for sweep in model.sweeps:
            done = one(found["sweeps"], model=model.name, sweep=sweep.name)
            if not done or done["requests"] < done["wanted"]:
                missing.append(f"{model.name}, layers with the key at {sweep.span}: {done['requests'] if done else 0} of {settings.SWEPT} requests")
    if not missing and not found["problems"]:
        return ""
    refused = "".join(f"\n- refused: {p}" for p in found["problems"])
    return "\n**The study is not finished.** Done so far:\n\n" + "\n".join(f"- {line}" for line in missing) + refused + "\n"


def who(found):
    rows = [(SHOWN[m["model"]], m["countries"], m["told"], len(m["tuned"]), len(m["tuned_asked"]), len(m["kept"]), len(m["asked"]),
             f"{len(m['reported'])} ({m['corrections']} corrections)") for m in found["models"]]
    return f"""
### Who

{table(("", "countries", "capital told", "tuned on", "asked then", "kept", "asked for the report", "reported"), rows)}

No country stands in two columns. *Kept* are those whose questions `--keep` names; they are asked in other wordings than those that
generalisation is measured by.
"""


def trials(found):
    rows = [(SHOWN[t["model"]], settings.METHODS[t["method"]], f"`{t['arguments']}`", *(value(t, m) for m in MEASURES),
             f"**{number(t['score'])}**" if t["chosen"] else number(t["score"])) for t in found["trials"]]
    if not rows:
        return ""
    return f"""
### Trials

Six for each method, on {sum(settings.TUNED)} requests of which none is reported. Chosen is the highest score: the harmonic mean of efficacy, generalisation,
neighbourhood and accuracy after / before. Where rows are kept, some fifteen settings had been looked at before on half of these requests,
so that method had more tries than the others.

{table(("", "method", "arguments", *MEASURES, "score"), rows)}
"""


def reports(found):
    if not found["reports"]:
        return ""
    rows = [(SHOWN[r["model"]], settings.METHODS[r["method"]], r["requests"], ends(r, "efficacy"), value(r, "probability"),
             ends(r, "generalisation"), ends(r, "neighbourhood"), f"{ends(r, 'specificity')} of {value(r, 'before')}", value(r, "kl"))
            for r in found["reports"]]
    more = [(SHOWN[r["model"]], settings.METHODS[r["method"]], *(value(r["parts"][p], m) if p in r["parts"] else "–"
             for p in ("counterfactuals", "corrections") for m in ("efficacy", "generalisation", "neighbourhood")),
             value(r, "wordings"), value(r, "pictures"), value(r, "told neighbours"), value(r, "taken")) for r in found["reports"]]
    parts = [f"{p}: {m}" for p in ("counterfactuals", "corrections") for m in ("efficacy", "generalisation", "neighbourhood")]
    return f"""
### What the edits did

The chosen settings on the reported requests; the official numbers beside them.

{table(("", "method", "requests", "efficacy", "P(target)", "generalisation", "neighbourhood", "specificity", "KL"), rows)}

*P(target)* is of its first token; KL in nats, of unrelated questions. In parts, generalisation apart for wordings and photographs, and
neighbourhood of those neighbours whose capital the model tells; *taken* is the share of neighbours that answer the target afterwards:

{table(("", "method", *parts, "other wordings", "other photographs", "told neighbours", "taken"), more)}
"""


def aims(found):
    blocks = [aims_of(found, model.name) for model in settings.MODELS]
    return "\n".join(["### The aims", "", *blocks]) if any(blocks) else ""


def aims_of(found, model):
    """The method with the best score against the aims, and what falls short."""
    done = some(found["reports"], model=model)
    if not done:
        return ""
    best = max(done, key=lambda r: r["score"])
    rows = [(m, f"at least {number(aim, DIGITS.get(m, 2))}", ends(best, m), verdict(best[m], aim)) for m, aim in settings.AIMS.items()]
    return f"""On {SHOWN[model]}, of {settings.METHODS[best['method']]} (`{best['arguments']}`):

{table(("", "aim", "reached", ""), rows)}
"""


def verdict(measured, aim):
    """Reached, by the number or by its whole interval; or missed."""
    if measured[0] < aim:
        return "**missed**" + (", within the interval" if measured[2] >= aim else "")
    return "reached" + (", by the whole interval" if measured[1] >= aim else "")


def tradeoff(found):
    if not found["trials"]:
        return ""
    rows = [(SHOWN[t["model"]], settings.METHODS[t["method"]], f"`{t['option']} {t['value']:g}`", *(value(t, m) for m in MEASURES))
            for t in found["tradeoffs"]]
    listed = table(("", "method", "turned", *MEASURES), rows) if rows else "Not run yet."
    return f"""
### What strength buys, and costs

![Efficacy and generalisation against neighbourhood, a line for each method](pictures/edits-tradeoff.svg)

Trials (squares; the chosen ones large), and each method's chosen trial made weaker and stronger (lines): MultEdit by `--lambda`, fine-tuning by
`--steps`, in a ball by `--epsilon`. The corner aimed at is shaded. Over the {sum(settings.TUNED)} requests that were tuned on, specificity here of one question a country:

{listed}
"""


def layers(found):
    if not found["sweeps"]:
        return ""
    rows = [(SHOWN[s["model"]], s["span"], f"`{s['arguments']}`", s["requests"], s["best"],
             *(number(s["curves"][m]["mean"][s["best"]]) for m in ("efficacy", "generalisation", "neighbourhood")),
             *(t["best"] for t in s["traces"])) for s in found["sweeps"]]
    regressed = [(SHOWN[s["model"]], s["span"], site_of(t), name, with_ends(*e["layer"]), with_ends(*e["both"]), with_ends(*e["more"], 3),
                  number(e["trace"]), number(e["curves"]))
                 for s in found["sweeps"] for t in s["traces"] for name, e in t["explained"].items() if e and name in ("success", "neighbourhood", "score")]
    traced = [f"trace peaks, {site.replace('_', ' ')}" for site, _ in settings.TRACED]
    return f"""
### Where to edit, and does a trace tell?

Every layer by itself (`--each-layer`), with the key at the constraint's last token as in the paper, and at the last row. Beside it
causal traces of the same questions: " Paris" in the constraint's place, and the rows of the key's span restored.

![Above, efficacy, generalisation, neighbourhood and specificity by edited layer; below, the trace's effect by layer](pictures/edits-layers.svg)

{table(("", "key at", "arguments", "requests", "best layer", "efficacy there", "generalisation", "neighbourhood", *traced), rows)}

The best layer has the highest mean, over edits, of the harmonic mean of efficacy, generalisation and neighbourhood (*score*). As
Hase et al. (2023, [arXiv 2301.04213](https://arxiv.org/abs/2301.04213)) did: R² of the edits' outcomes regressed on the layer alone (one-hot), and on the layer and the trace's effect
(patched − corrupted) there. *Success* is (P after − P before) / (1 − P before) of the target. *Trace alone*: squared correlation with the effect over all
edits and layers; *of the curves*: rank correlation of the two mean curves over layers.

{table(("", "key at", "trace", "outcome", "layer alone", "layer and trace", "explained by the trace beyond the layer", "trace alone", "of the curves"), regressed)}
"""


def site_of(trace):
    return f"{trace['site'].replace('_', ' ')}, window {trace['window']}"


def reading(found):
    lines = [line for said in (said_of_keys(found), said_of_tuning(found), said_of_shortfall(found), said_of_traces(found)) for line in said]
    if not lines:
        return ""
    return "### What the edits say\n\n" + "\n".join(f"- {line}" for line in lines) + """

Targets were made likely on photographs and wordings of these kinds, in two small models, one relation. That an edit works shows that the
answer can be changed there, not that it was kept there.
"""


def said_of_keys(found):
    for model in settings.MODELS:
        paper, kept = (one(found["reports"], model=model.name, method=m) for m in ("paper", "kept"))
        if paper and kept:
            yield (f"**Which key can tell pictures apart, on {SHOWN[model.name]}?** At the paper's, {value(paper, 'neighbourhood')} of the neighbours keep their answer at an efficacy "
                   f"of {value(paper, 'efficacy')}, and {value(paper, 'taken')} now answer the target; at the other one, with rows kept, "
                   f"{value(kept, 'neighbourhood')} at {value(kept, 'efficacy')}, and {value(kept, 'taken')} answer the target.")


def said_of_tuning(found):
    for model in settings.MODELS:
        done = [one(found["reports"], model=model.name, method=m) for m in ("kept", "paper", "ft", "ft-constrained")]
        if all(done):
            order = sorted(done, key=lambda r: -r["score"])
            yield f"**Against fine-tuning, on {SHOWN[model.name]}:** scores " + ", ".join(
                f"{number(r['score'])} ({settings.METHODS[r['method']]})" for r in order) + "."


def said_of_shortfall(found):
    for model in settings.MODELS:
        done = some(found["reports"], model=model.name)
        best = max(done, key=lambda r: r["score"]) if done else None
        missed = [m for m, aim in settings.AIMS.items() if best and best[m][0] < aim]
        if missed:
            yield (f"**Missed on {SHOWN[model.name]}: {', '.join(missed)}.** Other photographs take the target in {value(best, 'pictures')}, other wordings in "
                   f"{value(best, 'wordings')}; of the neighbours whose answer changes most {'answer the target' if mostly_taken(best) else 'come to another answer than the target'} "
                   f"({value(best, 'taken')} of all answer it), and neighbours whose capital is told stay in {value(best, 'told neighbours')}.")


def mostly_taken(report):
    return report["taken"][0] > (1 - report["neighbourhood"][0]) / 2


def said_of_traces(found):
    for sweep in found["sweeps"]:
        trace = one(sweep["traces"], site="mlp_out")
        if trace:
            more = trace["explained"]["success"]
        if trace and more:
            yield (f"**Does the trace point to the layer, on {SHOWN[sweep['model']]}, key at {sweep['span']}?** The best layer is {sweep['best']}, the MLPs' trace is highest around "
                   f"{trace['best']} and the residual stream's at {one(sweep['traces'], site='resid_post')['best'] if one(sweep['traces'], site='resid_post') else '–'}. The layer alone explains {number(more['layer'][0])} of "
                   f"the variance of success; the MLPs' trace {with_ends(*more['more'], 3)} beyond it.")


def again(found):
    lines = "\n".join(f"{r['model']:<7}{r['method']:<16}{number_plain(r['efficacy'][0])} {number_plain(r['generalisation'][0])} "
                      f"{number_plain(r['neighbourhood'][0])} {r['specificity'][0]:+.3f}" for r in found["reports"])
    if not lines:
        return ""
    return f"""
[tools/edit_study/results.json](../{FILE}) holds every trial, every reported edit and every curve.

```sh run
python3 -c 'import json
for r in json.load(open("{FILE}"))["reports"]:
    print("%-7s%-16s%.3f %.3f %.3f %+.3f" % (r["model"], r["method"], *(r[m][0] for m in ("efficacy", "generalisation", "neighbourhood", "specificity"))))'
```
```output
{lines}
```

```sh skip: hours on two cores
scripts/edit-study
```
"""


def number_plain(value):
    return f"{value:.3f}"
