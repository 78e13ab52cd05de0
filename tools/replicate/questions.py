"""A data set in parts: questions with a picture and one constraint, their twins in words, and those that edits are made of.

Twins are what flagqa's rows name in "twin"; of other data sets all questions without a picture are the textual part. A row that
says in "caution" why averages should leave it out is left out. Parts are files of questions themselves, in --out.
"""
import json
from pathlib import Path

PATHS = ("image", "swap_image")


def rows_of(path):
    """The rows that can be read, their pictures' paths made absolute; the sweep names what is wrong with others."""
    rows = []
    for line in Path(path).read_text(encoding="utf-8-sig").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(absolute(row, Path(path).resolve().parent))
    return rows


def absolute(row, folder):
    row = dict(row)
    for key in PATHS:
        if isinstance(row.get(key), str):
            row[key] = str(folder / row[key])
    if isinstance(row.get("rephrasings"), list):
        row["rephrasings"] = [absolute(r, folder) for r in row["rephrasings"]]
    return row


def is_whole(row):
    return not row.get("marked") and not row.get("caution") and len(row.get("constraints") or []) == 1


def parts(dataset):
    """{"visual", "textual", "edits"}: lists of rows; the n-th textual question is the n-th visual one's twin as long as there are
    twins."""
    dataset = Path(dataset)
    rows = rows_of(dataset)
    visual = [r for r in rows if is_whole(r) and r.get("image")]
    textual = [r for r in rows if is_whole(r) and not r.get("image")]
    twins = {r.get("id"): r for r in textual}
    visual.sort(key=lambda r: r.get("twin") not in twins)             # those with a twin first; the order stays otherwise
    paired = [twins[r["twin"]] for r in visual if r.get("twin") in twins]
    chosen = {id(r) for r in paired}
    requests = dataset.with_name("requests.jsonl")
    edits = [r for r in rows_of(requests) if is_whole(r)] if requests.exists() and requests != dataset else \
        [r for r in visual if r.get("target")] or visual
    return {"visual": visual, "textual": paired + [r for r in textual if id(r) not in chosen], "edits": edits}


def right_of(parts, right):
    """{"right-visual", "right-textual"}: the questions that the model answers rightly (right: their ids, by part), those whose twin
    is right too first, and among them one of every subject before a second of any. The n-th are twins as long as there are any."""
    visual = [r for r in parts["visual"] if r.get("id") in right["visual"]]
    textual = {r.get("id"): r for r in parts["textual"] if r.get("id") in right["textual"]}
    pairs = [r for r in visual if r.get("twin") in textual]
    twins = [textual[r["twin"]] for r in in_turn(pairs)]
    used = {id(r) for r in pairs + twins}
    return {"right-visual": in_turn(pairs) + in_turn([r for r in visual if id(r) not in used]),
            "right-textual": twins + in_turn([r for r in textual.values() if id(r) not in used])}


def in_turn(rows):
    """One of every subject, then the second of every subject, and so on; the order stays otherwise."""
    seen, turn = {}, []
    for row in rows:
        subject = row.get("subject") or row.get("image") or row.get("id")
        turn.append(seen.setdefault(subject, 0))
        seen[subject] += 1
    return [row for _, row in sorted(zip(turn, rows), key=lambda pair: pair[0])]


def write(parts, folder):
    """{part: file}, of parts that have questions. A file that is there already stays as it is: stores are of it."""
    files = {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
        path = folder / f"{name}.jsonl"
        if rows and not path.exists():
            path.write_text(text, encoding="utf-8")
        if path.exists():
            files[name] = path
    return files
