#!/usr/bin/env python3
"""Compares patchbay's tokenizer with Hugging Face's `tokenizers` on thousands of hard texts: ids with and without
special tokens, character ranges, decoded texts.

    python3 tools/parity/tokenizers_check.py BUILD/tests/text/tokenize_lines [--count 20000] [--form llama3]
        [--json FILE_OR_FOLDER] [--gguf FILE] [--every] [--random 1000] [--patterns 1000]

Forms are trained here (tools/goldens/tokenizer_cases.py). --json adds tokenizers as downloaded, --gguf the one inside a
GGUF file, written out by transformers. --every tries every code point instead of random texts, --random tokenizers put
together at random, --patterns splits at random expressions. Exits with 1 when anything differs."""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.setdefault("RUST_BACKTRACE", "0")  # HF panics on some texts; answers_of leaves those out
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "goldens"))
import tokenizer_cases as cases  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def ask(program, folder, questions):
    lines = "".join(json.dumps(q) + "\n" for q in questions)
    run = subprocess.run([program, folder], input=lines, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{folder}: {program} failed: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def answers_of(tokenizer, texts, lists):
    """Questions and HF's answers; texts on which HF itself breaks down (a panic, no exception) are left out."""
    questions, wanted = [], []
    for text in texts:
        try:
            wanted.append(cases.answer(tokenizer, text))
            questions.append({"text": text})
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
    for ids in lists:
        wanted.append({"decoded": tokenizer.decode(ids, skip_special_tokens=False),
                       "skipped": tokenizer.decode(ids, skip_special_tokens=True)})
        questions.append({"ids": ids})
    return questions, wanted


def differences(program, path, texts, lists, shown=3):
    questions, wanted = answers_of(Tokenizer.from_file(str(path)), texts, lists)
    different = 0
    for question, want, got in zip(questions, wanted, ask(program, str(path.parent), questions), strict=True):
        wrong = [key for key in want if want[key] != got[key]]
        different += bool(wrong)
        if wrong and different <= shown:
            print(f"  {question!a}")
            for key in wrong:
                print(f"    {key}: {got[key]!a}, expected {want[key]!a}")
    return len(questions), different


def compare(program, name, path, texts, lists):
    count, different = differences(program, path, texts, lists)
    print(f"{name}: {count} strings compared ({len(lists)} of them lists of ids to decode), {different} different",
          flush=True)
    return different


def compare_random(program, name, folder, make, count, seed):
    """`count` tokenizers, 60 texts each."""
    rng, made, total, different = random.Random(seed), 0, 0, 0
    path = pathlib.Path(folder, "random", "tokenizer.json")
    path.parent.mkdir(exist_ok=True)
    while made < count:
        tokenizer = make(rng)
        tokenizer.save(str(path))
        texts = cases.texts(tokenizer, 90, rng.random())[30:]
        compared, wrong = differences(program, path, texts, cases.id_lists(tokenizer, 6, rng.random()), shown=1)
        if wrong:
            print(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "model"}))
        made, total, different = made + 1, total + compared, different + wrong
    print(f"{name}: {total} strings compared with {count} tokenizers, {different} different", flush=True)
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
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--patterns", type=int, default=0)
    options = parser.parse_args()
    asked = options.json or options.gguf or options.random or options.patterns
    different = 0
    with tempfile.TemporaryDirectory() as base:
        paths = {}
        for name in options.form or ([] if asked else cases.FORMS):
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
            tokenizer = Tokenizer.from_file(str(path))
            texts = cases.every_code_point() if options.every else cases.texts(tokenizer, options.count, options.seed)
            lists = cases.id_lists(tokenizer, options.count // 10, options.seed)
            different += compare(options.program, name, path, texts, lists)
        for name, make, count in (("random tokenizers", cases.random_tokenizer, options.random),
                                  ("random expressions", cases.random_split, options.patterns)):
            if count:
                different += compare_random(options.program, name, base, make, count, options.seed)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
