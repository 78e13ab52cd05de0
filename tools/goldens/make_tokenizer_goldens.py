#!/usr/bin/env python3
"""Writes tests/data/tokenizer/FORM/{tokenizer.json,cases.json}: small tokenizers of every form, and what Hugging Face's
`tokenizers` makes of texts that are hard on them (tests/text/test_tokenizer.c compares).

    python3 tools/goldens/make_tokenizer_goldens.py [FOLDER]

A case is {"text", "tokens": [id, start, end, id, start, end, ...], "decoded", "skipped"}: tokens without special ones,
"decoded" (left out where it is the text again) of the ids with special tokens, "skipped" (left out where it is
"decoded") the same without special tokens' texts; or {"ids", "decoded", "skipped"}. "before" and "after" are the ids
that the template puts around every text."""
import json
import pathlib
import sys

import tokenizer_cases as cases

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "data" / "tokenizer"
TEXTS, LISTS, LONGEST = 66, 4, 16  # cases of each form, characters of a text


def text_case(tokenizer, text):
    answer = cases.answer(tokenizer, text)
    tokens = [n for triple in zip(answer["ids"], answer["starts"], answer["ends"]) for n in triple]
    case = {"text": text, "tokens": tokens}
    if answer["decoded"] != text:
        case["decoded"] = answer["decoded"]
    if answer["skipped"] != answer["decoded"]:
        case["skipped"] = answer["skipped"]
    return case


def ids_case(tokenizer, ids):
    return {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "skipped": tokenizer.decode(ids, skip_special_tokens=True)}


def short_texts(tokenizer):
    """Short ones, with as many of each kind as can be had, and the sentences' beginnings."""
    found = list(dict.fromkeys(t[:LONGEST] if t in cases.SENTENCES else t
                               for t in cases.texts(tokenizer, 14 * TEXTS, seed=5)))
    return [t for t in found if len(t) <= LONGEST][:TEXTS]


def write(name, folder):
    tokenizer = cases.FORMS[name]()
    empty = tokenizer.encode("a").ids
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    start = next(i for i in range(len(empty)) if empty[i:i + len(plain)] == plain)
    rows = [text_case(tokenizer, t) for t in short_texts(tokenizer)]
    rows += [ids_case(tokenizer, ids) for ids in cases.id_lists(tokenizer, LISTS, seed=5)]
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # noqa: E731
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "tokenizer.json").write_text(dump(json.loads(tokenizer.to_str())) + "\n", encoding="utf-8")
    (folder / name / "cases.json").write_text(
        "{" + f'"before":{dump(empty[:start])},"after":{dump(empty[start + len(plain):])},"cases":[\n'
        + ",\n".join(map(dump, rows)) + "\n]}\n", encoding="utf-8", newline="")
    return len(rows)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    count = sum(write(name, folder) for name in cases.FORMS)
    size = sum(f.stat().st_size for f in folder.rglob("*.json"))
    print(f"{len(cases.FORMS)} tokenizers, {count} cases, {size} bytes")


if __name__ == "__main__":
    main()
