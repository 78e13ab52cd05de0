"""`patchbay report RESULT.json`: the page of a single result again, what it cannot have, and what it refuses."""
import json
import re
import shutil
import unittest

from common import CONSTRAINT, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest, run

ASKED = ("--question", QUESTION, "--constraint", CONSTRAINT, "--threads", 1, "--quiet")
WITH_PICTURE = (*ASKED, "--image", PICTURE)
METHODS = {
    "trace": ("--foil", "no"),
    "flow": ("--per-head", "--per-position"),
    "knockout": ("--verify", 2),
    "lens": (),
    "attribute": ("--exact", 3),
    "edit": ("--target", "no", "--steps", 3, "--layer", 1),
}
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?")


def numbers(text):
    """The text without its numbers, and these: a last digit may have been rounded another way."""
    return NUMBER.sub("0", text), [float(n) for n in NUMBER.findall(text)]


class ResultReportTest(ProgramTest):
    def made(self, method, *args, model=LLAVA, asked=WITH_PICTURE):
        self.out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        self.succeeds(run(method, model, *asked, "--out", self.out, *args, timeout=200))
        return self.out / f"{method}.json"

    def again(self, path, *args):
        return self.program("report", path, "--out", self.folder / f"out-{int(self.out.name[4:]) + 1}", *args)

    def assert_same(self, found, expected):
        a, b = (path.read_text(encoding="utf-8") for path in (found, expected))
        if a == b:
            return
        (text, values), (other, others) = numbers(a), numbers(b)
        self.assertEqual(text, other)
        apart = [(x, y) for x, y in zip(values, others) if x != y]
        self.assertLess(len(apart), 1 + len(values) // 1000, apart[:9])
        for x, y in apart:
            self.assertTrue(abs(x - y) <= max(1.1e-2, 2e-3 * abs(y)), (x, y))

    def test_the_page_is_the_commands_own(self):
        for method, more in METHODS.items():
            with self.subTest(method):
                path = self.made(method, *more)
                result = self.succeeds(self.again(path))
                self.assertEqual(result.stderr, "")
                self.assertEqual(result.stdout, f"see {self.out}\n")
                self.assertEqual(sorted(p.name for p in self.out.iterdir()), [f"{method}.html", f"{method}.svg"])
                for ending in ("html", "svg"):
                    self.assert_same(self.out / f"{method}.{ending}", path.with_suffix("." + ending))

    def test_traces_of_all_kinds(self):
        for more in (("--sites", "resid_post,head_out", "--group", "--positions", "constraint,last"),
                     ("--corrupt", f"image:{PICTURE}", "--blocks", 2), ("--corrupt", "noise:s3", "--samples", 3),
                     ("--freeze", "mlp", "--freeze-span", "last", "--direction", "noise"),
                     ("--corrupt", "image-noise:1", "--samples", 2, "--sites", "vision.attn_out,proj.out", "--positions", "image")):
            with self.subTest(more):
                path = self.made("trace", *more)
                self.succeeds(self.again(path))
                for ending in ("html", "svg"):
                    self.assert_same(self.out / f"trace.{ending}", path.with_suffix("." + ending))

    def test_without_a_picture(self):
        path = self.made("trace", model=LLAMA, asked=ASKED)
        self.assertEqual(self.succeeds(self.again(path)).stderr, "")
        self.assert_same(self.out / "trace.html", path.with_suffix(".html"))

    def test_what_a_page_cannot_have_is_said(self):
        picture = self.folder / "here.jpg"
        shutil.copy(PICTURE, picture)
        path = self.made("flow", asked=(*ASKED, "--image", picture))
        picture.unlink()
        result = self.succeeds(self.again(path))
        self.assertIn(f"patchbay report: the picture {picture} is not there: the page is without it\n", result.stderr)
        self.assertIn("patchbay report: the file has no numbers of heads (flow --per-head)", result.stderr)
        self.assertIn("(not embedded)", (self.out / "flow.html").read_text())
        self.assertEqual(self.succeeds(self.again(path, "--quiet")).stderr, "")

    def test_what_is_wrong_is_said_by_name(self):
        path = self.made("knockout")
        sound = json.loads(path.read_text())
        for change, *words in ((lambda r: r["cuts"][0].pop("prob"), "cuts[0].prob is missing, expected a list of"),
                               (lambda r: r["cuts"][1]["prob"].pop(), "cuts[1].prob is a list of", "expected a list of"),
                               (lambda r: r.update(schema="patchbay.ask/1"), 'schema is "patchbay.ask/1"', "patchbay.lens/1"),
                               (lambda r: r.pop("schema"), "schema is missing"),
                               (lambda r: r["model"].update(layers="x"), "model.layers is a string, expected a whole number")):
            spoilt = json.loads(json.dumps(sound))
            change(spoilt)
            path.write_text(json.dumps(spoilt))
            self.fails(self.again(path), path, *words)
        path.write_text("{")
        self.fails(self.again(path), path)
        self.fails(self.again(self.folder / "none.json"), "none.json")

    def test_usage(self):
        path = self.made("lens")
        self.misused(self.again(path, path), "RESULT.json")
        self.misused(self.again(path, "--by", "relation"), "RESULT.json")


if __name__ == "__main__":
    unittest.main()
