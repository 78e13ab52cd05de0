"""Runs `patchbay edit` and keeps what it says, one file a run, as replication.program keeps traces.

A run is known by its arguments and by the bits that it depends on: the model's tensors, the lines of its files, and in
the place of each picture's path the picture's digest.
"""
import hashlib
import json
import os
import subprocess
from pathlib import Path

from replication.program import Program, ProgramError, digest_of

from .requests import write_lines


class Runs(Program):
    def edit(self, arguments, files):
        """files: {"--requests": rows, "--eval": rows, "--keep": rows}; the edit.json of it."""
        file = self._edited(arguments, files)
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8"))
        folder = self.runs.parent / "files"
        folder.mkdir(exist_ok=True)
        named = []
        for option, rows in files.items():
            named += [option, str(write_lines(folder / f"{file.stem}{option}.jsonl", rows))]
        line = [str(self.path), "edit", str(self.model), *arguments, *named, "--json", "--quiet"]
        done = subprocess.run(line, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1", **os.environ})
        if done.returncode < 0:
            raise SystemExit(f"edits: the program was ended by signal {-done.returncode}")      # no refusal
        if done.returncode != 0:
            raise ProgramError(done.stderr.strip() or f"ended with status {done.returncode}")
        result = json.loads(done.stdout)
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        partial.replace(file)
        return result

    def edit_is_known(self, arguments, files):
        return self._edited(arguments, files).exists()

    def _edited(self, arguments, files):
        lines = {option: [by_digest(row) for row in rows] for option, rows in files.items()}
        key = json.dumps(["edit", self.whole, list(arguments), lines], sort_keys=True)
        return self.runs / ("edit-" + hashlib.sha256(key.encode()).hexdigest()[:24] + ".json")


def by_digest(row):
    """A line with its pictures' digests in the place of their paths."""
    shown = {"image": digest_of(row["image"])} if row.get("image") else {}
    again = {"rephrasings": [by_digest(r) for r in row["rephrasings"]]} if "rephrasings" in row else {}
    return {**row, **shown, **again}
