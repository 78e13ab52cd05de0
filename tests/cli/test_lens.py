"""`lens` as a user meets it: what its options do, its files, what it refuses."""
import json
import re
import unittest
from xml.etree import ElementTree

from common import DATA, IMAGES, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest
from test_output import limit_files

FILES = {"lens.json", "lens.html", "lens.svg"}


class Lens(ProgramTest):
    def lens(self, *args, model=LLAVA, question=QUESTION, image=None, **kwargs):
        given = [model, "--quiet", "--threads", 1]
        for name, value in (("--question", question), ("--image", image)):
            given += [name, value] if value is not None else []
        return self.program("lens", *given, *args, **kwargs)

    def json(self, *args, **kwargs):
        return json.loads(self.succeeds(self.lens("--json", *args, **kwargs)).stdout)

    def cells(self, result):
        return {key: value for key, value in result.items() if key not in ("cost", "model")}

    def test_every_option_has_a_test(self):
        listed = set(re.findall(r"^  --([a-z-]+)", self.program("lens", "--help").stdout, re.M))
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        # the others are read by the same code as trace's and ask's: test_options
        common = {"vision-tower", "mmproj", "edit", "lora", "question", "constraint", "occurrences", "prefill", "template", "prompt",
                  "dtype", "threads", "seed", "quiet", "help", "image-order"}
        self.assertEqual(listed - tested - common, set())

    # ---- what it says ----

    def test_form(self):
        result = self.json("--constraint", "this country", image=PICTURE)
        self.assertEqual(list(result), ["schema", "model", "image", "prompt", "question", "tokens", "constraints", "image_areas",
                                        "answer", "clean", "site",
                                        "positions", "layers", "top", "answer_prob", "cost"])
        self.assertEqual((result["schema"], result["site"]), ("patchbay.lens/1", "resid_post"))
        text = [t["position"] for t in result["tokens"] if "count" not in t]
        self.assertEqual(result["positions"], text)
        layers, rows = len(result["layers"]), len(text)
        self.assertEqual((len(result["top"]), len(result["answer_prob"])), (layers, layers))
        for top, prob in zip(result["top"], result["answer_prob"]):
            self.assertEqual((len(top), len(prob)), (rows, rows))
            for cell, p in zip(top, prob):
                self.assertEqual([set(t) for t in cell], [{"id", "text", "prob"}] * 5)
                self.assertEqual(cell, sorted(cell, key=lambda t: -t["prob"]))
                self.assertLessEqual(sum(t["prob"] for t in cell), 1 + 1e-6)
                for t in cell:
                    if t["id"] == result["answer"]["id"]:
                        self.assertEqual(t["prob"], p)

    def test_the_last_layer_is_the_answer(self):
        """To the last digit what `ask` says, and what the clean run says."""
        result = self.json("--top", 7, image=PICTURE)
        asked = json.loads(self.succeeds(self.program("ask", LLAVA, QUESTION, "--image", PICTURE, "--json", "--top", 7)).stdout)
        last = result["top"][-1][-1]
        self.assertEqual([t["id"] for t in last], [t["id"] for t in asked["top"]])
        self.assertSame([t["prob"] for t in last], [t["prob"] for t in asked["top"]])
        self.assertSame(result["answer_prob"][-1][-1], result["clean"]["prob"])
        self.assertSame(last[:5], result["clean"]["top"])

    def test_resid_pre_is_the_layer_before(self):
        after, before = (self.json("--site", site, "--positions", "all", image=PICTURE) for site in ("resid_post", "resid_pre"))
        self.assertSame(after["top"][:-1], before["top"][1:])
        self.assertSame(after["answer_prob"][:-1], before["answer_prob"][1:])

    # ---- options ----

    def test_site(self):
        seen = []
        for site in ("resid_pre", "attn_out", "mlp_out", "resid_post"):
            result = self.json("--site", site)
            self.assertEqual(result["site"], site)
            self.assertNotIn(result["top"], seen)
            seen.append(result["top"])
        for site in ("mlp_post", "head_out", "vision.blocks.0.hook_resid_post", "blocks.0", ""):
            self.fails(self.lens("--site", site), f'"{site}"', "resid_pre, attn_out, mlp_out, resid_post")
        self.fails(self.lens("--site", "proj.hook_out"), hint="--site resid_pre --layers 0:1 --positions image")

    def test_layers(self):
        all_layers, one = self.json(), self.json("--layers", "1:2")
        self.assertEqual(one["layers"], [1])
        self.assertSame(one["top"], all_layers["top"][1:2])
        self.fails(self.lens("--layers", "1:9"), "--layers 1:9", "0:4")

    def test_positions(self):
        every, some = (self.json("--positions", spans, image=PICTURE) for spans in ("all", "bos,image,last"))
        self.assertEqual(every["positions"], list(range(len(every["positions"]))))
        for top, part in zip(every["top"], some["top"]):
            self.assertSame(part, [top[p] for p in some["positions"]])
        self.fails(self.lens("--positions", "image"), "image")
        self.fails(self.lens("--positions", "constraint"), "constraint")

    def test_image(self):
        self.assertIsNone(self.json()["image"])
        self.assertNotEqual(self.json(image=PICTURE)["top"], self.json(image=IMAGES / "photo.png")["top"])

    def test_top(self):
        five, one = self.json(), self.json("--top", 1)
        self.assertSame(one["top"], [[cell[:1] for cell in row] for row in five["top"]])
        self.assertSame(one["answer_prob"], five["answer_prob"])
        many = self.json("--top", 100000, "--positions", "last", model=LLAMA)
        self.assertAlmostEqual(sum(t["prob"] for t in many["top"][0][0]), 1, delta=1e-4)
        self.misused(self.lens("--top", 0), "--top 0")

    def test_answer(self):
        result = self.json("--answer", "Rome")
        self.assertEqual(result["answer"]["text"], " Rome")
        self.assertNotEqual(result["answer_prob"], self.json()["answer_prob"])

    def test_answer_id(self):
        named = self.json("--answer", "Rome")
        self.assertEqual(self.cells(self.json("--answer-id", named["answer"]["id"])), self.cells(named))
        self.misused(self.lens("--answer-id", 3, "--answer", "Rome"), "exclude")

    def test_answer_tokens(self):
        first, whole = (self.json("--answer", "a river in Japan", "--answer-tokens", n) for n in ("first", "all"))
        self.assertSame(whole["answer_prob"], first["answer_prob"])         # of the first token
        self.assertGreater(len(whole["answer"]["ids"]), 1)
        self.assertLess(whole["clean"]["prob"], first["clean"]["prob"])

    def test_memory(self):
        result = self.lens("--memory", "1K", image=PICTURE)
        self.fails(result, "at least")
        least = re.search(r"--memory (\d+M)", result.stderr).group(1)
        self.assertSame(self.json("--memory", least, image=PICTURE)["top"], self.json(image=PICTURE)["top"])
        self.fails(self.lens("--memory", "64M", "--top", "100000000", "--positions", "all", "--answer-id", "99999999"), "--answer-id")

    # ---- files ----

    def test_out(self):
        out = self.folder / "x/y"
        printed = self.succeeds(self.lens("--out", out)).stdout
        self.assertEqual({p.name for p in out.iterdir()}, FILES)
        self.assertIn(f"see {out}/lens.html", printed)
        self.succeeds(self.lens(cwd=self.folder))
        self.assertEqual({p.name for p in (self.folder / "patchbay-lens").iterdir()}, FILES)

    def test_json(self):
        out = self.folder / "both"
        text = self.succeeds(self.lens("--json", "--out", out)).stdout
        self.assertEqual((out / "lens.json").read_text(), text)
        self.json(cwd=self.folder)
        self.assertFalse((self.folder / "patchbay-lens").exists())

    def test_pages_hold_the_numbers(self):
        out = self.folder / "drawn"
        for positions in ("text", "all", "image", "last"):
            with self.subTest(positions):
                result = json.loads(self.succeeds(self.lens("--out", out, "--json", "--positions", positions, image=PICTURE)).stdout)
                ElementTree.parse(out / "lens.svg")
                page = (out / "lens.html").read_text()
                data = json.loads(re.search(r'id="lens-data">\n(.*?)\n</script>', page, re.S).group(1))
                self.assertEqual(data["layers"], result["layers"])
                self.assertEqual([row[1] for row in data["rows"]], result["positions"])
                for drawn, cells in zip(data["top"], result["top"]):
                    for d, cell in zip(drawn, cells):
                        self.assertEqual(d[::2], [t["id"] for t in cell])
                        for p, t in zip(d[1::2], cell):
                            self.assertAlmostEqual(p, t["prob"], delta=0.006 * t["prob"])
                        self.assertIn(str(cell[0]["id"]), data["words"])
                self.assertEqual(page.count("<td class=\"q"), len(result["layers"]) * len(result["positions"]))
                self.assertEqual("picture-map=" in page, positions in ("all", "image"))
                for elsewhere in ("http:", "https:"):
                    self.assertNotIn(elsewhere, page.replace("http://www.w3.org/", ""))

    def test_words_that_are_markup(self):
        out = self.folder / "markup"
        self.succeeds(self.lens("--out", out, question="Is <b>&amp;</script> \u202e a \"country\"?"))
        ElementTree.parse(out / "lens.svg")
        self.assertEqual((out / "lens.html").read_text().count("</script>"), 2)

    def test_no_room_for_a_file(self):
        out = self.folder / "whole"
        self.succeeds(self.lens("--out", out))
        for size in (0, 1000, max(p.stat().st_size for p in out.iterdir()) - 200):
            with self.subTest(size):
                left = self.folder / f"full-{size}"
                result = self.lens("--out", left, preexec_fn=limit_files(size))
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertFalse(left.exists())

    def test_a_model_without_a_picture(self):
        for model in (LLAMA, DATA / "model/phi", DATA / "model/qwen2"):
            with self.subTest(model):
                self.assertEqual(len(self.json(model=model)["top"]), len(self.json(model=model)["layers"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
