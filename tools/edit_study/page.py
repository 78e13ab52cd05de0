"""The section "Edits" of docs/replication.md, from results.json: every number is measured, every verdict computed."""
import json
import textwrap
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
    return "\n\n".join(filled(block) for part in parts for block in part(found).strip("\n").split("\n\n") if block)


def filled(block):
    """Prose and items of lists in lines of one width; anything else as it is."""
    if block.startswith("- "):
        return "\n".join(textwrap.fill(line, 130, subsequent_indent="  ", **UNBROKEN) for line in block.split("\n"))
    return block if block[0] in "#|!`" else textwrap.fill(block, 130, **UNBROKEN)


UNBROKEN = {"break_long_words": False, "break_on_hyphens": False}


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

Can the capital that a model tells of a flag be made another one, and nothing else? MultEdit ([edit.md](edit.md)) at
the paper's key and at another one, against fine-tuning the same matrix, on the flags model and on the demo model. Who
is edited, the trials, the score that chooses among them and the aims stand in
[tools/edit_study/settings.py](../tools/edit_study/settings.py), written before what they judge was run;
`scripts/edit-study` runs it and writes this section.

A request is `What is the capital of this country?` about a photographed-looking flag, answered with the model's own
template (the flags model's answer begun: `{settings.MODELS[0].prefill}`). Where the model tells the capital, its
target is another country's (*counterfactual*); where it does not, the right one (*correction*; the demo model, which
has no words for capitals that it was not taught, gets counterfactual ones only). Each is edited in a model of its
own, all of the target's tokens made likely.

| measure | asked | counted |
|---|---|---|
| efficacy | the edited question | answers that contain the target, accents aside |
| generalisation | three other wordings, two other photographs of the flag | the same |
| neighbourhood | the edited question about 10 other countries' pictures | answers that stay as they were |
| specificity | of {settings.ASKED} other countries capital, language, continent, and the capital in words | right after − right before |

Brackets are 95 % intervals over the edited countries, each with all that was asked under its edit.

{unfinished(found)}"""


def unfinished(found):
    """What the settings want and the results lack."""
    missing = [line for model in settings.MODELS for line in (*reports_left(found, model), *sweeps_left(found, model))]
    missing += [f"refused: {problem}" for problem in found["problems"]]
    if not missing:
        return ""
    listed = "\n".join(f"- {line}" for line in missing)
    return f"**The study is not finished.** Done so far, where it is not all:\n\n{listed}"


def reports_left(found, model):
    for method in model.trials:
        done = one(found["reports"], model=model.name, method=method)
        if not done or done["requests"] < done["wanted"]:
            yield (f"{SHOWN[model.name]}, {settings.METHODS[method]}: {done['requests'] if done else 0} of "
                   f"{settings.REPORTED} requests")


def sweeps_left(found, model):
    for sweep in model.sweeps:
        done = one(found["sweeps"], model=model.name, sweep=sweep.name)
        if not done or done["requests"] < done["wanted"] or len(done["traces"]) < len(settings.TRACED):
            yield (f"{SHOWN[model.name]}, layers with the key at {sweep.span}: {done['requests'] if done else 0} of "
                   f"{settings.SWEPT} requests")


def who(found):
    head = ("", "countries", "capital told", "tuned on", "asked then", "kept", "asked for the report", "reported")
    rows = [(SHOWN[m["model"]], m["countries"], m["told"], len(m["tuned"]), len(m["tuned_asked"]), len(m["kept"]),
             len(m["asked"]), f"{len(m['reported'])} ({m['corrections']} corrections)") for m in found["models"]]
    return f"""
### Who

{table(head, rows)}

No country stands in two columns. *Kept* are those whose questions `--keep` names; they are asked in other wordings
than those that generalisation is measured by. """


def trials(found):
    rows = [(SHOWN[t["model"]], settings.METHODS[t["method"]], f"`{t['arguments']}`", *(value(t, m) for m in MEASURES),
             f"**{number(t['score'])}**" if t["chosen"] else number(t["score"])) for t in found["trials"]]
    if not rows:
        return ""
    return f"""
### Trials

Equally many of each method, on {sum(settings.TUNED)} requests of which none is reported. Chosen (bold) is the highest
score: the harmonic mean of efficacy, generalisation, neighbourhood and accuracy after / before. What had been looked
at before, on some of these requests, stands at the top of the settings: more of MultEdit with rows kept than of the
other methods.

{table(("", "method", "arguments", *MEASURES, "score"), rows)}
"""


def reports(found):
    if not found["reports"]:
        return ""
    head = ("", "method", "requests", "efficacy", "P(target)", "generalisation", "neighbourhood", "specificity", "KL")
    rows = [(*named(r), r["requests"], ends(r, "efficacy"), value(r, "probability"), ends(r, "generalisation"),
             ends(r, "neighbourhood"), f"{ends(r, 'specificity')} of {value(r, 'before')}", value(r, "kl"))
            for r in found["reports"]]
    parts = [(part, measure) for part in ("counterfactuals", "corrections") for measure in MEASURES[:3]]
    more_head = ("", "method", *(f"{p}: {m}" for p, m in parts), "other wordings", "other photographs",
                 "told neighbours", "taken")
    more = [(*named(r), *(value(r["parts"][p], m) if p in r["parts"] else "–" for p, m in parts),
             *(value(r, m) for m in ("wordings", "pictures", "told neighbours", "taken"))) for r in found["reports"]]
    return f"""
### What the edits did

The chosen settings on the reported requests; the official numbers beside them.

{table(head, rows)}

*P(target)* is of its first token; KL in nats, of unrelated questions. In parts, generalisation apart for wordings and
photographs, and neighbourhood of those neighbours whose capital the model tells; *taken* is the share of neighbours
that answer the target afterwards:

{table(more_head, more)}
"""


def named(report):
    return SHOWN[report["model"]], settings.METHODS[report["method"]]


def aims(found):
    blocks = [block for model in settings.MODELS for block in [aims_of(found, model.name)] if block]
    return "\n\n".join(["### The aims", *blocks]) if blocks else ""


def best_of(found, model):
    """The report with the best score, of a model; None where there is none."""
    tuned = [r for r in some(found["reports"], model=model) if r["method"] != "official"]
    return max(tuned, key=lambda r: r["score"], default=None)


def aims_of(found, model):
    """The method with the best score against the aims."""
    best = best_of(found, model)
    if not best:
        return ""
    rows = [(m, f"at least {number(aim, DIGITS.get(m, 2))}", ends(best, m), verdict(best[m], aim))
            for m, aim in settings.AIMS.items()]
    return f"""On {SHOWN[model]}, of {settings.METHODS[best['method']]} (`{best['arguments']}`):

{table(("", "aim", "reached", ""), rows)}"""


def verdict(measured, aim):
    """Reached, by the number or by its whole interval; or missed."""
    if measured[0] < aim:
        return "**missed**" + (", within the interval" if measured[2] >= aim else "")
    return "reached" + (", by the whole interval" if measured[1] >= aim else "")


def tradeoff(found):
    if not found["trials"]:
        return ""
    rows = [(*named(t), f"`{t['option']} {t['value']}`", *(value(t, m) for m in MEASURES))
            for t in found["tradeoffs"]]
    return f"""
### What strength buys, and costs

![Efficacy and generalisation against neighbourhood, a line for each method](pictures/edits-tradeoff.svg)

Trials (squares; the chosen ones large), and each method's chosen trial made weaker and stronger (lines): MultEdit by
`--lambda`, fine-tuning by `--steps`, in a ball by `--epsilon`. The corner aimed at is shaded. Over the
{sum(settings.TUNED)} requests that were tuned on:

{table(("", "method", "turned", *MEASURES), rows) if rows else "Not run yet."}
"""


def layers(found):
    if not found["sweeps"]:
        return ""
    head = ("", "key at", "arguments", "requests", "best layer", *(f"{m} there" for m in MEASURES[:3]),
            *(f"trace peaks, {site_of(site, window)}" for site, window in settings.TRACED))
    rows = [(SHOWN[s["model"]], s["span"], f"`{s['arguments']}`", s["requests"], s["best"],
             *(number(s["curves"][m]["mean"][s["best"]]) for m in MEASURES[:3]), *(t["best"] for t in s["traces"]))
            for s in found["sweeps"]]
    regressed = ("", "key at", "trace", "outcome", "layer alone", "layer and trace", "the trace beyond the layer",
                 "trace alone", "of the curves")
    return f"""
### Where to edit, and does a trace tell?

Every layer by itself (`--each-layer`), with the key at the constraint's last token as in the paper, and at the last
row. Beside it causal traces of the same questions: " Paris" in the constraint's place, and the rows of the key's span
restored.

![Above, efficacy, generalisation, neighbourhood and specificity by layer; below, the trace's effect](pictures/edits-layers.svg)

{table(head, rows)}

The best layer has the highest mean, over edits, of the harmonic mean of efficacy, generalisation and neighbourhood
(*score*). As Hase et al. (2023, [arXiv 2301.04213](https://arxiv.org/abs/2301.04213)) did: R² of the edits' outcomes
regressed on the layer alone (one-hot), and on the layer and the trace's effect (patched − corrupted) there. *Success*
is (P after − P before) / (1 − P before) of the target. *Trace alone*: squared correlation with the effect over all
edits and layers; *of the curves*: rank correlation of the two mean curves over layers.

{table(regressed, regressions(found))}
"""


def regressions(found):
    for sweep in found["sweeps"]:
        for trace in sweep["traces"]:
            for outcome in ("success", "neighbourhood", "score"):
                e = trace["explained"][outcome]
                if e:
                    yield (SHOWN[sweep["model"]], sweep["span"], site_of(trace["site"], trace["window"]), outcome,
                           with_ends(*e["layer"]), with_ends(*e["both"]), with_ends(*e["more"], 3), number(e["trace"]),
                           number(e["curves"]))


def site_of(site, window):
    return f"{site.replace('_', ' ')}, window {window}"


def reading(found):
    says = (said_of_keys, said_of_tuning, said_of_shortfall, said_of_traces)
    lines = [f"- {line}" for say in says for line in say(found)]
    if not lines:
        return ""
    return "### What the edits say\n\n" + "\n".join(lines) + """

Two small models, one relation, pictures and wordings of these kinds. That an edit works shows that the answer can be
changed there, not that it was kept there. """


def said_of_keys(found):
    for model in settings.MODELS:
        paper, kept = (one(found["reports"], model=model.name, method=m) for m in ("paper", "kept"))
        if paper and kept:
            yield (f"**Which key can tell pictures apart, on {SHOWN[model.name]}?** At the paper's, "
                   f"{value(paper, 'neighbourhood')} of the neighbours keep their answer at an efficacy of "
                   f"{value(paper, 'efficacy')}, and {value(paper, 'taken')} answer the target; with rows kept, at "
                   f"`{kept['arguments']}`, {value(kept, 'neighbourhood')} at {value(kept, 'efficacy')}, and "
                   f"{value(kept, 'taken')}.")


def said_of_tuning(found):
    for model in settings.MODELS:
        done = [one(found["reports"], model=model.name, method=m) for m in ("kept", "paper", "ft", "ft-constrained")]
        if all(done):
            order = sorted(done, key=lambda r: -r["score"])
            yield f"**Against fine-tuning, on {SHOWN[model.name]}:** scores " + ", ".join(
                f"{number(r['score'])} ({settings.METHODS[r['method']]})" for r in order) + "."


def said_of_shortfall(found):
    for model in settings.MODELS:
        best = best_of(found, model.name)
        missed = [m for m, aim in settings.AIMS.items() if best and best[m][0] < aim]
        if missed:
            yield (f"**Missed on {SHOWN[model.name]}: {', '.join(missed)}.** Other photographs take the target in "
                   f"{value(best, 'pictures')}, other wordings in {value(best, 'wordings')}. Of the neighbours "
                   f"{value(best, 'taken')} answer the target; those whose capital the model tells keep their answer in "
                   f"{value(best, 'told neighbours')}: what changes else is an answer that was none before.")


def said_of_traces(found):
    for sweep in found["sweeps"]:
        mlp, rest = (one(sweep["traces"], site=site) for site in ("mlp_out", "resid_post"))
        explained = mlp and mlp["explained"]["success"]
        if explained and rest:
            yield (f"**Does the trace point to the layer, on {SHOWN[sweep['model']]}, key at {sweep['span']}?** The best layer "
                   f"is {sweep['best']}; the MLPs' trace is highest around {mlp['best']}, the residual stream's at "
                   f"{rest['best']}. The layer alone explains {number(explained['layer'][0])} of the variance of success, the "
                   f"MLPs' trace {with_ends(*explained['more'], 3)} beyond it.")


def again(found):
    measures = ("efficacy", "generalisation", "neighbourhood")
    lines = "\n".join(f"{r['model']:<7}{r['method']:<16}" + " ".join(f"{r[m][0]:.3f}" for m in measures) +
                      f" {r['specificity'][0]:+.3f}" for r in found["reports"])
    if not lines:
        return ""
    return f"""
[tools/edit_study/results.json](../{FILE}) holds every trial, every reported edit and every curve.

```sh run
python3 -c 'import json
for r in json.load(open("{FILE}"))["reports"]:
    print("%-7s%-16s%.3f %.3f %.3f %+.3f" % (r["model"], r["method"],
          *(r[m][0] for m in ("efficacy", "generalisation", "neighbourhood", "specificity"))))'
```
```output
{lines}
```

```sh skip: hours on two cores
scripts/edit-study
```
"""
