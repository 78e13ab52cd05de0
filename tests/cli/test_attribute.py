"""`attribute` as a user meets it: a trace's options, what stands beside the estimates, what it refuses, what it leaves."""
import json
import os
import re
import unittest

from common import CONSTRAINT, IMAGES, LLAVA, PICTURE, QUESTION, ProgramTest

SITES = ("attn_out", "mlp_out", "resid_post")


def flat(grid):
    return [value for row in grid for value in row]


def ranks(values):
    """From 0; equal values have the mean of theirs."""
    order = sorted(values)
    first = {value: i for i, value in reversed(list(enumerate(order)))}
    return [first[value] + (order.count(value) - 1) / 2 for value in values]


def spearman(a, b):
    x, y = ranks(a), ranks(b)
    mean = (len(x) - 1) / 2
    def along(u, v):
        return sum((p - mean) * (q - mean) for p, q in zip(u, v))
    return along(x, y) / (along(x, x) * along(y, y)) ** 0.5


class AttributeTest(ProgramTest):
    def attribute(self, *args, model=LLAVA, image=None, constraint=CONSTRAINT, **kwargs):
        """Estimates into self.out."""
        given = ["--quiet", "--threads", 1, "--question", QUESTION]
        for name, value in (("--constraint", constraint), ("--image", image)):
            given += [name, value] if value is not None else []
        out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return self.program("attribute", model, "--out", out, *given, *args, **kwargs)

    def json(self, *args, **kwargs):
        return json.loads(self.succeeds(self.attribute("--json", *args, **kwargs)).stdout)

    def exact(self, found):
        """The cells that have exact values: {(site, layer, column): prob}."""
        return {(site, l, c): value for site, grids in found["sites"].items() for l, row in enumerate(grids["prob"])
                for c, value in enumerate(row) if value is not None}


class Estimates(AttributeTest):
    def test_form_is_a_traces(self):
        found, traced = self.json(), json.loads(self.succeeds(self.trace(LLAVA, "--json")).stdout)
        self.assertEqual(found["schema"], "patchbay.attribute/1")
        self.assertEqual(set(found) - set(traced), {"ig", "exact"})
        for key in set(traced) - {"schema", "sites", "cost", "verify"}:
            self.assertSame(found[key], traced[key])
        self.assertIsNone(found["verify"])
        self.assertIsNone(found["ig"])
        for site, grids in found["sites"].items():
            self.assertEqual(list(grids), ["estimate", *traced["sites"][site]])
            self.assertEqual(grids["restored"], traced["sites"][site]["restored"])
            self.assertTrue(all(isinstance(value, float) for value in flat(grids["estimate"])))
            self.assertEqual([len(row) for row in grids["estimate"]], [len(row) for row in traced["sites"][site]["prob"]])

    def test_exact_cells_are_the_largest_and_a_traces(self):
        traced = json.loads(self.succeeds(self.trace(LLAVA, "--json", "--foil", "Rome")).stdout)
        for options, count in (((), 10), (("--exact", 3), 3), (("--exact", 1), 1)):
            found = self.json("--foil", "Rome", *options)
            exact, base = self.exact(found), found["corrupted"]["logprob"]
            self.assertEqual((len(exact), found["exact"]), (count, count))
            self.assertNotIn("spearman", found)
            sizes = {(site, l, c): abs(value - base) for site, grids in found["sites"].items()
                     for l, row in enumerate(grids["estimate"]) for c, value in enumerate(row)}
            self.assertGreaterEqual(min(sizes[cell] for cell in exact) + 1e-8, max(sizes[c] for c in sizes if c not in exact))
            for site, l, c in exact:
                for name in ("prob", "logprob", "logit_diff"):
                    self.assertSame(found["sites"][site][name][l][c], traced["sites"][site][name][l][c])

    def test_all_exact_is_the_trace_with_estimates(self):
        traced = json.loads(self.succeeds(self.trace(LLAVA, "--json")).stdout)
        found = self.json("--exact", "all")
        base, pairs = found["corrupted"]["logprob"], {}
        for site, grids in found["sites"].items():
            for name in ("prob", "logprob"):
                self.assertSame(grids[name], traced["sites"][site][name])
            pairs[site] = [[value - base for value in flat(grids[name])] for name in ("estimate", "logprob")]
            self.assertAlmostEqual(grids["spearman"], spearman(*pairs[site]), delta=0.02)   # nine digits make ties
        together = [sum((pairs[site][i] for site in pairs), []) for i in (0, 1)]
        self.assertAlmostEqual(found["spearman"], spearman(*together), delta=0.02)
        self.assertEqual(found["exact"], found["cost"]["cells"])
        more = self.json("--exact", found["exact"] + 7)                                       # more than there are: all
        self.assertEqual((more["exact"], more["sites"]), (found["exact"], found["sites"]))

    def test_noise_direction(self):
        found = self.json("--direction", "noise", "--exact", 2)
        base = found["clean"]["logprob"]
        before = found["tokens"][0]["position"]
        self.assertEqual([row[before] for row in found["sites"]["mlp_out"]["estimate"]], [base] * len(found["layers"]))
        self.assertEqual(len(self.exact(found)), 2)

    def test_ig(self):
        one, five = self.json("--ig", 1), self.json("--ig", 5)
        self.assertEqual((one["ig"], five["ig"]), (1, 5))
        self.assertNotEqual(one["sites"]["mlp_out"]["estimate"], five["sites"]["mlp_out"]["estimate"])
        whole = ("--sites", "resid_pre", "--layers", "0:1", "--group", "--positions", "constraint", "--ig", 64)
        found = self.json(*whole)                              # along the way: the whole difference
        self.assertAlmostEqual(found["sites"]["resid_pre"]["estimate"][0][0], found["clean"]["logprob"], delta=1e-3)

    def test_draws(self):
        found = self.json("--corrupt", "noise:0.3", "--samples", 2, "--exact", 4)
        self.assertEqual(len([v for v in flat(found["sites"]["mlp_out"]["sd"]) if v is not None]),
                         len([cell for cell in self.exact(found) if cell[0] == "mlp_out"]))
        again = self.json("--corrupt", "noise:0.3", "--samples", 2, "--exact", 4)
        self.assertSame(found["sites"], again["sites"])

    def test_image_corruption(self):
        found = self.json("--corrupt", f"image:{IMAGES / 'photo.png'}", image=PICTURE)
        image = next(token for token in found["tokens"] if token["span"] == "image")
        rows = range(image["position"], image["position"] + image["count"])
        self.assertTrue(set(rows) <= set(found["positions"]))
        at = found["positions"].index(rows[0])
        self.assertNotEqual(found["sites"]["resid_post"]["estimate"][0][at], found["corrupted"]["logprob"])

    def test_heads(self):
        found = self.json("--sites", "attn_out,head_out", "--exact", 5)
        heads = found["sites"]["head_out"]
        sums = [[sum(v - found["corrupted"]["logprob"] for v in cell) for cell in row] for row in heads["estimate"]]
        for row, attention in zip(sums, found["sites"]["attn_out"]["estimate"]):
            for a, b in zip(row, attention):
                self.assertAlmostEqual(a, b - found["corrupted"]["logprob"], delta=1e-4 * (1 + abs(a)))
        self.assertNotIn("top_heads", found)
        self.assertIn("Single heads", (self.succeeds(self.attribute("--sites", "head_out")), (self.out / "attribute.html").read_text())[1])

    def test_blocks(self):
        found = self.json("--blocks", 2, "--positions", "image", "--corrupt", "image-rowmean", image=PICTURE)
        self.assertEqual(len(found["groups"]), len(found["sites"]["mlp_out"]["estimate"][0]))

    def test_whole_answer_windows_and_groups(self):
        found = self.json("--answer", "New York", "--answer-tokens", "all", "--window", 2, "--group", "--positions", "constraint,last")
        self.assertEqual(found["groups"], ["constraint", "last"])
        self.assertEqual(found["window"]["size"], 2)
        self.assertEqual(len(found["sites"]["mlp_out"]["estimate"][0]), 2)


class Files(AttributeTest):
    def test_what_is_left(self):
        for options in ((), ("--exact", "all"), ("--direction", "noise", "--ig", 2), ("--corrupt", "image-rowmean"),
                        ("--group", "--positions", "constraint,last", "--exact", 1)):
            result = self.succeeds(self.attribute(*options, image=PICTURE))
            self.assertEqual(sorted(os.listdir(self.out)), ["attribute.html", "attribute.json", "attribute.svg"])
            self.assertIn(f"see {self.out}/attribute.html", result.stdout)
            page, figure = ((self.out / f"attribute.{kind}").read_text() for kind in ("html", "svg"))
            self.assertIn("These are estimates", page)
            self.assertIn("Estimated and exact", page)
            self.assertIn("estimated", figure)
            self.assertEqual("ringed" in figure, "all" not in options)
            self.assertEqual("rank correlation" in page, "all" in options)
            values = json.loads(re.search(r'id="data">\n(.*?)\n</script>', page, re.S).group(1))
            found = json.loads((self.out / "attribute.json").read_text())
            self.assertEqual(len(values["sites"]), len(found["sites"]))
            for site, grids in zip(values["sites"], found["sites"].values()):
                for a, b in zip(flat(site["estimate"]), flat(grids["estimate"])):
                    self.assertAlmostEqual(a, b, delta=1e-3 * abs(b))
                self.assertEqual([v is None for v in flat(site["prob"])], [v is None for v in flat(grids["prob"])])

    def test_what_is_said(self):
        lines = self.succeeds(self.attribute("--exact", 3)).stdout.splitlines()
        self.assertEqual(sum(" exactly " in line for line in lines), 3)
        self.assertFalse(any("Spearman" in line for line in lines))
        self.assertIn("Spearman", self.succeeds(self.attribute("--exact", "all")).stdout)

    def test_json_leaves_no_files_without_out(self):
        result = self.succeeds(self.program("attribute", LLAVA, "--quiet", "--json", "--question", QUESTION, "--constraint", CONSTRAINT,
                                            cwd=self.folder))
        self.assertEqual(json.loads(result.stdout)["schema"], "patchbay.attribute/1")
        self.assertEqual(os.listdir(self.folder), [])


class BadInput(AttributeTest):
    def test_values(self):
        for option, values in (("--exact", ("0", "-1", "", "x", "All", "1.5", "all,3")), ("--ig", ("0", "-1", "", "all", "x"))):
            for value in values:
                self.misused(self.attribute(option, value), option)
        self.misused(self.attribute("--verify", 3), "--verify")
        self.misused(self.trace(LLAVA, "--exact", 3), "--exact")
        self.misused(self.attribute("--window", 2, "--radius", 1), "--window")

    def test_a_corruption_that_changes_nothing(self):
        for corruption in ("noise:0", "swap-phrase:this country", f"image:{PICTURE}"):
            self.fails(self.attribute("--corrupt", corruption, image=PICTURE), corruption, "changes no row", hint="--corrupt")

    def test_what_has_no_estimates(self):
        self.fails(self.attribute("--sites", "vision.blocks.{l}.hook_resid_pre", "--corrupt", "image-noise:0.3", image=PICTURE),
                   "no estimates")
        self.fails(self.attribute("--freeze", "mlp", "--freeze-span", "last"), "severed", "no estimates")

    def test_too_many_steps(self):
        self.fails(self.attribute("--ig", 1000001), "--ig 1000001")

    def test_too_little_memory(self):
        self.fails(self.attribute("--memory", "100K"), "memory")

    def test_no_constraint(self):
        self.fails(self.attribute(constraint=None), "constraint")


if __name__ == "__main__":
    unittest.main()
