"""What the tests of the program share: running it, tiny checkpoints to damage, pictures made by hand.

The standard library only. PATCHBAY names the program, PATCHBAY_TEST_DATA the folder tests/data; PATCHBAY_EXACT=0 says
that the program was built with CBLAS, PATCHBAY_FEW_ROWS=0 that its own products of few rows were left out.
"""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

# A shell that starts something in the background has it ignore Ctrl-C, and so would every program that is started from here.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROGRAM = os.environ["PATCHBAY"]
EXACT = os.environ.get("PATCHBAY_EXACT", "1") == "1"       # whether equal computations give equal bits
FEW_ROWS = os.environ.get("PATCHBAY_FEW_ROWS", "1") == "1" # whether such a product reads the matrix as the file has it
DATA = Path(os.environ["PATCHBAY_TEST_DATA"])
LLAVA, LLAMA, IMAGES = DATA / "model/llava", DATA / "model/llama", DATA / "image"
QUESTION, CONSTRAINT = "What is the capital of this country?", "this country"
PICTURE = IMAGES / "rgb.jpg"


def run(*args, **kwargs):
    """Runs the program (on one thread, if not said otherwise); the result has returncode, stdout and stderr as text."""
    if args and args[0] in ("ask", "trace") and "--threads" not in args:
        args = (args[0], "--threads", 1, *args[1:])
    environment = {**os.environ, **kwargs.pop("env", {})}
    kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, **kwargs}
    return subprocess.run([PROGRAM, *map(str, args)], env=environment, encoding="utf-8", stdin=subprocess.DEVNULL, **kwargs)


# Lines of standard error that are no message of a failure.
BESIDE = re.compile(r"CBLAS:|\d+ [a-z ]+, \S+ TFLOP, about \S+ s on this machine$|\d+ waves? over the layers, which read ")


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
        self.out = self.folder / "out-0"

    def tearDown(self):
        shutil.rmtree(self.folder)

    # ---- running ----

    def program(self, *args, **kwargs):
        """Runs the program; self.out is a folder that was not there before."""
        self.out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return run(*args, **kwargs)

    def trace(self, model, *args, question=QUESTION, constraint=CONSTRAINT, image=None, **kwargs):
        """Traces into self.out; what is None is not given."""
        given = ["--quiet"]
        for name, value in (("--question", question), ("--constraint", constraint), ("--image", image)):
            given += [name, value] if value is not None else []
        out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return self.program("trace", model, "--out", out, *given, *args, **kwargs)

    def succeeds(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def fails(self, result, *words, hint=None):
        """The work failed: exit 1, one line (and a hint), nothing on standard output, nothing left behind. What it would take may
        have been said before."""
        self.assertEqual(result.returncode, 1, f"exit {result.returncode}: {result.stdout}{result.stderr}")
        lines = [line for line in result.stderr.rstrip("\n").split("\n") if not BESIDE.match(line)]
        self.assertRegex(lines[0], r"^patchbay [a-z ]+: ..")
        self.assertLessEqual(len(lines), 2, result.stderr)
        if len(lines) == 2:
            self.assertRegex(lines[1], r"^hint: ..")
        for word in words:
            self.assertIn(str(word), lines[0])
        if hint is not None:
            self.assertIn(hint, lines[-1])
        self.assertEqual(result.stdout or "", "")
        self.assertEqual([p for p in [self.out, *self.out.rglob("*")] if p.exists()], [])

    def misused(self, result, *words):
        """Wrong usage: exit 2, said in the first line, nothing done."""
        self.assertEqual(result.returncode, 2, f"exit {result.returncode}: {result.stdout}{result.stderr}")
        for word in words:
            self.assertIn(str(word), result.stderr.split("\n")[0])
        self.assertEqual(result.stdout, "")
        self.assertFalse(self.out.exists())

    def assertSame(self, a, b):
        """Equal, numbers to the last digit or, with CBLAS, nearly."""
        if EXACT:
            self.assertEqual(a, b)
        elif isinstance(b, dict):
            self.assertEqual(set(a), set(b))
            for key in a:
                self.assertSame(a[key], b[key])
        elif isinstance(b, list):
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self.assertSame(x, y)
        elif isinstance(b, float):
            self.assertAlmostEqual(a, b, delta=1e-4 * abs(b) + 1e-7)
        else:
            self.assertEqual(a, b)

    # ---- checkpoints ----

    def copy(self, source=LLAVA):
        """A copy of a checkpoint."""
        target = self.folder / f"model-{len(list(self.folder.iterdir()))}"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("golden.json"))
        return target

    def with_config(self, source=LLAVA, file="config.json", **changes):
        """A copy whose config differs: key=value, part__key=value inside an object, None to leave a key out."""
        target = self.copy(source)
        edit_json(target / file, changes)
        return target

    def with_text(self, name, text, source=LLAVA):
        """A copy in which the file `name` holds this text, or these bytes."""
        target = self.copy(source)
        (target / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return target


def edit_json(path, changes):
    value = json.loads(path.read_text())
    for key, new in changes.items():
        *parents, last = key.split("__")
        part = value
        for name in parents:
            part = part[name]
        if new is None:
            part.pop(last, None)
        else:
            part[last] = new
    path.write_text(json.dumps(value))


# ---- safetensors ----

def read_tensors(path):
    """{name: (dtype, shape, bytes)}"""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    data = raw[8 + size:]
    return {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])]) for name, t in header.items()}


def write_tensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# ---- pictures ----

def png(path, width, height, pixels=None, depth=8, colour=2):
    """A PNG of one colour, or of these raw rows (each with its filter byte)."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    rows = pixels if pixels is not None else (b"\0" + b"\x50" * (width * channels * depth // 8)) * height

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path
