"""Looks at reports from outside, as a reader's programs will: check_samples.py WRITER

WRITER (report_samples.c) writes made-up reports; here their JSON, NPZ, SVG and HTML are read with the standard
library, and the NPZ with NumPy too where it is installed, as ROME's notebooks load them."""
import ast
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
import zipfile
from html.parser import HTMLParser

WRITER = sys.argv.pop() if __name__ == "__main__" else None
SVG = "{http://www.w3.org/2000/svg}"
FILES = {"trace.npz": ("resid_post", ""), "trace_mlp.npz": ("mlp_out", "mlp"), "trace_attn.npz": ("attn_out", "attn"),
         "trace_resid_pre.npz": ("resid_pre", "")}
KEYS = ["scores", "low_score", "high_score", "input_ids", "input_tokens", "subject_range", "answer", "window", "kind"]


def read_npy(data: bytes):
    """(shape, flat list) of a .npy 1.0 file, by its specification."""
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (size,) = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0 and data[10 + size - 1:10 + size] == b"\n"
    header = ast.literal_eval(data[10:10 + size].decode("ascii"))
    assert not header["fortran_order"]
    count = math.prod(header["shape"])
    body, kind = data[10 + size:], header["descr"]
    if kind.startswith("<U"):
        width = int(kind[2:]) * 4
        assert len(body) == width * count
        return header["shape"], [body[i * width:(i + 1) * width].decode("utf-32-le").rstrip("\0") for i in range(count)]
    code = {"<f4": "f", "<f8": "d", "<i8": "q", "|u1": "B"}[kind]
    return header["shape"], list(struct.unpack(f"<{count}{code}", body))


def read_npz(path: str) -> dict:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name.removesuffix(".npy"): read_npy(archive.read(name)) for name in archive.namelist()}


class Page(HTMLParser):
    """Collects the elements of a page, and that they nest."""
    VOID = {"meta", "img", "br", "rect", "path"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.scripts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


class Samples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([WRITER, cls.folder.name], check=True)
        cls.names = sorted(os.listdir(cls.folder.name))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def each(self):
        for name in self.names:
            folder = os.path.join(self.folder.name, name)
            with self.subTest(name), open(os.path.join(folder, "trace.json"), encoding="utf-8") as file:
                yield folder, json.load(file)

    def test_json_shapes(self):
        for _, trace in self.each():
            self.assertEqual(trace["schema"], "patchbay.trace/1")
            for grids in trace["sites"].values():
                for name in grids.keys() - {"restored"}:
                    self.assertEqual(len(grids[name]), len(trace["layers"]))
                    self.assertTrue(all(len(row) == len(trace["positions"]) for row in grids[name]))
                self.assertTrue(all(first <= last for first, last in grids["restored"]))
            rows = sum(token.get("count", 1) for token in trace["tokens"])
            self.assertEqual(rows, trace["tokens"][-1]["position"] + 1)

    def test_npz_is_romes_and_agrees_with_the_json(self):
        for folder, trace in self.each():
            for name, (site, kind) in FILES.items():
                path = os.path.join(folder, name)
                self.assertEqual(os.path.exists(path), site in trace["sites"])
                if site in trace["sites"]:
                    self.check_npz(read_npz(path), trace, site, kind)

    def check_npz(self, npz, trace, site, kind):
        self.assertEqual(list(npz), KEYS)
        rows, columns = npz["scores"][0]
        self.assertEqual(rows, trace["tokens"][-1]["position"] + 1)
        self.assertEqual(columns, trace["model"]["layers"])
        self.assertEqual(npz["low_score"], ((), [trace["corrupted"]["prob"]]))
        self.assertEqual(npz["high_score"], ((), [trace["clean"]["prob"]]))
        self.assertEqual((npz["kind"][1], npz["answer"][1]), ([kind], [trace["answer"]["text"]]))
        self.assertEqual((npz["input_ids"][0], npz["input_tokens"][0]), ((rows,), (rows,)))
        constraint = trace["constraints"][0]["positions"] if trace["constraints"] else []
        wanted = [constraint[0], constraint[-1] + 1] if constraint else [0, 0]
        self.assertEqual(npz["subject_range"][1], wanted)
        scores, cells = npz["scores"][1], {}
        for index, positions in reversed(list(enumerate(trace["positions"]))):
            for position in positions if isinstance(positions, list) else [positions]:
                cells[position] = index
        known = trace["clean" if trace["direction"] == "noise" else "corrupted"]["prob"]
        for row in range(rows):
            for layer in range(columns):
                found = scores[row * columns + layer]
                if row in cells:
                    self.assertAlmostEqual(found, trace["sites"][site]["prob"][layer][cells[row]], delta=1e-7)
                elif constraint and row < constraint[0]:
                    self.assertAlmostEqual(found, known, delta=1e-7)
                else:
                    self.assertTrue(math.isnan(found))

    def test_numpy_loads_it_as_romes_notebooks_do(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        for folder, trace in self.each():
            data = numpy.load(os.path.join(folder, "trace_attn.npz"))  # no pickles
            first, after = data["subject_range"]
            self.assertEqual(data["scores"].shape, (len(data["input_ids"]), trace["model"]["layers"]))
            self.assertEqual(data["scores"][first:after].shape[0], after - first)
            self.assertEqual(str(data["kind"]), "attn")

    def test_svg_is_sound_and_complete(self):
        for folder, trace in self.each():
            root = xml.parse(os.path.join(folder, "trace.svg")).getroot()
            self.assertEqual(root.tag, SVG + "svg")
            _, _, width, height = map(float, root.get("viewBox").split())
            maps = [g for g in root.iter(SVG + "g") if g.get("class", "").startswith("heat ")]
            self.assertEqual(len(maps), len(trace["sites"]))
            for text in root.iter(SVG + "text"):
                self.assertTrue(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height)
            self.assertTrue(all(5.4 <= float(t.get("font-size")) <= 8 for t in root.iter(SVG + "text")))
            self.assertIn("p(", "".join(root.itertext()))

    def test_svg_colours_every_cell_once(self):
        for folder, trace in self.each():
            root = xml.parse(os.path.join(folder, "trace.svg")).getroot()
            for group in (g for g in root.iter(SVG + "g") if g.get("class") == "cells"):
                runs = [run for path in group for run in path.get("d").split("M")[1:]]
                covered = sum(int(run[run.index("h") + 1:run.index("v")]) for run in runs)
                self.assertEqual(covered, len(trace["layers"]) * len(trace["positions"]))

    def test_page_nests_stands_alone_and_carries_the_values(self):
        for folder, trace in self.each():
            path = os.path.join(folder, "trace.html")
            with open(path, encoding="utf-8") as file:
                page = Page()
                page.feed(file.read())
            self.assertEqual(page.open, [])
            self.assertLess(os.path.getsize(path), 4_000_000)
            self.assertFalse([tag for tag, attrs in page.seen if "href" in attrs or tag in ("link", "iframe")])
            sources = [attrs["src"] for _, attrs in page.seen if "src" in attrs]
            self.assertTrue(all(source.startswith("data:image/") for source in sources))
            data = json.loads(page.scripts[0])
            for shown, site in zip(data["sites"], trace["sites"].values()):
                for a, b in zip(shown["prob"], site["prob"]):
                    self.assertTrue(all(math.isclose(x, y, rel_tol=1e-3) for x, y in zip(a, b, strict=True)))


if __name__ == "__main__":
    unittest.main()
