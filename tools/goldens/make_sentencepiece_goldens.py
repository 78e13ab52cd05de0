#!/usr/bin/env python3
"""Writes tests/data/sentencepiece/FORM/{tokenizer.model or vocab.json, small files, cases.json}, FORM.gguf and
FORM.gguf.json: small tokenizers of every form, and what must be made of texts that are hard on them
(tests/text/test_sentencepiece.c compares; sentencepiece_cases.py says who knows).

    python3 tools/goldens/make_sentencepiece_goldens.py [FOLDER]

Cases are those of make_tokenizer_goldens.py. Where nobody knows a token's range, both ends are -1; where nobody knows
the decoded text, it is null."""
import json
import pathlib
import sys

import sentencepiece_cases as forms
import tokenizer_cases as cases
from make_tokenizer_goldens import short_texts

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "data" / "sentencepiece"


def text_case(oracle, text):
    answer = oracle.answer(text)
    unknown = [-1] * len(answer["ids"])
    tokens = [n for triple in zip(answer["ids"], answer.get("starts", unknown), answer.get("ends", unknown))
              for n in triple]
    case = {"text": text, "tokens": tokens}
    if answer.get("decoded") != text:
        case["decoded"] = answer.get("decoded")
    if answer.get("skipped") != answer.get("decoded"):
        case["skipped"] = answer["skipped"]
    return case


def write_cases(oracle, path):
    before = oracle.backend.encode("").ids
    after = before[1:] if before[:1] == oracle.backend.encode("a").ids[:1] else before
    before = before[:len(before) - len(after)]
    rows = [text_case(oracle, t) for t in short_texts(oracle.backend)]
    rows += [{"ids": ids} | oracle.decoded(ids) for ids in cases.id_lists(oracle.backend, 4, seed=5)
             if oracle.decoded(ids)]
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # noqa: E731
    path.write_text("{" + f'"before":{dump(before)},"after":{dump(after)},"cases":[\n' + ",\n".join(map(dump, rows))
                    + "\n]}\n", encoding="utf-8", newline="")
    return len(rows)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, form in forms.FOLDERS.items():
        forms.write_folder(form, folder / name)
        count += write_cases(forms.FolderOracle(folder / name), folder / name / "cases.json")
    for name, write in forms.GGUFS.items():
        path = folder / f"{name}.gguf"
        count += write_cases(forms.BackendOracle(write(path)), folder / f"{name}.gguf.json")
    for name, (form, config) in forms.MERGES.items():
        oracle = forms.BackendOracle(forms.write_merges(form, config, folder / name))
        count += write_cases(oracle, folder / name / "cases.json")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    folders = len(forms.FOLDERS) + len(forms.MERGES)
    print(f"{folders} folders, {len(forms.GGUFS)} GGUF files, {count} cases, {size} bytes")


if __name__ == "__main__":
    main()
