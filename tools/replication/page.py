"""docs/replication.md: the studies as a page. Every number in it comes from the results; edit_study writes its section."""
from edit_study import page as edit_page
from replicate import document as flagqa_page
from transfer_study import page as transfer_page

from . import settings
from .figures import CONDITIONS, SITES, curve
from .markdown import number, table, with_ends

CLAIM = {claim.key: claim for claim in settings.CLAIMS}


def text(found):
    """The page, from what results.collect gives (or results.json says)."""
    sections = (opening, method, answers, spans, claims, way, tokens, reading, transfer, edits, flagqa, again)
    texts = (section(found).strip("\n") for section in sections)
    return "\n".join(text + "\n" for text in texts if text)


# ---- sections ----

def transfer(found):
    """The study of how the picture reaches the answer, where there is one."""
    return transfer_page.section()


def edits(found):
    """The study of edits, where there is one."""
    return edit_page.section()


def flagqa(found):
    """What scripts/replicate makes of the same model over FlagQA, where it has been run."""
    return flagqa_page.section()


def opening(found):
    return """
# A replication: visual and textual constraints

Basu et al. ([NeurIPS 2024](https://arxiv.org/abs/2406.04236); *the paper*) trace LLaVA and report that a model that sees keeps
what a *visual* constraint needs ("the capital of this country", a flag shown) in the MLPs and attentions of much earlier layers
than a language model keeps what a *textual* one needs, and that larger windows of layers have to be restored before
anything shows. This page asks the same of a model that anyone can have: SmolLM2-135M-Instruct, its weights as they were
published, which sees through a tower and a projector trained on the names of flags; of half of the countries nothing else was
ever taught, of the other half only what the decoder says itself in words ([its card](../models/flags/README.md)).

What would count for and against was written down before the first trace, in
[tools/replication/settings.py](../tools/replication/settings.py); the verdicts below are computed from that, and every number
on this page is written by `scripts/replication`. Methods and words are those of [trace.md](trace.md).
"""


def method(found):
    return f"""
## What is compared

One decoder, one fact (a capital), asked as `{settings.QUESTION.format("…")}`, the answer begun: `{settings.PREFILL}`. The conditions differ in how the
country is given:

| condition | the country | the question says | the constraint |
|---|---|---|---|
| visual | its flag, {settings.ROWS} image rows | "{settings.PHRASE}" | "{settings.PHRASE}" |
| text | its name | the name | the name |
| words | the {settings.ROWS} tokens that the image rows were trained to resemble, as text: "{found["layout"].format("X").strip()}", repeated and cut | "{settings.PHRASE}" | "{settings.PHRASE}" |

The third is there because of how this model learned to see: its image rows were trained onto these words (and an offset, the same
for every country: the card's *frame*). What visual and words share says something of words; **only what differs between them can
be called visual**, and the offset is part of what differs.

The constraint is corrupted as in the paper, each of its tokens replaced by " Paris". Restored are whole spans (`--group`: a fact
that two tokens carry between them comes back only so) and single rows, in windows of 1, 3 and 5 layers, beside *control*: as many
rows, the next ones after the constraint. *Recovered* is the sum over countries of patched − corrupted, divided by the sum of clean −
corrupted. Brackets and bands are 95 % intervals over countries (10,000 resamples). Depth is relative: layer / layers. Restoring at
layer 0 undoes the corruption by construction, so *early* means windows around layers {settings.CENTRES[0]} to {settings.CENTRES[1] - 1}, none of which holds it; *middle* means
layers {settings.MIDDLE[0]} to {settings.MIDDLE[1] - 1}. One of the traces, of another photograph:

```sh run needs=models/flags/assembled
build/patchbay trace models/flags/assembled --image models/flags/pictures/eg-photo.png --template {settings.TEMPLATE} \\
    --question "{settings.QUESTION.format(settings.PHRASE)}" --prefill "{settings.PREFILL}" --constraint "{settings.PHRASE}" \\
    --group --positions constraint,control,last --sites resid_post --window 1 --out one
```
"""


def answers(found):
    rows = [(c, CONDITIONS[c], a["asked"], a["right"], a["held_out"], *baseline(found, c))
            for c in settings.CONDITIONS for a in [found["answers"].get(c)] if a]
    traces = found["traces"]
    return f"""
## Who is asked

Countries whose capital repeats their name stay out, and so does Paris. With a picture, or words in its place, only those are asked
about whose capital the decoder says when it is asked in words (as here, or as the model's makers did). Right means that the greedy answer begins with the
capital; only those are traced. Of each flag there are {settings.LOOKS} photographed-looking pictures (none of them in training); the first that the model gets
right is traced. {found["answers"]["everywhere"]} countries are right in all three conditions.

{table(("condition", "the country comes as", "asked", "right", "of them held out", "traced", "P(capital) clean", "corrupted"), rows)}

*Held out* are countries whose capitals no training of this model ever asked for. {traces["done"]:,} traces of {traces["wanted"]:,} that the settings list are
done: {traces["flop"] / 1e12:,.1f} TFLOP, where one full pass per cell would have taken {traces["naive_flop"] / 1e12:,.1f}.{problems(found)}
{unfinished(traces)}"""


def unfinished(traces):
    if traces["done"] == traces["wanted"]:
        return ""
    return """
**The study is not finished**: what is missing is left out below, or said to be not traced yet. `scripts/replication` does the rest
and writes this page anew.
"""


def problems(found):
    if not found["problems"]:
        return ""
    return "\n\nNot traced, because the program refused:\n\n" + "\n".join(f"- {line}" for line in found["problems"])


def baseline(found, condition):
    one = curve(found, part="spans", corruption="swap", condition=condition, site="resid_post", window=1)
    return (one["countries"], number(one["clean"], 3), number(one["corrupted"], 3)) if one else (0, "–", "–")


def spans(found):
    return f"""
## What the constraint's rows bring back

![Three columns, a site each: attention output, MLP output, residual stream; rows are windows of 1, 3 and 5 layers; share recovered by layer in three conditions](pictures/replication-spans.svg)

{table(("site", "window", "condition", "countries", "early", "middle", "control, early", "control, middle"), span_rows(found))}

Means of the recovered share over the layers, of the constraint's rows and (of fewer countries) of control's.
"""


def span_rows(found):
    for site in settings.SITES:
        for window in (1, 3, 5):
            for condition in settings.CONDITIONS:
                pair = [curve(found, part=part, condition=condition, site=site, window=window, span=span) for part, span in
                        (("spans", settings.CONSTRAINT), ("control", settings.CONTROL))]
                if pair[0] and pair[0]["recovered"]:
                    yield (SITES[site], window, condition, pair[0]["shared"],
                           *(number(mean(one, layers)) for one in pair for layers in (settings.CENTRES, settings.MIDDLE)))


def mean(one, layers, what="recovered"):
    """Of a curve over layers a:b; None where there is none."""
    if not one or not one[what]:
        return None
    values = one[what]["mean"][slice(*layers)]
    return sum(values) / len(values)


def claims(found):
    claimed = [c for c in found["claims"] if not CLAIM[c["key"]].same and CLAIM[c["key"]].part == "spans"]
    alike = [c for c in found["claims"] if CLAIM[c["key"]].same]
    return f"""
## For and against

A claim's number is expected above 0. It counts *for* it where the whole interval is above 0, the number reaches the margin, and
both halves of the countries are above 0 (for a number of one condition: and above control's interval); *against* it where the
interval and both halves are below the margin; everything else is *undecided*. Where both sides of a difference are near 0, nothing
comes back in either, and *against* says no more than that.

{table(CLAIM_HEAD, map(claim_row, claimed))}

Is it the picture, or the words that its rows resemble? *Alike*: the interval lies within the margin on both sides; *different*:
0 is outside, and the margin is reached.

{table(CLAIM_HEAD, map(claim_row, alike))}
"""


CLAIM_HEAD = ("", "number", "margin", "value", "taught half", "held-out half", "countries", "verdict")


def claim_row(judged):
    claim = CLAIM[judged["key"]]
    if "value" not in judged:
        return (claim.says, described(claim), claim.margin, "–", "–", "–", 0, judged["verdict"])
    halves = [with_ends(*(judged[h][k] for k in ("value", "low", "high"))) for h in ("taught", "held_out")]
    sides = "" if not claim.subtrahend else " (" + " − ".join(number(s["value"]) for s in judged["sides"]) + ")"
    return (claim.says, described(claim), claim.margin, with_ends(judged["value"], judged["low"], judged["high"]) + sides, *halves,
            judged["countries"], f"**{judged['verdict']}**")


def described(claim):
    what = {"half_depth": "depth of half", "early": "early", "middle": "middle", "earliness": "early − middle",
            "gain": "early at 5 − early at 1"}[claim.statistic]
    who = f", {claim.minuend} − {claim.subtrahend}" if claim.subtrahend else f", {claim.minuend}"
    return f"{what}, {SITES[claim.site].lower()}, window {claim.window}{who}"


def way(found):
    rows = [claim_row(c) for c in found["claims"] if CLAIM[c["key"]].part in ("way", "need")]
    return f"""
## By which way the answer comes

Here another country is given: its flag is shown in the right one's place (in words: its {settings.ROWS} tokens), and the question stays as it is.
*Restored*: rows of the right run put into that run, is this enough? *Spoilt* (`--direction noise`): rows of that run put into the right
one, is this needed? Residual stream, one layer at a time. The third panel spoils by the paper's swap instead.

![Share of the answer by layer, for the rows of the constraint, the picture, the last row and control](pictures/replication-way.svg)

{table(CLAIM_HEAD, rows)}

{table(("corruption", "direction", "condition", "rows", "countries", "early", "middle", "falls below half at depth"), way_rows(found))}
"""


def way_rows(found):
    for part, corruption, direction in (("way", "other", "denoise"), ("need", "other", "noise"), ("need", "swap", "noise")):
        for condition in settings.CONDITIONS:
            for span in (settings.CONSTRAINT, settings.PICTURE, settings.LAST, settings.CONTROL):
                one = curve(found, part=part, corruption=corruption, direction=direction, condition=condition, span=span,
                            site="resid_post")
                if one and one["recovered"]:
                    yield (corruption, direction, condition, span, one["shared"], number(mean(one, settings.CENTRES)),
                           number(mean(one, settings.MIDDLE)), number(one["half_depth"]) if span != settings.LAST and max(one["recovered"]["mean"]) > 0.5 else "–")


def tokens(found):
    rows = list(token_rows(found))
    if not rows:
        return "\n## Single rows\n\nNot traced yet.\n"
    return f"""
## Single rows

![Heat maps of the average indirect effect: token classes down, layers across](pictures/replication-tokens.svg)

{table(("site", "condition", "countries", "token class", *(f"{name}, window {w}" for name in ("early", "middle") for w in (1, 3, 5))), rows)}

AIE, the mean over countries of patched − corrupted, one row restored at a time; of several rows of a class the mean. A name of one
token is its *constraint, last*.
"""


def token_rows(found):
    for site in settings.SITES:
        for condition in settings.CONDITIONS:
            for span in ("constraint_first", "constraint_last", "control", "last"):
                ones = [curve(found, part="tokens", condition=condition, site=site, window=w, span=span) for w in (1, 3, 5)]
                if any(ones):
                    yield (SITES[site], condition, max(one["countries"] for one in ones if one), span.replace("_", ", "),
                           *(number(mean(one, layers, "aie"), 3) for layers in (settings.CENTRES, settings.MIDDLE) for one in ones))


# The questions that the claims belong to, and how their verdicts are put there.
READINGS = (
    ("Earlier layers than in textual questions?", ("earlier-resid", "earlier-mlp", "earlier-attn")),
    ("Does an early window bring the visual constraint back at all?", ("early-mlp", "early-attn")),
    ("Larger windows than in textual questions?", ("windows-mlp", "windows-attn")),
    ("Do words in the picture's place give the same?", ("same-resid", "same-mlp", "same-attn")),
    ("Another flag: are the constraint's rows enough, are they needed?", ("way-constraint", "need-constraint")),
    ("And the picture's, in the middle?", ("way-picture", "need-picture")),
)
PARTS = {"spans": "", "way": "enough", "need": "needed"}


def reading(found):
    judged = {c["key"]: c for c in found["claims"]}
    lines = "\n".join(f"- **{title}** " + "; ".join(said(judged[key]) for key in keys) + "." for title, keys in READINGS)
    return f"""
## What may be said

{lines}

These are statements about restored activations under one corruption, not about where a fact is stored. They are of one decoder of
{len(found["curves"][0]["aie"]["mean"]) if found["curves"] else "–"} small layers, one relation, one wording and one way of teaching a language model to see; its pictures speak in the
embeddings of words, which LLaVA's need not. The claims are {len(found["claims"])}, each judged by itself: an interval of 95 % will miss here or there.
Only windows that leave layer 0 out are called early, and only where they lie above control's. In a textual question the rows that
are restored are the name itself, and later rows may read it from there at once; in the others they are two words that say
nothing yet. Where each falls below half is where later rows have what they need of it.

What a trial had shown before the settings were written stands at their top. The claims and their margins are as they were first
written. Changed before this model was traced: the begun answer (the first one left too few textual questions right), how many
countries each part takes (to save time), and three photographs of a flag instead of one. By then an earlier model of the same kind
had been traced in part under the same claims, so their verdicts are no longer blind.
"""


def said(judged):
    claim = CLAIM[judged["key"]]
    value = f", {with_ends(judged['value'], judged['low'], judged['high'])}" if judged.get("value") is not None else ""
    return f"{PARTS[claim.part] or SITES[claim.site].lower()}: {judged['verdict']}{value}"


def again(found):
    lines = "\n".join(f"{c['key']:<18}{c['verdict']}" for c in found["claims"])
    return f"""
## The numbers, and doing it again

[tools/replication/results.json](../tools/replication/results.json) holds every curve with its intervals, the claims, and what each
country's probabilities are.

```sh run
python3 -c 'import json
for c in json.load(open("tools/replication/results.json"))["claims"]: print("%-18s%s" % (c["key"], c["verdict"]))'
```
```output
{lines}
```

```sh skip: more than an hour on two cores
scripts/demo --real
scripts/replication
```

The study is seeded, and every trace is kept in `build-replication`: stopped, it goes on where it was.
"""
