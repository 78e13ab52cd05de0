#!/usr/bin/env python3
"""Compares patchbay's reading of tokenizer.model, of GGUF's tokenizers and of vocab.json with Hugging Face's, with
`sentencepiece`, and with what a GGUF file was made from, on thousands of hard texts.

    python3 tools/parity/sentencepiece_check.py BUILD/tests/text/tokenize_lines [--count 2000] [--form vicuna]
        [--random 100]

Models are trained here (tools/goldens/sentencepiece_cases.py says what is compared with whom). --random tries models of
random pieces, 100 texts each, ids alone. Exits with 1 when anything differs. scripts/parity runs a share of it."""
import argparse
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "goldens")]
import sentencepiece_cases as forms  # noqa: E402
import tokenizer_cases as cases  # noqa: E402
from tokenizers_check import ask  # noqa: E402

FOLDERS = forms.FOLDERS | forms.LARGE
OTHERS = {f"{name}.gguf": make for name, make in forms.GGUFS.items()}
OTHERS |= {name: lambda path, form=form: forms.write_merges(*form, path) for name, form in forms.MERGES.items()}
NAMES = [*FOLDERS, *OTHERS]


def questions_of(oracle, count, seed):
    """Questions, and what must be answered; texts on which HF breaks down (a panic, no exception) are left out."""
    questions, wanted = [], []
    for text in cases.texts(oracle.backend, count, seed):
        try:
            answer = oracle.answer(text)
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            continue
        questions.append({"text": text})
        wanted.append(answer)
    for ids in cases.id_lists(oracle.backend, count // 20, seed):
        questions.append({"ids": ids})
        wanted.append(oracle.decoded(ids))
    return questions, wanted


def make(name, path):
    """Makes the form's folder or file and returns its oracle."""
    if name in FOLDERS:
        forms.write_folder(FOLDERS[name], path)
        return forms.FolderOracle(path)
    return forms.BackendOracle(OTHERS[name](path))


def differences(program, name, count, seed):
    """How many strings were compared, how many of them with ranges, and a sentence per difference."""
    with tempfile.TemporaryDirectory() as base:
        path = pathlib.Path(base, name)
        questions, wanted = questions_of(make(name, path), count, seed)
        answers = ask(program, str(path), questions)
    problems = [f"{question!a}: {key} is {got[key]!a}, expected {want[key]!a}"
                for question, want, got in zip(questions, wanted, answers, strict=True)
                for key in want if want[key] != got[key]]
    return len(questions), sum("starts" in w for w in wanted), problems


def random_differences(program, count, seed):
    """The same for `count` models of random pieces."""
    rng, total, problems = random.Random(seed), 0, []
    with tempfile.TemporaryDirectory() as base:
        path = pathlib.Path(base, "tokenizer.model")
        for number in range(count):
            path.write_bytes(forms.random_model(rng))
            model = forms.sentencepiece.SentencePieceProcessor(model_file=str(path))
            texts = forms.random_texts(rng, 100)
            answers = ask(program, base, [{"text": t} for t in texts])
            problems += [f"model {number}: {t!a}: ids are {a['ids']}, expected {model.encode(t)}"
                         for t, a in zip(texts, answers, strict=True) if a["ids"] != model.encode(t)]
            total += len(texts)
    return total, 0, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--form", action="append", choices=NAMES)
    options = parser.parse_args()
    checks = {name: lambda name=name: differences(options.program, name, options.count, options.seed)
              for name in options.form or ([] if options.random else NAMES)}
    if options.random:
        checks["random models"] = lambda: random_differences(options.program, options.random, options.seed)
    different = 0
    for name, check in checks.items():
        compared, ranged, problems = check()
        different += len(problems)
        print(*("  " + p for p in problems[:3]), sep="\n", end="\n" if problems else "")
        print(f"{name}: {compared} strings compared, {ranged} with ranges, {len(problems)} different", flush=True)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
