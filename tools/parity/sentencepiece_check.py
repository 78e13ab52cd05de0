#!/usr/bin/env python3
"""Compares patchbay's reading of tokenizer.model, of GGUF's tokenizers and of vocab.json with Hugging Face's, with
`sentencepiece`, and with what a GGUF file was made from, on thousands of hard texts.

    python3 tools/parity/sentencepiece_check.py BUILD/tests/text/tokenize_lines [--count 2000] [--form vicuna]
        [--random 100]

Models are trained here (tools/goldens/sentencepiece_cases.py says what is compared with whom). --random tries models of
random pieces, 100 texts each, ids alone. Exits with 1 when anything differs."""
import argparse
import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "goldens"))
import sentencepiece_cases as forms  # noqa: E402
import tokenizer_cases as cases  # noqa: E402
from tokenizers_check import ask  # noqa: E402


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


def compare(program, name, path, oracle, count, seed):
    questions, wanted = questions_of(oracle, count, seed)
    different, ranged = 0, sum("starts" in w for w in wanted)
    for question, want, got in zip(questions, wanted, ask(program, str(path), questions), strict=True):
        wrong = [key for key in want if want[key] != got[key]]
        different += bool(wrong)
        if wrong and different <= 3:
            print(f"  {question!a}")
            for key in wrong:
                print(f"    {key}: {got[key]!a}, expected {want[key]!a}")
    print(f"{name}: {len(questions)} strings compared, {ranged} with ranges, {different} different", flush=True)
    return different


def compare_random(program, count, seed):
    """`count` models; sentencepiece refuses some, and they are left out."""
    rng, made, total, different = random.Random(seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as base:
        path = pathlib.Path(base, "tokenizer.model")
        while made < count:
            path.write_bytes(forms.random_model(rng))
            model = forms.sentencepiece.SentencePieceProcessor(model_file=str(path))
            texts = forms.random_texts(rng, 100)
            answers = ask(program, base, [{"text": t} for t in texts])
            wrong = [(t, a["ids"], model.encode(t)) for t, a in zip(texts, answers) if a["ids"] != model.encode(t)]
            if wrong:
                text, got, want = wrong[0]
                print(f"  model {made}: {text!a}: {got}, expected {want}; "
                      f"{forms.sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes()).trainer_spec}")
            made, total, different = made + 1, total + len(texts), different + len(wrong)
    print(f"random models: {total} strings compared with {count} models, {different} different", flush=True)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    folders, others = forms.FOLDERS | forms.LARGE, {f"{name}.gguf": make for name, make in forms.GGUFS.items()}
    others |= {name: lambda path, form=form: forms.write_merges(*form, path) for name, form in forms.MERGES.items()}
    parser.add_argument("--form", action="append", choices=[*folders, *others])
    options = parser.parse_args()
    different = compare_random(options.program, options.random, options.seed) if options.random else 0
    for name in options.form or ([] if options.random else [*folders, *others]):
        with tempfile.TemporaryDirectory() as base:
            path = pathlib.Path(base, name)
            if name in folders:
                forms.write_folder(folders[name], path)
                oracle = forms.FolderOracle(path)
            else:
                oracle = forms.BackendOracle(others[name](path))
            different += compare(options.program, name, path, oracle, options.count, options.seed)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
