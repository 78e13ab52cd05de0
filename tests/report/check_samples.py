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
         "trace_resid_pre.npz": ("resid_pre", ""), "trace_head.npz": ("head_out", "head")}
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

    def estimates(self):
        for name in self.names:
            folder = os.path.join(self.folder.name, name)
            if name.startswith("estimates"):
                with self.subTest(name), open(os.path.join(folder, "attribute.json"), encoding="utf-8") as file:
                    yield folder, json.load(file)

    def each(self):
        for name in self.names:
            folder = os.path.join(self.folder.name, name)
            if name.startswith("estimates"):
                continue
            with self.subTest(name), open(os.path.join(folder, "trace.json"), encoding="utf-8") as file:
                yield folder, json.load(file)

    def test_json_shapes(self):
        for _, trace in self.each():
            self.assertEqual(trace["schema"], "patchbay.trace/1")
            for grids in trace["sites"].values():
                for name in grids.keys() - {"restored"}:
                    self.assertEqual(len(grids[name]), len(trace["layers"]))
                    self.assertTrue(all(len(row) == len(trace["positions"]) for row in grids[name]))
                    cells = [cell for row in grids[name] for cell in row]
                    self.assertEqual(len({len(c) if isinstance(c, list) else 0 for c in cells}), 1)
                    self.assertEqual(isinstance(cells[0], list), grids is trace["sites"].get("head_out"))
                self.assertTrue(all(first <= last for first, last in grids["restored"]))
            self.assertEqual("top_heads" in trace, "head_out" in trace["sites"])
            self.check_top_heads(trace)
            rows = sum(token.get("count", 1) for token in trace["tokens"])
            self.assertEqual(rows, trace["tokens"][-1]["position"] + 1)

    def check_top_heads(self, trace):
        top, noise = trace.get("top_heads", []), trace["direction"] == "noise"
        self.assertEqual(len({(h["layer"], h["head"]) for h in top}), len(top))
        self.assertEqual(sorted(top, key=lambda h: -h["effect"]), top)
        for h in top:
            at = trace["groups"].index(h["group"]) if "groups" in trace else trace["positions"].index(h["position"])
            row = trace["sites"]["head_out"]["prob"][trace["layers"].index(h["layer"])]
            self.assertEqual(row[at][h["head"]], h["prob"])
            self.assertEqual((min if noise else max)(cell[h["head"]] for cell in row), h["prob"])

    def test_npz_is_romes_and_agrees_with_the_json(self):
        for folder, trace in self.each():
            for name, (site, kind) in FILES.items():
                path = os.path.join(folder, name)
                self.assertEqual(os.path.exists(path), site in trace["sites"])
                if site in trace["sites"]:
                    self.check_npz(read_npz(path), trace, site, kind)

    def check_npz(self, npz, trace, site, kind):
        self.assertEqual(list(npz), KEYS)
        rows, columns, *heads = npz["scores"][0]
        self.assertEqual(bool(heads), site == "head_out")
        heads = heads[0] if heads else 1
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
                at = (row * columns + layer) * heads
                if row in cells:
                    wanted = trace["sites"][site]["prob"][layer][cells[row]]
                else:
                    wanted = known if constraint and row < constraint[0] else math.nan
                for found, value in zip(scores[at:at + heads], wanted if isinstance(wanted, list) else [wanted] * heads):
                    self.assertTrue(math.isnan(found) if math.isnan(value) else abs(found - value) < 1e-7)

    def test_numpy_loads_it_as_romes_notebooks_do(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        for folder, trace in self.each():
            if "attn_out" not in trace["sites"]:
                continue
            data = numpy.load(os.path.join(folder, "trace_attn.npz"))  # no pickles
            first, after = data["subject_range"]
            self.assertEqual(data["scores"].shape, (len(data["input_ids"]), trace["model"]["layers"]))
            self.assertEqual(data["scores"][first:after].shape[0], after - first)
            self.assertEqual(str(data["kind"]), "attn")

    def head_maps(self, trace):
        """One for each group, or for constraints, picture, last row and all rows."""
        if "head_out" not in trace["sites"]:
            return 0
        if "groups" in trace:
            return len(trace["groups"])
        picture = any(t["span"] == "image" and t["position"] in trace["positions"] for t in trace["tokens"])
        return len(trace["constraints"]) + picture + 2

    def test_svg_is_sound_and_complete(self):
        for folder, trace in self.each():
            root = xml.parse(os.path.join(folder, "trace.svg")).getroot()
            self.assertEqual(root.tag, SVG + "svg")
            _, _, width, height = map(float, root.get("viewBox").split())
            maps = [g for g in root.iter(SVG + "g") if g.get("class", "").startswith("heat ")]
            self.assertEqual(len(maps), len(set(trace["sites"]) - {"head_out"}) + self.head_maps(trace))
            for text in root.iter(SVG + "text"):
                self.assertTrue(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height)
            self.assertTrue(all(5.4 <= float(t.get("font-size")) <= 8 for t in root.iter(SVG + "text")))
            self.assertIn("p(", "".join(root.itertext()))

    def test_svg_colours_every_cell_once(self):
        for folder, trace in self.each():
            root = xml.parse(os.path.join(folder, "trace.svg")).getroot()
            for i, group in enumerate(g for g in root.iter(SVG + "g") if g.get("class") == "cells"):
                of_heads = i >= len(set(trace["sites"]) - {"head_out"})
                rows = len(trace["sites"]["head_out"]["prob"][0][0]) if of_heads else len(trace["positions"])
                runs = [run for path in group for run in path.get("d").split("M")[1:]]
                covered = sum(int(run[run.index("h") + 1:run.index("v")]) for run in runs)
                self.assertEqual(covered, len(trace["layers"]) * rows)

    def test_estimates_stand_beside_exact_values(self):
        for folder, found in self.estimates():
            self.assertEqual(found["schema"], "patchbay.attribute/1")
            self.assertEqual(sorted(os.listdir(folder)), ["attribute.html", "attribute.json", "attribute.svg"])
            run = total = 0
            for grids in found["sites"].values():
                for name in grids.keys() - {"restored", "spearman"}:
                    for row, estimates in zip(grids[name], grids["estimate"], strict=True):
                        for cell, estimate in zip(row, estimates, strict=True):
                            self.assertEqual(isinstance(cell, list), isinstance(estimate, list))
                            values = cell if isinstance(cell, list) else [cell]
                            total += len(values) * (name == "estimate")
                            run += sum(value is not None for value in values) * (name == "prob")
            self.assertEqual(found["exact"], run)
            self.assertEqual("spearman" in found, run == total)
            self.assertTrue(all(("spearman" in grids) == (run == total) for grids in found["sites"].values()))

    def test_figures_of_estimates(self):
        for folder, found in self.estimates():
            root = xml.parse(os.path.join(folder, "attribute.svg")).getroot()
            _, _, width, height = map(float, root.get("viewBox").split())
            words = " ".join("".join(root.itertext()).split())
            self.assertIn("log p(", words)
            self.assertIn("First-order estimates", words)
            self.assertIn("exact change of log p", words)
            for text in root.iter(SVG + "text"):
                self.assertTrue(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height)
            rings = [c for c in root.iter(SVG + "circle") if c.get("stroke") == "#000"]
            in_maps = sum(value is not None for site, grids in found["sites"].items() if site != "head_out"
                          for row in grids["prob"] for value in row)
            self.assertEqual(len(rings), 0 if "spearman" in found else in_maps)
            points = [g for g in root.iter(SVG + "g") if g.get("class") == "scatter"]
            self.assertEqual(len(points), 1)

    def test_pages_of_estimates(self):
        for folder, found in self.estimates():
            with open(os.path.join(folder, "attribute.html"), encoding="utf-8") as file:
                text = file.read()
            page = Page()
            page.feed(text)
            self.assertEqual(page.open, [])
            self.assertIn("These are estimates", text)
            self.assertEqual("rank correlation" in text, "spearman" in found)
            data = json.loads(page.scripts[0])
            for shown, site in zip(data["sites"], found["sites"].values(), strict=True):
                if site is found["sites"].get("head_out"):
                    continue
                for a, b in zip(shown["estimate"], site["estimate"], strict=True):
                    self.assertTrue(all(math.isclose(x, y, rel_tol=1e-3) for x, y in zip(a, b, strict=True)))

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
            self.assertEqual(len(data["sites"]), len(trace["sites"]))
            for shown, site in zip(data["sites"], trace["sites"].values()):
                if site is trace["sites"].get("head_out"):
                    self.assertIsNone(shown)        # its maps carry their values
                    continue
                for a, b in zip(shown["prob"], site["prob"]):
                    self.assertTrue(all(math.isclose(x, y, rel_tol=1e-3) for x, y in zip(a, b, strict=True)))


if __name__ == "__main__":
    unittest.main()
