#!/usr/bin/env python3
"""Compares patchbay's tokenizer with Hugging Face's `tokenizers` on thousands of hard texts: ids with and without
special tokens, character ranges, decoded texts.

    python3 tools/parity/tokenizers_check.py BUILD/tests/text/tokenize_lines [--count 20000] [--form llama3]
        [--json FILE_OR_FOLDER] [--gguf FILE]

Forms are trained here (tools/goldens/tokenizer_cases.py). --json adds tokenizers as downloaded, --gguf the one inside a
GGUF file, written out by transformers. Exits with 1 when anything differs."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "goldens"))
import tokenizer_cases as cases  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def ask(program, folder, questions):
    lines = "".join(json.dumps(q) + "\n" for q in questions)
    run = subprocess.run([program, folder], input=lines, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{folder}: {program} failed: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(program, name, path, count, seed, shown=3):
    tokenizer = Tokenizer.from_file(str(path))
    texts, lists = cases.texts(tokenizer, count, seed), cases.id_lists(tokenizer, count // 10, seed)
    questions = [{"text": t} for t in texts] + [{"ids": ids} for ids in lists]
    wanted = [cases.answer(tokenizer, t) for t in texts] + [
        {"decoded": tokenizer.decode(ids, skip_special_tokens=False),
         "skipped": tokenizer.decode(ids, skip_special_tokens=True)} for ids in lists]
    answers = ask(program, str(path.parent), questions)
    different = 0
    for question, want, got in zip(questions, wanted, answers, strict=True):
        wrong = [key for key in want if want[key] != got[key]]
        different += bool(wrong)
        if wrong and different <= shown:
            print(f"  {question!a}")
            for key in wrong:
                print(f"    {key}: {got[key]!a}, expected {want[key]!a}")
    print(f"{name}: {len(texts)} strings and {len(lists)} id lists compared, {different} different", flush=True)
    return different


def gguf_tokenizer(file, folder):
    from transformers import AutoTokenizer
    file = pathlib.Path(file)
    AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name).backend_tokenizer.save(str(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--form", action="append", choices=cases.FORMS)
    parser.add_argument("--json", action="append", default=[])
    parser.add_argument("--gguf", action="append", default=[])
    options = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as base:
        paths = {}
        for name in options.form or ([] if options.json or options.gguf else cases.FORMS):
            paths[name] = pathlib.Path(base, name, "tokenizer.json")
            paths[name].parent.mkdir()
            cases.FORMS[name]().save(str(paths[name]))
        for i, file in enumerate(options.gguf):
            paths[file] = pathlib.Path(base, f"gguf{i}", "tokenizer.json")
            paths[file].parent.mkdir()
            gguf_tokenizer(file, paths[file])
        for file in map(pathlib.Path, options.json):
            paths[str(file)] = file / "tokenizer.json" if file.is_dir() else file
        for name, path in paths.items():
            different += compare(options.program, name, path, options.count, options.seed)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
