"""What came of it as a page: README.md in --out, with every claim, and the reports behind it."""
WHAT = {"answers": "what is answered, right and wrong", "windows-visual": "visual questions, windows of 1, 3 and 6 layers",
        "windows-textual": "textual questions, windows of 1, 3 and 6 layers", "tokens": "heat maps of single rows, by token class",
        "image": "another picture: restored, and spoilt", "phrase": "another phrase: restored, and spoilt",
        "flow-visual": "from picture to constraint to last row; the late rows; foreseeing wrong answers",
        "flow-textual": "from constraint to last row, in words", "knockout": "edges cut", "edits": "edits over layers, beside fine-tuning"}


def number(value):
    return "–" if value is None or value != value else f"{value:.2f}".replace("-", "−")


def interval(found):
    return f"{number(found['value'])} [{number(found['low'])}, {number(found['high'])}]" if found and "low" in found else \
        number(found["value"]) if found and "value" in found else "–"


def row(claim, found):
    sides = f" ({' − '.join(number(s) for s in found['sides'])})" if claim.b and found.get("sides") else ""
    control = interval(found.get("control")) if found.get("control") else "–"
    why = f", {found['why']}" if found.get("why") else ""
    return f"| {claim.says} | {claim.paper} | {claim.number} | {claim.margin} | {interval(found)}{sides} | {control} | " \
           f"{found.get('subjects', '–')} | **{found['verdict']}**{why} |"


def text(found, claims, reports):
    """found: results.json as it is written."""
    lines = ["# The paper's study of this model", "",
             f"Model: `{found['model']}`, {found['layers']} layers. Questions: `{found['dataset']}`: {found['questions']['visual']} with a "
             f"picture and one constraint, {found['questions']['textual']} in words alone; requests for edits: {found['questions']['edits']}"
             f". At most {found['limit'] or 'all'} of each were swept, {found['edit_limit']} of edits; seed {found['seed']}.", "",
             "A claim's number is expected above 0. It counts *for* it where the whole 95 % interval over subjects is above 0 (of one "
             "condition also above control's) and the number reaches the margin; *against* it where the interval is below the margin; "
             "everything else is *undecided*. Below 30 subjects nothing is claimed: *not testable here*. *Early* is depth 0.1 to 0.33 "
             "without windows that hold layer 0, *middle* 0.33 to 0.67.", "",
             "| claim | the paper | number | margin | here | control | subjects | verdict |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    lines += [row(claim, by_key) for claim, by_key in zip(claims, found["claims"])]
    lines += ["", "## Reports", ""]
    lines += [f"- [{name}](reports/{name}/report.html): {WHAT.get(name, 'visual against textual questions, contrasted')}" for name in reports]
    if found["problems"]:
        lines += ["", "## What could not be done", "", *(f"- {problem}" for problem in found["problems"])]
    return "\n".join(lines) + "\n"
