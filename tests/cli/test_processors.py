"""The program on processors that this machine is not: qemu's, from x86-64's first on. Nothing may be asked of them that
they do not have, and what comes out is what comes out here.

qemu has none with AVX-512: that is seen only where the machine itself has it. Exit status 77, which meson counts as
skipped, where qemu-x86_64 is not installed.
"""
import json
import platform
import shutil
import subprocess
import sys
import unittest

from common import DATA, EXACT, PROGRAM, QUESTION, ProgramTest

QEMU = shutil.which("qemu-x86_64")
if not QEMU or platform.machine() != "x86_64":
    print("skipped: needs qemu-x86_64 (Debian: qemu-user), on a processor of its kind")
    sys.exit(77)

FIRST, NO_AVX, AVX2 = "kvm64", "Nehalem", "Haswell"        # SSE2 alone; SSE4.2; AVX2 and FMA
PICTURE = DATA.resolve().parent.parent / "models/demo/pictures/pt.png"
TRACE = ("--layers", "2:4", "--positions", "last", "--sites", "attn_out,mlp_out", "--verify", 1, "--threads", 1)


class Processors(ProgramTest):
    def on(self, processor, *args):
        """As common.run on another processor. What qemu says of features that it lacks is left out of stderr."""
        result = subprocess.run([QEMU, "-cpu", processor, PROGRAM, *map(str, args)], encoding="utf-8", timeout=200,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("qemu-x86_64: warning: ")]
        result.stderr = "\n".join(lines)
        return self.succeeds(result)

    def assertNear(self, there, here):
        self.assertAlmostEqual(there, here, delta=1e-4 * here + 1e-9)

    def trace_on(self, processor):
        out = self.folder / processor
        self.on(processor, "trace", "demo", "--image", PICTURE, "--question", QUESTION, "--constraint", "this country",
                "--quiet", "--out", out, *TRACE)
        return json.loads((out / "trace.json").read_text())

    def test_trace(self):
        self.succeeds(self.trace("demo", *TRACE, image=PICTURE))
        here = json.loads((self.out / "trace.json").read_text())
        for processor in (NO_AVX, AVX2):
            with self.subTest(processor=processor):
                there = self.trace_on(processor)
                self.assertEqual((there["answer"], there["cost"]["flop"]), (here["answer"], here["cost"]["flop"]))
                self.assertLessEqual(there["verify"]["max_rel_diff"], 0 if EXACT else 1e-4)
                for run in ("clean", "corrupted"):
                    self.assertNear(there[run]["prob"], here[run]["prob"])
                for site, grids in here["sites"].items():
                    for rows in zip(there["sites"][site]["prob"], grids["prob"]):
                        for cells in zip(*rows):
                            self.assertNear(*cells)

    def test_ask(self):
        args = ("ask", "demo", "--image", PICTURE, QUESTION, "--json", "--max-tokens", 1, "--threads", 1)
        here = json.loads(self.succeeds(self.program(*args)).stdout)
        there = json.loads(self.on(FIRST, *args).stdout)
        self.assertEqual(there["answer"], here["answer"])
        for a, b in zip(there["top"], here["top"]):
            self.assertEqual(a["id"], b["id"])
            self.assertNear(a["prob"], b["prob"])

    def test_bf16_says_that_it_is_widened(self):
        args = ("ask", "demo", "What is the capital of Portugal?", "--dtype", "bf16", "--max-tokens", 1, "--threads", 1)
        result = self.on(AVX2, *args)
        self.assertIn("bf16: no products of it here", result.stderr)
        self.assertEqual(result.stdout.split("\n")[0], "Lisbon")
        self.assertIn("no products of it here", self.on(FIRST, "info", "demo", "--dtype", "bf16").stdout)


if __name__ == "__main__":
    unittest.main()
