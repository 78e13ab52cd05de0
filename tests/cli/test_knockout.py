"""`patchbay knockout`: its files and what they hold, its options, what it refuses."""
import json
import re
import unittest
import xml.etree.ElementTree as ElementTree

from common import CONSTRAINT, IMAGES, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest

BASE = ("--question", QUESTION, "--constraint", CONSTRAINT, "--threads", 1, "--quiet")
THREE = ("--from", "image", "--to", "constraint", "--from", "image", "--to", "last", "--from", "constraint", "--to", "last")


class KnockoutTest(ProgramTest):
    def knockout(self, model, *args, image=PICTURE, out=True, **kwargs):
        given = [*BASE, *(("--image", image) if image else ())]
        out_folder = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return self.program("knockout", model, *given, *(("--out", out_folder) if out else ()), *args, **kwargs)

    def read(self, *args, **kwargs):
        """knockout.json of a run that succeeds."""
        self.succeeds(self.knockout(LLAVA, *args, **kwargs))
        return json.loads((self.out / "knockout.json").read_text())

    # ---- files ----

    def test_the_files_are_as_documented(self):
        result = self.succeeds(self.knockout(LLAVA))
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), ["knockout.html", "knockout.json", "knockout.svg"])
        self.assertIn("with nothing cut", result.stdout)
        self.assertRegex(result.stdout, r"image > constraint +lowest 0\.\d+, cut at layer \d")
        self.assertIn(f"see {self.out}/knockout.html", result.stdout)
        found = json.loads((self.out / "knockout.json").read_text())
        self.assertEqual(list(found), ["schema", "model", "image", "prompt", "question", "tokens", "constraints", "image_areas",
                                        "answer", "clean", "window",
                                       "layers", "cut_layers", "cuts", "verify", "cost"])
        self.assertEqual(found["schema"], "patchbay.knockout/1")
        self.assertEqual(found["window"], {"kind": "centred", "size": 1})
        self.assertEqual(found["layers"], list(range(found["model"]["layers"])))
        self.assertEqual(found["cut_layers"], [[layer, layer] for layer in found["layers"]])
        self.assertEqual(found["answer"]["id"], found["clean"]["top"][0]["id"])
        self.assertIsNone(found["verify"])
        self.assertEqual([(c["from"], c["to"]) for c in found["cuts"]], [("image", "constraint"), ("constraint", "last")])
        for cut in found["cuts"]:
            self.assertEqual(list(cut), ["from", "to", "prob", "relative", "logprob", "pairs"])
            for prob, relative in zip(cut["prob"], cut["relative"]):
                self.assertAlmostEqual(relative, prob / found["clean"]["prob"] - 1, delta=1e-7)
        self.assertEqual(found["cuts"][0]["pairs"][0]["destinations"], found["constraints"][0]["positions"])
        self.assertEqual(found["cost"]["cells"], 2 * len(found["layers"]))

    def test_the_figure_is_xml_that_says_what_it_shows(self):
        self.read(*THREE, "--window", 3)
        svg = (self.out / "knockout.svg").read_text()
        ElementTree.fromstring(svg)
        for words in ("with edges cut", "image \u2192 last", "nothing cut", "centre of a window of 3", QUESTION):
            self.assertIn(words, svg)

    def test_the_page_stands_alone_and_tells_values_on_hover(self):
        found = self.read(*THREE)
        page = (self.out / "knockout.html").read_text()
        self.assertEqual(re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", page), [])
        self.assertNotIn("http", page)
        self.assertNotIn("<script", page)
        self.assertEqual(len(re.findall(r"<circle class=\"point", page)), 2 * 3 * len(found["layers"]))
        for words in ("image \u2192 constraint cut in layer 0: p = ", "All points", "How it was computed", "data:image/jpeg"):
            self.assertIn(words, page)

    def test_a_page_escapes_what_it_is_given(self):
        self.succeeds(self.program("knockout", LLAVA, "--question", "Is <b>this</b> & that \"it\"?", "--constraint", "<b>this</b>",
                                   "--image", PICTURE, "--quiet", "--out", self.folder / f"out-{int(self.out.name[4:]) + 1}"))
        self.assertNotIn("<b>this</b>", (self.out / "knockout.html").read_text())
        ElementTree.fromstring((self.out / "knockout.svg").read_text())

    def test_without_a_picture(self):
        self.succeeds(self.knockout(LLAMA, image=None))
        found = json.loads((self.out / "knockout.json").read_text())
        self.assertIsNone(found["image"])
        self.assertEqual([(c["from"], c["to"]) for c in found["cuts"]], [("constraint", "last")])

    # ---- options ----

    def test_json_goes_to_standard_output(self):
        printed = json.loads(self.succeeds(self.knockout(LLAVA, "--json", out=False)).stdout)
        self.assertSame(printed["cuts"], self.read()["cuts"])

    def test_the_naive_form_gives_the_same(self):
        quick, naive = self.read(*THREE, "--window", 3), self.read(*THREE, "--window", 3, "--naive")
        self.assertSame(quick["cuts"], naive["cuts"])
        self.assertLess(quick["cost"]["flop"], naive["cost"]["flop"])
        self.assertEqual(naive["cost"]["cells_skipped"], 0)

    def test_points_can_be_verified(self):
        found = self.read(*THREE, "--verify", 5)
        self.assertEqual(found["verify"]["cells"], 5)
        self.assertLessEqual(found["verify"]["max_rel_diff"], 1e-4)
        self.assertIn("5 random points", (self.out / "knockout.html").read_text())

    def test_windows_are_those_of_traces(self):
        layers = range(len(self.read()["layers"]))
        last = len(layers) - 1
        self.assertEqual(self.read("--window", 3)["cut_layers"], [[max(0, l - 1), min(last, l + 1)] for l in layers])
        self.assertEqual(self.read("--window", 2)["cut_layers"], [[max(0, l - 1), l] for l in layers])
        radius = self.read("--radius", 1)
        self.assertEqual(radius["cut_layers"], [[max(0, l - 1), min(last, l + 1)] for l in layers])
        self.assertEqual(radius["window"], {"kind": "radius", "size": 1})

    def test_layers_can_be_chosen(self):
        every, one = self.read(), self.read("--layers", "1:2")
        self.assertEqual(one["layers"], [1])
        for a, b in zip(every["cuts"], one["cuts"]):
            self.assertSame(b["prob"], a["prob"][1:2])

    def test_all_pairs_can_be_cut_together(self):
        apart, joint = self.read(*THREE), self.read(*THREE, "--together")
        self.assertEqual(len(joint["cuts"]), 1)
        self.assertEqual((joint["cuts"][0]["from"], joint["cuts"][0]["to"]),
                         ("image,image,constraint", "constraint,last,last"))
        self.assertEqual([(p["from"], p["to"]) for p in joint["cuts"][0]["pairs"]], [(c["from"], c["to"]) for c in apart["cuts"]])
        self.assertEqual(joint["cost"]["cells"], len(joint["layers"]))
        alone = self.read("--from", "image", "--to", "last", "--together")
        self.assertSame(alone["cuts"][0]["prob"], apart["cuts"][1]["prob"])

    def test_the_answer_may_be_named(self):
        found = self.read("--answer", "Norway")
        self.assertNotEqual(found["answer"]["id"], found["clean"]["top"][0]["id"])
        whole = self.read("--answer", "a river in Japan", "--answer-tokens", "all")
        self.assertGreater(len(whole["answer"]["ids"]), 1)

    def test_neither_threads_nor_memory_nor_repetition_show(self):
        first = self.read(*THREE)["cuts"]
        self.assertSame(first, self.read(*THREE, "--threads", 2, "--memory", "2M")["cuts"])

    # ---- what is refused ----

    def test_wrong_usage(self):
        self.misused(self.knockout(LLAVA, "--from", "image"), "--from and --to", "1 and 0")
        self.misused(self.knockout(LLAVA, "--answer", "x", "--answer-id", 3), "--answer and --answer-id")
        self.misused(self.knockout(LLAVA, "--window", 3, "--radius", 1), "--window and --radius")
        self.misused(self.knockout(LLAVA, "--window", 0), "--window 0")
        self.misused(self.knockout(LLAVA, "--layers", "3:1"), "--layers 3:1")

    def test_spans_that_cannot_be_are_refused(self):
        self.fails(self.knockout(LLAVA, "--from", "last", "--to", "image"), "--from last --to image", "nothing flows there")
        self.fails(self.knockout(LLAVA, "--from", "imag", "--to", "last"), "imag")
        self.fails(self.knockout(LLAVA, "--from", "2:2", "--to", "last"), "2:2")
        self.fails(self.knockout(LLAVA, "--from", "", "--to", "last"))
        self.fails(self.knockout(LLAVA, "--from", "image", "--to", "last", image=None), "image")
        self.fails(self.knockout(LLAVA, "--from", "constraint:3", "--to", "last"), "constraint:3")

    def test_a_row_without_a_source_is_named(self):
        self.fails(self.knockout(LLAVA, "--from", "all", "--to", "last"), "all > last leaves row 28 (\":\") no row to attend to",
                   hint="leave it a source")
        self.fails(self.knockout(LLAVA, "--from", "bos", "--to", "bos"), "row 0")
        halves = ("--from", "0:15", "--to", "last", "--from", "15:29", "--to", "last")
        self.read(*halves)
        self.fails(self.knockout(LLAVA, *halves, "--together"), "0:15 > last, 15:29 > last leaves row 28")

    def test_layers_memory_and_pictures_that_do_not_do(self):
        self.fails(self.knockout(LLAVA, "--layers", "0:99"), "--layers 0:99")
        self.fails(self.knockout(LLAVA, "--memory", "10K"), "this knockout", "--memory")
        self.fails(self.knockout(LLAVA, image=IMAGES / "nothing.png"), "nothing.png")


if __name__ == "__main__":
    unittest.main()
