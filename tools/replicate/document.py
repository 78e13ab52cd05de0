"""The section "Over FlagQA" of docs/replication.md, its pictures and its numbers: scripts/replicate --docs, run on the flags model."""
import json
import shutil
from pathlib import Path

from . import page

FILE = "tools/replicate/results.json"
TITLE = "## Over FlagQA: the paper's figures in one command"


def publish(found, out, root):
    """Keeps the numbers and the figures in the repository at `root`, and writes its section of the page anew."""
    write(root / FILE, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    for report, file in found["figures"]:
        shutil.copyfile(out / "reports" / report / file, root / "docs" / picture(report, file))
    path = root / "docs/replication.md"
    write(path, replaced(path.read_text(encoding="utf-8"), section(root)))


def write(path, text):
    """Whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def replaced(whole, new):
    """The page with `new` in place of the section of its title, or where there is none before the last section."""
    sections = ("\n" + whole).split("\n## ")
    title = TITLE.removeprefix("## ")
    kept = [s for s in sections if s.split("\n", 1)[0] != title]
    at = next((i for i, s in enumerate(sections) if s.split("\n", 1)[0] == title), len(kept) - 1)
    kept.insert(at, new.strip("\n").removeprefix("## ") + "\n")
    return "\n## ".join(kept).removeprefix("\n")


def picture(report, file):
    return f"pictures/flagqa-{report}-{file}"


def section(root=Path(__file__).resolve().parents[2]):
    """Empty where there are no results yet."""
    if not (root / FILE).exists():
        return ""
    found = json.loads((root / FILE).read_text(encoding="utf-8"))
    return "\n\n".join(part.strip("\n") for part in (opening(found), *page.parts(found, picture, "###"), again()))


def opening(found):
    return f"""
{TITLE}

The sections above ask one relation in one wording, with conditions that only this model has. This one is what
[`scripts/replicate`](replicate.md) makes of any model and any data set, here of the flags model over [FlagQA](flagqa.md): all
relations, several wordings, other pictures. Tables and figures are written by it; verdicts follow settings
([tools/replicate/settings.py](../tools/replicate/settings.py)) that were fixed before any model was swept. The same tokens as text are the
condition *words* above."""


def again():
    return """
```sh skip: hours on two cores
build/patchbay dataset generate flagqa --flags /usr/share/iso-flags-png-320x240 --out flagqa
scripts/replicate models/flags/assembled flagqa/flagqa.jsonl --out study --docs
```
"""
