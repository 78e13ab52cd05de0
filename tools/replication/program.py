"""Runs the program and keeps what it says, one file a run, so that a study that was stopped goes on where it was.

A run is known by its arguments and by the bits it depends on: the decoder's tensors, with a picture also the tower's,
the projector's and the picture's. So the runs without a picture survive a new tower.
"""
import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

KEPT = ("schema", "tokens", "corruption", "direction", "window", "positions", "groups", "layers", "answer", "answer_ids",
        "top", "clean", "corrupted", "marks", "sites", "cost", "constraints", "flows", "cuts")


class ProgramError(Exception):
    """The program ended with an error; says which."""


class Program:
    def __init__(self, path, model, work):
        self.path, self.model = path, Path(model)
        self.runs = Path(work) / "runs"
        self.runs.mkdir(parents=True, exist_ok=True)
        self.decoder, self.whole = fingerprints(self.model)

    def ask(self, arguments, picture=None):
        return self._run("ask", arguments, picture)

    def trace(self, arguments, picture=None):
        return self._run("trace", arguments, picture)

    def run(self, command, arguments, picture=None):
        return self._run(command, arguments, picture)

    def known(self, command, arguments, picture=None):
        return self._file(command, arguments, picture).exists()

    def _file(self, command, arguments, picture):
        pictures = [a.split(":", 1)[1] for a in arguments if a.startswith("image:")] + [picture] * bool(picture)
        named = [Path(a).name if a.startswith("image:") else a for a in arguments]
        key = [command, self.whole if pictures else self.decoder, named, *map(digest_of, pictures)]
        return self.runs / (hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24] + ".json")

    def _run(self, command, arguments, picture):
        file = self._file(command, arguments, picture)
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8"))
        shown = ["--image", str(picture)] if picture else []
        line = [str(self.path), command, str(self.model), *shown, *arguments, "--json", "--quiet"]
        done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode != 0:
            raise ProgramError(done.stderr.strip() or f"ended with status {done.returncode}")
        result = {k: v for k, v in json.loads(done.stdout).items() if k in KEPT}
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        partial.replace(file)
        return result


def each(work, items, jobs):
    """work(item) of all items, `jobs` at a time; the results in the items' order."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(work, items))


@lru_cache
def digest_of(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def fingerprints(model):
    """(decoder, whole): digests of the tensors by name, whatever files they lie in and whatever stands before their names."""
    parts = {}
    for file in sorted(model.glob("*.safetensors")):
        for name, about, data in tensors(file):
            plain = re.sub(r"^((language_)?model\.)+", "", name)
            parts[plain] = f"{plain} {about['dtype']} {about['shape']} {hashlib.sha256(data).hexdigest()}"
    if not parts:
        raise SystemExit(f"{model}: holds no .safetensors file")
    seen = ("vision_tower.", "multi_modal_projector.")
    decoder = [parts[n] for n in sorted(parts) if not n.startswith(seen)]
    return [hashlib.sha256("\n".join(lines).encode()).hexdigest() for lines in (decoder, [parts[n] for n in sorted(parts)])]


def tensors(file):
    with open(file, "rb") as data:
        size = int.from_bytes(data.read(8), "little")
        header = json.loads(data.read(size))
        for name, about in header.items():
            if name != "__metadata__":
                begin, end = about["data_offsets"]
                data.seek(8 + size + begin)
                yield name, about, data.read(end - begin)
