"""What came of it as a page: README.md in --out, and most of a section of docs/replication.md."""
from . import settings

WHAT = {"answers": "what is answered, right and wrong", "windows-visual": "visual questions, windows of 1, 3 and 6 layers",
        "windows-textual": "textual questions, windows of 1, 3 and 6 layers", "tokens": "heat maps of single rows, by token class",
        "image": "another picture: restored, and spoilt", "phrase": "another phrase: restored, and spoilt",
        "flow-visual": "from picture to constraint to last row; the late rows; foreseeing wrong answers",
        "flow-textual": "from constraint to last row, in words", "knockout": "edges cut", "edits": "edits over layers, beside fine-tuning"}
PARTS = {"visual": "with a picture", "textual": "in words alone"}
METHODS = {"multedit": "MultEdit", "ft": "fine-tuning", "ft-constrained": "fine-tuning within a ball"}
METRICS = {"efficacy_exact": "says the new answer", "rephrasings_exact": "other wordings and pictures",
           "neighbours_kept": "other subjects keep their answer"}


def text(found):
    """README.md. found: results.json as it is written."""
    return "\n\n".join(part.strip("\n") for part in
                       ("# The paper's study of this model", *parts(found, lambda report, file: f"reports/{report}/{file}", "##"),
                        reports(found), problems(found)) if part) + "\n"


def parts(found, picture, level):
    """The page's sections under headings of this level; picture(report, file): where a figure lies, seen from the page."""
    return [part for part in (asked(found), claims(found, level), figures(found, picture, level), edits(found, level)) if part]


# ---- numbers and tables ----

def number(value):
    return "–" if value is None or value != value else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def with_ends(value, low=None, high=None):
    return number(value) if low is None else f"{number(value)} [{number(low)}, {number(high)}]"


def interval(found):
    return with_ends(*(found.get(name) for name in ("value", "low", "high"))) if found and "value" in found else "–"


def table(*rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))


# ---- sections ----

def asked(found):
    about = f"""
Model: `{found['model']}`, {found['layers']} layers. Questions: `{found['dataset']}`: {found['questions']['visual']} with a picture and one
constraint, {found['questions']['textual']} in words alone; requests for edits: {found['questions']['edits']}. At most
{found['ask_limit'] or 'all'} of each part were asked, and their flows followed, at most {found['limit'] or 'all'} taken by each other sweep,
{found['grid_limit'] or 'all'} by full grids, {found['edit_limit'] or 'all'} by edits; seed {found['seed']}. Only questions that are answered
rightly are traced, one of every subject before a second of any."""
    relations = sorted({name for part in found["answers"].values() for name in part})
    if not relations:
        return about

    def right(part, name):
        asked, right = found["answers"].get(part, {}).get(name, (0, 0))
        return f"{right} of {asked}" if asked else "–"

    rows = [(name or "–", *(right(part, name) for part in PARTS)) for name in relations]
    total = [[sum(counts[i] for counts in found["answers"].get(part, {}).values()) for i in (0, 1)] for part in PARTS]
    return about + "\n\n" + table(("relation", *(f"right, {what}" for what in PARTS.values())), *rows,
                                  ("all", *(f"{right} of {asked}" for asked, right in total)))


def claims(found, level):
    rows = [claim_row(claim, by_key) for claim, by_key in zip(settings.CLAIMS, found["claims"])]
    return f"""
{level} Claims

A claim's number is expected above 0. It counts *for* it where the whole 95 % interval over subjects is above 0 (of one condition also
above control's) and the number reaches the margin; *against* it where the interval is below the margin; everything else is *undecided*.
Below 30 subjects nothing is claimed: *not testable here*. *Early* is depth (layer / layers) 0.1 to 0.33 without windows that hold layer 0,
*middle* 0.33 to 0.67.

{table(("claim", "the paper", "number", "margin", "here", "control", "subjects", "verdict"), *rows)}"""


def claim_row(claim, found):
    sides = f" ({' − '.join(number(s) for s in found['sides'])})" if claim.b and found.get("sides") else ""
    why = f", {found['why']}" if found.get("why") else ""
    return (claim.says, claim.paper, claim.number, claim.margin, interval(found) + sides, interval(found.get("control")),
            found.get("subjects", "–"), f"**{found['verdict']}**{why}")


def figures(found, picture, level):
    shown = [f for f in settings.FIGURES if [f.report, f.file] in found["figures"]]
    return "\n\n".join([f"{level} Figures", *(figure(f, picture(f.report, f.file)) for f in shown)]) if shown else ""


def figure(f, path):
    return f"{f'The paper: {f.paper}.' if f.paper else 'Not in the paper.'} Here: {f.shows}.\n\n![{f.shows}]({path})"


def edits(found, level):
    by_edit = {}
    for one in found["edits"]:
        by_edit.setdefault((int(one["layer"]), one["method"]), {})[one["metric"]] = one
    if not by_edit:
        return ""
    rows = [(layer, METHODS[method], next(iter(metrics.values()))["edits"],
             *(with_ends(*metrics[m]["value"]) if m in metrics else "–" for m in settings.EDIT_METRICS))
            for (layer, method), metrics in sorted(by_edit.items(), key=lambda item: (item[0][0], list(METHODS).index(item[0][1])))]
    return f"{level} Edits\n\nShares of questions, after an edit of one layer.\n\n" + \
        table(("layer", "method", "edits", *(METRICS[m] for m in settings.EDIT_METRICS)), *rows)


def reports(found):
    return "\n".join(["## Reports", "", *(f"- [{name}](reports/{name}/report.html): "
                                          f"{WHAT.get(name, 'visual against textual questions, contrasted')}" for name in found["reports"])])


def problems(found):
    return "\n".join(["## What could not be done", "", *(f"- {problem}" for problem in found["problems"])]) if found["problems"] else ""
