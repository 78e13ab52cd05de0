"""The program's runs: sweeps, which go on where they stopped by themselves, and reports."""
import json
import os
import subprocess
import sys


class Program:
    def __init__(self, path, model, options):
        self.path, self.model, self.options, self.problems = str(path), str(model), options, []

    def layers(self):
        found = subprocess.run([self.path, "info", self.model, "--json"], stdout=subprocess.PIPE, check=True, encoding="utf-8")
        return json.loads(found.stdout)["layers"]

    def sweep(self, sweep, questions, store):
        """Whether it came to its end; what went wrong is noted."""
        limit = getattr(self.options, sweep.limit)
        line = [*self.ranks(), self.path, "sweep", self.model, questions, *sweep.arguments, "--store", store, "--seed", self.options.seed]
        line += ["--limit", limit] if limit else []
        line += ["--threads", self.options.threads] if self.options.threads else []
        line += ["--template", self.options.template] if self.options.template else []
        return self.run(line, sweep.name)

    def report(self, name, stores, contrast, out):
        return self.run([self.path, "report", *stores, *(["--contrast"] if contrast else []), "--out", out], f"report {name}")

    def ranks(self):
        """Not bound to cores, so that each may have --threads; Open MPI wants to be told that root means it."""
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return ["mpirun", "-n", self.options.jobs, "--bind-to", "none", *root] if self.options.jobs > 1 else []

    def run(self, line, what):
        say(what)
        try:
            done = subprocess.run([str(part) for part in line], stdout=subprocess.PIPE, stderr=None if sys.stderr.isatty() else
                                  subprocess.PIPE, encoding="utf-8")
        except OSError as error:
            self.problems.append(f"{what}: {error}")
            return False
        if done.returncode:
            lines = [line for line in (done.stderr or "").splitlines() if line.strip("- ") and not line.startswith("hint:")]
            self.problems.append(f"{what}: " + (lines[-1] if lines else f"exit code {done.returncode}"))
            say(self.problems[-1])
        return done.returncode == 0


def say(line):
    print(f"replicate: {line}", file=sys.stderr, flush=True)
