"""Runs the examples in documents as a reader would paste them, and compares what they print.

    python3 tests/docs/run_examples.py PROGRAM [--needs FOLDER] [--update] FILE.md...

A shell block says in its opening line what is to be done with it, a block without a mark is a failure:

    ```sh run                        must exit with 0
    ```sh run exit=1                 must exit with 1; what is compared is standard error
    ```sh run needs=models/smollm2   only with --needs models/smollm2, and where that folder exists
    ```sh skip: why                  not run

If an ```output block is the next thing after it, that is what the example must print. Words are compared one by one,
numbers with a decimal point within 1 in 1,000 (and the last digit shown), everything else to the letter; `...` alone on
a line stands for any lines, and within a line for any word. --update writes what was printed into the document instead
(blocks with `...` are left as they are).

The examples of a document run in order, in one temporary folder with links to the repository's folders, so that a later
one finds what an earlier one left; build/patchbay is PROGRAM there. Exit status: 0 all passed, 1 something failed, 77
nothing was there to run. Needs Python's standard library only.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(.*)$")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
SKIPPED = 77


@dataclass
class Example:
    file: Path
    line: int                      # of the opening fence, from 1
    mark: str                      # what stands after ```sh
    script: str
    expected: list | None = None   # lines of the output block
    output_at: tuple = (0, 0)      # first and after-last line of it in the file, from 0

    @property
    def place(self):
        return f"{self.file.name}:{self.line}"

    def option(self, name, default=None):
        found = re.search(rf"\b{name}=(\S+)", self.mark)
        return found[1] if found else default


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--needs", metavar="FOLDER", help="run the examples that need this, not those that need nothing")
    parser.add_argument("--update", action="store_true", help="write what the examples print into the documents")
    options = parser.parse_args()
    passed = failed = 0
    for file in options.files:
        good, bad = run_document(file.resolve(), options)
        passed, failed = passed + good, failed + bad
    print(f"{passed} examples passed, {failed} failed")
    return 1 if failed else 0 if passed else SKIPPED


def run_document(file, options):
    """(passed, failed) of one document's examples."""
    examples = read_examples(file)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="patchbay-docs-") as folder:
        prepare(Path(folder), options.program)
        for example in examples:
            reason = why_not(example, options.needs)
            if reason:
                if reason != "elsewhere":
                    print(f"{example.place}: not run: {reason}")
                continue
            problem = run_example(example, folder, options.update)
            print(f"{example.place}: {problem or 'passed'}", flush=True)
            passed, failed = passed + (not problem), failed + bool(problem)
    if options.update:
        write_outputs(file, examples)
    return passed, failed


def read_examples(file):
    lines = file.read_text(encoding="utf-8").split("\n")
    examples, at, latest = [], 0, None
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if not fence:
            latest = latest if not lines[at].strip() else None
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].rstrip() != "```":
            end += 1
        kind, _, mark = fence[1].strip().partition(" ")
        if kind == "sh":
            latest = Example(file, at + 1, mark.strip(), "\n".join(lines[at + 1:end]) + "\n")
            examples.append(latest)
        elif kind == "output" and latest:
            latest.expected, latest.output_at, latest = lines[at + 1:end], (at + 1, end), None
        elif kind == "output":
            sys.exit(f"{file.name}:{at + 1}: an output block that follows no example")
        at = end + 1
    return examples


def why_not(example, needs):
    """Why an example is not run: a reason, "elsewhere" for one of the other kind, None when it is run."""
    if example.mark.startswith("skip:"):
        return "elsewhere" if needs else example.mark[5:].strip() or None
    if not re.match(r"run\b", example.mark):
        return "elsewhere" if needs else None  # fails in run_example
    wanted = example.option("needs")
    if wanted != needs:
        return "elsewhere" if needs or not wanted else f"needs {wanted}, which a fresh checkout has not"
    if wanted and not (ROOT / wanted).is_dir():
        return f"{wanted} is not there"
    return None


def prepare(folder, program):
    """A stand-in for the repository's root, in which examples may leave what they like."""
    for name in ("models", "docs", "tools", "scripts", "tests"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    (folder / "build/patchbay").symlink_to(program.resolve())


def run_example(example, folder, update):
    """Runs one; what is wrong with it, or None."""
    if not re.match(r"run\b", example.mark):
        return "FAILED: is marked neither `run` nor `skip: reason`"
    environment = {**os.environ, "PATCHBAY_MODELS": str(ROOT / "models")}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", example.script], cwd=folder, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    code = int(example.option("exit", 0))
    if done.returncode != code:
        return f"FAILED: exit status {done.returncode}, expected {code}\n{done.stdout}{done.stderr}"
    printed = (done.stderr if code else done.stdout).rstrip("\n").split("\n")
    if example.expected is None or same_lines(example.expected, printed):
        return None
    if update and "..." not in " ".join(example.expected).split():
        example.expected = printed
        return None
    return "FAILED: printed\n" + "\n".join(printed) + "\n--- expected\n" + "\n".join(example.expected)


def same_lines(expected, printed):
    if not expected:
        return not printed or printed == [""]
    if expected[0].strip() == "...":
        return any(same_lines(expected[1:], printed[skip:]) for skip in range(len(printed) + 1))
    return bool(printed) and same_words(expected[0].split(), printed[0].split()) and \
        same_lines(expected[1:], printed[1:])


def same_words(expected, printed):
    return len(expected) == len(printed) and all(map(same_word, expected, printed))


def same_word(expected, printed):
    """Equal but for the numbers with a decimal point inside, which may differ a little."""
    if expected == "...":
        return True
    if NUMBER.sub("#", expected) != NUMBER.sub("#", printed):
        return False
    return all(map(near, NUMBER.findall(expected), NUMBER.findall(printed)))


def near(expected, printed):
    digits = re.match(r"-?\d+\.(\d+)", expected)[1]
    exponent = expected.partition("e")[2] or "0"
    last = 1.5 * 10.0 ** (int(exponent) - len(digits))
    a, b = float(expected), float(printed)
    return abs(a - b) <= max(last, 1e-3 * max(abs(a), abs(b)))


def write_outputs(file, examples):
    lines = file.read_text(encoding="utf-8").split("\n")
    for example in reversed(examples):
        if example.expected is not None:
            lines[slice(*example.output_at)] = example.expected
    file.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
