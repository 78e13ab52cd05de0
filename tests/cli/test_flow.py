"""`patchbay flow`: its files and what they hold, its options, what it refuses."""
import json
import re
import unittest
import xml.etree.ElementTree as ElementTree

from common import CONSTRAINT, IMAGES, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest, read_tensors, write_tensors

MEASURES = ("sum_norm", "norm_sum", "share", "relative")
BASE = ("--question", QUESTION, "--constraint", CONSTRAINT, "--threads", 1, "--quiet")


class FlowTest(ProgramTest):
    def flow(self, model, *args, image=PICTURE, out=True, **kwargs):
        given = [*BASE, *(("--image", image) if image else ())]
        out_folder = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return self.program("flow", model, *given, *(("--out", out_folder) if out else ()), *args, **kwargs)

    def read(self, *args, **kwargs):
        """flow.json of a run that succeeds."""
        self.succeeds(self.flow(LLAVA, *args, **kwargs))
        return json.loads((self.out / "flow.json").read_text())

    # ---- files ----

    def test_the_files_are_as_documented(self):
        result = self.succeeds(self.flow(LLAVA))
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), ["flow.html", "flow.json", "flow.svg"])
        self.assertIn("image > constraint", result.stdout)
        self.assertIn(f"see {self.out}/flow.html", result.stdout)
        text = (self.out / "flow.json").read_text()
        flow = json.loads(text)
        self.assertEqual(list(flow), ["schema", "model", "image", "prompt", "question", "tokens", "constraints", "image_areas",
                                      "answer", "clean", "layers", "heads",
                                      "flows", "cost"])
        self.assertEqual(flow["schema"], "patchbay.flow/1")
        self.assertEqual(flow["layers"], list(range(flow["model"]["layers"])))
        self.assertEqual(flow["answer"]["id"], flow["clean"]["top"][0]["id"])
        self.assertTrue(0 < flow["cost"]["run_flop"] < flow["cost"]["flop"])
        self.assertEqual([(f["from"], f["to"]) for f in flow["flows"]], [("image", "constraint"), ("constraint", "last")])
        for f in flow["flows"]:
            self.assertEqual(list(f), ["from", "to", "sources", "destinations", *MEASURES, "per_position", "per_head"])
            self.assertIsNone(f["per_position"])
            self.assertIsNone(f["per_head"])
            for name in MEASURES:
                self.assertEqual(len(f[name]), len(flow["layers"]))
                self.assertTrue(all(isinstance(value, float) for value in f[name]), name)
        self.assertEqual(flow["flows"][0]["destinations"], flow["constraints"][0]["positions"])

    def test_positions_and_heads_are_written_when_asked_for(self):
        flow = self.read("--per-head", "--per-position", "--from", "image,bos", "--to", "constraint")
        (f,) = flow["flows"]
        for l in range(len(flow["layers"])):
            self.assertEqual(len(f["per_position"][l]), len(f["sources"]))
            self.assertEqual(len(f["per_head"][l]), 4)
            self.assertAlmostEqual(sum(f["per_position"][l]), f["sum_norm"][l], delta=1e-6 * f["sum_norm"][l])

    def test_the_figure_is_xml_that_says_what_it_shows(self):
        self.read("--from", "all", "--to", "last", "--from", "image", "--to", "last", "--from", "bos", "--to", "last")
        svg = (self.out / "flow.svg").read_text()
        ElementTree.fromstring(svg)
        for words in ("sum of norms", "norm of the sum", "image \u2192 last", "layer 1", "data:image/jpeg", QUESTION):
            self.assertIn(words, svg)

    def test_the_page_stands_alone(self):
        self.read()
        page = (self.out / "flow.html").read_text()
        self.assertEqual(re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*""", page), [])
        self.assertNotIn("http", re.sub(r'xmlns="[^"]*"', "", page).replace("http://www.w3.org/2000/svg", ""))
        for words in ("image \u2192 constraint", "Head by head", "On the picture", "type=\"range\"", "What it means"):
            self.assertIn(words, page)

    def test_without_a_picture_there_is_no_map_of_it(self):
        self.succeeds(self.flow(LLAMA, image=None))
        flow = json.loads((self.out / "flow.json").read_text())
        self.assertIsNone(flow["image"])
        self.assertEqual([(f["from"], f["to"]) for f in flow["flows"]], [("constraint", "last")])
        self.assertNotIn("On the picture", (self.out / "flow.html").read_text())

    def test_a_page_escapes_what_it_is_given(self):
        self.succeeds(self.program("flow", LLAVA, "--question", "Is <b>this</b> & that \"it\"?", "--constraint", "<b>this</b>",
                                   "--image", PICTURE, "--quiet", "--out", self.folder / f"out-{int(self.out.name[4:]) + 1}"))
        self.assertNotIn("<b>this</b>", (self.out / "flow.html").read_text())
        ElementTree.fromstring((self.out / "flow.svg").read_text())

    # ---- options ----

    def test_json_goes_to_standard_output(self):
        result = self.succeeds(self.flow(LLAVA, "--json", out=False))
        printed = json.loads(result.stdout)
        flow = self.read()
        self.assertSame(printed["flows"], flow["flows"])

    def test_the_nth_to_belongs_to_the_nth_from(self):
        flow = self.read("--from", "bos", "--from", "image", "--to", "last", "--to", "constraint,last")
        self.assertEqual([(f["from"], f["to"]) for f in flow["flows"]], [("bos", "last"), ("image", "constraint,last")])

    def test_layers_can_be_chosen(self):
        every, one = self.read(), self.read("--layers", "1:2")
        self.assertEqual(one["layers"], [1])
        for a, b in zip(every["flows"], one["flows"]):
            for name in MEASURES:
                self.assertSame(b[name], a[name][1:2])

    def test_all_sources_have_a_share_of_one(self):
        for f in self.read("--from", "all", "--to", "last", "--from", "all", "--to", "all")["flows"]:
            for share in f["share"]:
                self.assertAlmostEqual(share, 1, delta=1e-5)

    def test_the_answer_may_be_named(self):
        flow = self.read("--answer", "Norway")
        self.assertEqual(flow["answer"]["text"].strip()[:1], "N")
        self.assertNotEqual(flow["answer"]["id"], flow["clean"]["top"][0]["id"])
        self.assertSame(flow["flows"], self.read()["flows"])

    def test_neither_threads_nor_repetition_show(self):
        first = self.read("--per-head", "--per-position", "--from", "all", "--to", "text")["flows"]
        again = self.read("--per-head", "--per-position", "--from", "all", "--to", "text", "--threads", 2)["flows"]
        self.assertSame(first, again)

    # ---- what is refused ----

    def test_a_missing_partner_is_wrong_usage(self):
        self.misused(self.flow(LLAVA, "--from", "image"), "--from and --to", "1 and 0")
        self.misused(self.flow(LLAVA, "--from", "image", "--to", "last", "--to", "constraint"), "1 and 2")
        self.misused(self.flow(LLAVA, "--answer", "x", "--answer-id", 3), "--answer and --answer-id")

    def test_spans_that_cannot_be_are_refused(self):
        self.fails(self.flow(LLAVA, "--from", "last", "--to", "image"), "--from last --to image", "nothing flows there")
        self.fails(self.flow(LLAVA, "--from", "imag", "--to", "last"), "imag")
        self.fails(self.flow(LLAVA, "--from", "2:2", "--to", "last"), "2:2")
        self.fails(self.flow(LLAVA, "--from", "image", "--to", "last", image=None), "image")
        self.fails(self.flow(LLAVA, "--from", "", "--to", "last"))
        self.fails(self.flow(LLAVA, "--from", "constraint:3", "--to", "last"), "constraint:3")

    def test_without_a_constraint_spans_must_be_named(self):
        out = self.folder / "out-1"
        self.fails(self.program("flow", LLAVA, "--question", QUESTION, "--image", PICTURE, "--quiet", "--out", out), "constraint")
        self.succeeds(self.program("flow", LLAVA, "--question", QUESTION, "--image", PICTURE, "--quiet", "--out",
                                   self.folder / "out-2", "--from", "image", "--to", "last"))

    def test_layers_out_of_range_are_refused(self):
        self.fails(self.flow(LLAVA, "--layers", "0:99"), "--layers 0:99")
        self.misused(self.flow(LLAVA, "--layers", "3:1"), "--layers 3:1")

    def test_too_little_memory_is_refused(self):
        self.fails(self.flow(LLAVA, "--memory", "10K"), "this flow", "--memory")

    def test_weights_that_are_not_finite_are_refused(self):
        model = self.copy(LLAVA)
        tensors = read_tensors(model / "model.safetensors")
        name = next(n for n in tensors if "o_proj.weight" in n and "layers.1." in n and "language" in n)
        dtype, shape, values = tensors[name]
        size = {"F32": 4, "F16": 2, "BF16": 2}[dtype]
        tensors[name] = dtype, shape, b"\xff" * size + values[size:]
        write_tensors(model / "model.safetensors", tensors)
        self.fails(self.flow(model), "o_proj.weight")

    def test_a_picture_that_is_none_is_refused(self):
        self.fails(self.flow(LLAVA, image=IMAGES / "nothing.png"), "nothing.png")


if __name__ == "__main__":
    unittest.main()
