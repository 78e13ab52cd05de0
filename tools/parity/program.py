"""Runs the patchbay program and reads what it prints."""

import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from .oracle import Request

ROOT = Path(__file__).resolve().parents[2]


class ProgramError(Exception):
    """The program exited with an error, or printed no JSON."""


def program() -> Path:
    return Path(os.environ.get("PATCHBAY", ROOT / "build" / "patchbay"))


def trace_command(model: Path, request: Request, *extra: str) -> list[str]:
    return [str(program()), "trace", str(model), *request.options(), "--json", "--quiet", *extra]


def trace(model: Path, request: Request, *extra: str) -> dict:
    """trace.json of one request. Its files go to a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as out:
        return run(trace_command(model, request, *extra, "--out", out))


def ask(model: Path, request: Request, *extra: str) -> dict:
    image = ["--image", request.image] if request.image else []
    return run([str(program()), "ask", str(model), *image, request.question, "--json", "--quiet", *extra])


def run(command: list[str]) -> dict:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise ProgramError(str(error)) from error
    if done.returncode != 0:
        raise ProgramError(f"exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    if done.stderr:
        raise ProgramError(f"--quiet, and yet: {done.stderr.strip()[-400:]}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ProgramError(f"no JSON on standard output: {error}: {done.stdout[:200]!r}") from error


def shown(command: list[str]) -> str:
    """A command as a shell takes it."""
    return shlex.join(command)
