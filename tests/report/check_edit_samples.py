"""Looks at the files of edits from outside, as a reader's programs will: check_edit_samples.py WRITER

WRITER (edit_samples.c) writes made-up edits; here their JSON, NPZ, SVG and HTML are read with the standard library."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

from check_samples import Page, SVG, read_npz

WRITER = sys.argv.pop()
FIELDS = ["schema", "model", "method", "settings", "requests", "efficacy", "generalisation", "neighbourhood", "specificity",
          "together", "cost"]


class Samples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([WRITER, cls.folder.name], check=True)
        cls.names = sorted(os.listdir(cls.folder.name))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def each(self, sweeps=False):
        for name in self.names:
            if name == "sweep" and not sweeps:
                continue
            folder = os.path.join(self.folder.name, name)
            with self.subTest(name), open(os.path.join(folder, "edit.json"), encoding="utf-8") as file:
                yield folder, json.load(file)

    def one(self, name):
        with open(os.path.join(self.folder.name, name, "edit.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_json_shapes(self):
        for _, edit in self.each():
            self.assertEqual(edit["schema"], "patchbay.edit/1")
            self.assertEqual(list(edit), FIELDS)
            for request in edit["requests"]:
                self.assertEqual(len(request["loss"]), edit["settings"]["steps"])
                self.assertEqual(len(request["prob"]), edit["settings"]["steps"])
                for asked in (request, *request["rephrasings"], *request["pictures"]):
                    self.assertEqual(set(asked["before"]), {"prob", "answer", "exact"})
                    self.assertEqual(set(asked["after"]), {"prob", "answer", "exact"})
            for measure, count in (("neighbourhood", "kept"), ("specificity", "after")):
                if edit[measure]:
                    self.assertEqual(len(edit[measure]["asked"]), edit[measure]["questions"])
                    low, high = edit[measure][count + "_interval"]
                    self.assertTrue(low <= edit[measure][count] <= high)
            answers = [one["after"]["answer"] for one in edit["requests"]]
            self.assertFalse([answer for answer in answers if answer.startswith(" ")])

    def test_what_is_not_there_is_null(self):
        alone = self.one("alone")
        for name in ("neighbourhood", "specificity", "together"):
            self.assertIsNone(alone[name])
        self.assertEqual(alone["generalisation"], {"rephrasings": None, "pictures": None})
        self.assertIsNone(self.one("tuned")["neighbourhood"]["key_cosine"])
        self.assertEqual(self.one("tuned")["settings"]["epsilon"], 5e-4)
        self.assertNotIn("clamp", self.one("tuned")["settings"])

    def test_layers_and_requests(self):
        spread = self.one("spread")
        self.assertEqual([one["layer"] for one in spread["requests"]], [[1, 5]] * 3)
        self.assertEqual(spread["together"], {"largest_key_cosine": 0.87})
        many = self.one("many")
        self.assertEqual([one["request"] for one in many["neighbourhood"]["asked"]], [i for i in range(40) for _ in range(3)])
        self.assertEqual([one["target_ids"] for one in many["requests"][:2]], [[7], [7, 8]])

    def test_a_sweep_is_layer_by_layer(self):
        sweep = self.one("sweep")
        self.assertEqual(list(sweep), FIELDS[:5] + ["sweep", "cost"])
        self.assertEqual([at["layer"] for at in sweep["sweep"]], list(range(3, 30)))
        for at in sweep["sweep"]:
            self.assertEqual(len(at["outcomes"]), 12)
            self.assertIsNone(at["outcomes"][0]["generalisation"])
            self.assertNotIn("asked", at["neighbourhood"])
        self.assertEqual(set(sweep["requests"][0]), {"id", "subject", "image", "question", "prefill", "constraint", "target",
                                                     "target_ids", "target_token_count", "before", "key_position"})
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "sweep", "edit.npz")))

    def test_npz(self):
        for folder, edit in self.each():
            path = os.path.join(folder, "edit.npz")
            self.assertEqual(os.path.exists(path), edit["method"] == "multedit")
            if edit["method"] != "multedit":
                continue
            npz = read_npz(path)
            first, end = edit["requests"][0]["layer"] if isinstance(edit["requests"][0]["layer"], list) else (2, 3)
            rows = len(edit["requests"]) * (end - first)
            self.assertEqual(list(npz), ["key", "v0", "v", "u", "layer", "request", "together"])
            self.assertEqual([npz[name][0] for name in npz], [(rows, 6), (rows, 4), (rows, 4), (rows, 4), (rows,), (rows,), ()])
            self.assertEqual(npz["layer"][1], list(range(first, end)) * len(edit["requests"]))
            self.assertEqual(npz["together"][1], [int(edit["together"] is not None)])

    def test_a_new_set_replaces_the_old(self):
        """An edit.npz of an edit that stood there before would be taken for this one's."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "tuned"))
            for name in ("edit.npz", "other.txt"):
                with open(os.path.join(folder, "tuned", name), "w", encoding="utf-8") as file:
                    file.write("old")
            subprocess.run([WRITER, folder], check=True)
            self.assertEqual(sorted(os.listdir(os.path.join(folder, "tuned"))),
                             ["edit.html", "edit.json", "edit.svg", "other.txt", "summary.txt"])

    def test_svg_is_sound(self):
        for folder, edit in self.each(sweeps=True):
            root = xml.parse(os.path.join(folder, "edit.svg")).getroot()
            self.assertEqual(root.tag, SVG + "svg")
            _, _, width, height = map(float, root.get("viewBox").split())
            panels = [g for g in root.iter(SVG + "g") if g.get("class") == "curves"]
            self.assertEqual(len(panels), 2)
            for panel in panels:
                lines = [path for path in panel.iter(SVG + "path") if path.get("stroke-linejoin")]
                many = 0 if len(edit["requests"]) == 1 else len(edit["requests"])
                self.assertIn(len(lines), (8, many + 1) if "sweep" in edit else (many + 1,))   # four measures, and their key
            for text in root.iter(SVG + "text"):
                self.assertTrue(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height)
                self.assertTrue(5.4 <= float(text.get("font-size")) <= 8)

    def test_page_nests_and_stands_alone(self):
        for folder, edit in self.each(sweeps=True):
            with open(os.path.join(folder, "edit.html"), encoding="utf-8") as file:
                text = file.read()
            page = Page()
            page.feed(text)
            self.assertEqual(page.open, [])
            self.assertFalse([tag for tag, attrs in page.seen if "href" in attrs or tag in ("link", "iframe", "script")])
            self.assertTrue(all(attrs["src"].startswith("data:image/") for _, attrs in page.seen if "src" in attrs))
            rows = sum(tag == "tr" for tag, _ in page.seen)
            self.assertGreater(rows, sum(len(edit[m]["asked"]) for m in ("neighbourhood", "specificity")
                                         if edit.get(m)))
            self.assertNotIn("nan", text.split("</style>")[1].lower())

    def test_summaries_are_lines(self):
        for folder, edit in self.each(sweeps=True):
            with open(os.path.join(folder, "summary.txt"), encoding="utf-8") as file:
                lines = file.read().split("\n")
            self.assertEqual(lines[-1], "")
            self.assertGreaterEqual(len(lines), len(edit["requests"]) + 2)
            self.assertFalse([c for line in lines for c in line if ord(c) < 32 or ord(c) == 127])


if __name__ == "__main__":
    unittest.main()
