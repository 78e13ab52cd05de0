"""scripts/replicate: how a data set is parted, the claims' numbers of stores made by hand, and the page."""
import json
import math
import sqlite3
import tempfile
import unittest
from pathlib import Path

from replicate import document, page, program, questions, settings, statistics

L = 10
SCHEMA = """CREATE TABLE about (key TEXT, value TEXT); CREATE TABLE question (number INTEGER, id TEXT, subject TEXT, image TEXT);
CREATE TABLE result (question INTEGER, status TEXT, clean_prob REAL, corrupted_prob REAL, detail TEXT);
CREATE TABLE curve (question INTEGER, name TEXT, class TEXT, data TEXT); CREATE TABLE grid (question INTEGER, name TEXT, shape TEXT, data BLOB)"""


def constraint(text):
    return [{"kind": "visual", "text": text, "start": 0, "end": len(text)}]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()


class Parts(Folder):
    def write(self, name, rows):
        (self.path / name).write_text("".join(json.dumps(r) + "\n" for r in rows) + "no JSON\n")
        return self.path / name

    def test_twins_stand_at_the_same_place(self):
        asked = {"question": "Where?", "constraints": constraint("Where")}
        rows = [{"id": "lone", "image": "a.png", **asked}, {"id": "b-text", "twin": "b", **asked}, {"id": "a-text", "twin": "a", **asked},
                {"id": "a", "image": "a.png", "twin": "a-text", **asked}, {"id": "b", "image": "b.png", "twin": "b-text", **asked},
                {"id": "odd", "image": "b.png", "caution": "name", **asked}, {"id": "marked", "image": "b.png", "marked": "no", **asked},
                {"id": "two", "image": "b.png", "question": "Where?", "constraints": constraint("a") * 2}]
        parts = questions.parts(self.write("d.jsonl", rows))
        self.assertEqual([r["id"] for r in parts["visual"]], ["a", "b", "lone"])
        self.assertEqual([r["id"] for r in parts["textual"]], ["a-text", "b-text"])
        self.assertEqual(parts["edits"], parts["visual"])
        self.assertEqual(parts["visual"][0]["image"], str(self.path.resolve() / "a.png"))

    def test_requests_beside_it(self):
        row = {"id": "r", "image": "a.png", "target": "x", "constraints": constraint("a"), "rephrasings": [{"image": "b.png"}]}
        self.write("requests.jsonl", [row])
        parts = questions.parts(self.write("d.jsonl", [{"id": "a", "image": "a.png", "constraints": constraint("a")}]))
        self.assertEqual(parts["edits"][0]["rephrasings"][0]["image"], str(self.path.resolve() / "b.png"))
        files = questions.write(parts, self.path / "out")
        self.assertEqual(sorted(files), ["edits", "visual"])
        before = files["visual"].read_text()
        self.assertEqual(questions.write({"visual": []}, self.path / "out")["visual"].read_text(), before)

    def test_right_ones_take_turns(self):
        visual = [{"id": f"v{i}", "twin": f"t{i}", "subject": s} for i, s in enumerate("aabbc")]
        textual = [{"id": f"t{i}", "twin": f"v{i}", "subject": s} for i, s in enumerate("aabbc")]
        right = {"visual": {"v0", "v1", "v2", "v4"}, "textual": {"t0", "t1", "t2", "t3"}}
        found = questions.right_of({"visual": visual, "textual": textual}, right)
        self.assertEqual([r["id"] for r in found["right-visual"]], ["v0", "v2", "v1", "v4"])
        self.assertEqual([r["id"] for r in found["right-textual"]], ["t0", "t2", "t1", "t3"])


class Numbers(Folder):
    def store(self, name, curves, **options):
        """curves: per question (subject, clean, corrupted, {(name, class): data})."""
        path = self.path / f"{name}.db"
        db = sqlite3.connect(path)
        db.executescript(SCHEMA)
        for key, value in (("options", {"seed": 0, **options}), ("model", {"layers": L})):
            db.execute("INSERT INTO about VALUES (?, ?)", (key, json.dumps(value)))
        for i, (subject, clean, corrupted, data) in enumerate(curves):
            db.execute("INSERT INTO question VALUES (?, ?, ?, NULL)", (i, f"q{i}", subject))
            db.execute("INSERT INTO result VALUES (?, 'done', ?, ?, '{}')", (i, clean, corrupted))
            for (name_, class_), values in data.items():
                db.execute("INSERT INTO curve VALUES (?, ?, ?, ?)", (i, name_, class_, json.dumps(values)))
        db.commit()
        db.close()
        return statistics.Store(path)

    def traced(self, name, count, height, control=0.0, **options):
        def curve(h):
            return {("mlp_out/prob", "constraint"): [0.1 + h * (1 if layer < 4 else 0) for layer in range(L)],
                    ("mlp_out/prob", "control"): [0.1 + control] * L}
        return self.store(name, [(f"s{i}", 0.9, 0.1, curve(height)) for i in range(count)], **options)

    def claim(self, key):
        return next(c for c in settings.CLAIMS if c.key == key)

    def test_bands_leave_layer_0_out(self):
        store = self.traced("w1", 1, 0.4)
        self.assertEqual(statistics.band(store, settings.EARLY), [1, 2, 3])
        self.assertEqual(statistics.band(self.traced("w6", 1, 0.4, window={"kind": "centred", "size": 6}), settings.MIDDLE), [4, 5, 6])

    def test_for_against_undecided_and_not_testable(self):
        judge, claim = statistics.judge, self.claim("early-mlp")
        found = judge(claim, {"trace-visual-w6": self.traced("a", 30, 0.4)})
        self.assertAlmostEqual(found["value"], 0.5)
        self.assertEqual((found["verdict"], found["subjects"], round(found["low"], 9)), ("for", 30, 0.5))
        self.assertEqual(judge(claim, {"trace-visual-w6": self.traced("b", 30, 0.04)})["verdict"], "against")
        self.assertEqual(judge(claim, {"trace-visual-w6": self.traced("c", 30, 0.4, control=0.5)})["verdict"], "undecided")
        found = judge(claim, {"trace-visual-w6": self.traced("d", 29, 0.4)})
        self.assertEqual((found["verdict"], found["why"]), ("not testable here", "29 subjects"))
        self.assertEqual(judge(claim, {})["why"], "no results of trace-visual-w6")

    def test_where_no_window_leaves_layer_0_out(self):
        found = statistics.judge(self.claim("early-mlp"), {"trace-visual-w6": self.traced("e", 30, 0.4, window={"kind": "radius", "size": 4})})
        self.assertEqual(found["verdict"], "not testable here")

    def test_a_difference_is_over_the_subjects_that_both_have(self):
        a, b = self.traced("a", 40, 0.4), self.traced("b", 33, 0.2)
        found = statistics.judge(self.claim("windows-mlp"), {"trace-visual-w6": a, "trace-visual-w1": b})
        self.assertEqual(found["subjects"], 33)
        self.assertAlmostEqual(found["value"], 0.25)
        self.assertEqual(found["verdict"], "for")

    def test_weak_questions_are_left_out(self):
        store = self.store("weak", [("a", 0.5, 0.45, {("mlp_out/prob", "constraint"): [0.4] * L})])
        self.assertIsNone(statistics.measured(self.claim("early-mlp"), [store], "constraint"))

    def test_depth_of_half(self):
        store = self.store("depth", [("a", 1, 0, {})])
        self.assertAlmostEqual(statistics.half_depth(store, [1, 1, 0.75, 0.25, 0, 0, 0, 0, 0, 0, 1]), 0.25)
        self.assertEqual(statistics.half_depth(store, [1] * 10 + [1]), 1)
        self.assertTrue(math.isnan(statistics.half_depth(store, [0] * 10 + [1])))

    def found(self):
        """results.json of a study of which only two figures and an edit are there."""
        edit = {"method": "ft", "layer": "3", "metric": "efficacy_exact", "edits": 7, "value": [1.0, None, None]}
        return {"model": "m", "layers": L, "dataset": "d", "questions": {"visual": 1, "textual": 0, "edits": 1}, "ask_limit": 1000,
                "limit": 100, "grid_limit": 30, "edit_limit": 40, "seed": 0, "claims": [statistics.judge(c, {}) for c in settings.CLAIMS], "problems": ["x: y"],
                "answers": {"visual": {"capital": [10, 4], "": [2, 1]}}, "figures": [["flow-visual", "flows.svg"], ["edits", "edits-layers.svg"]],
                "edits": [edit], "reports": ["flow-visual"]}

    def test_the_page_says_every_claim(self):
        text = page.text(self.found())
        self.assertEqual(text.count("not testable here"), len(settings.CLAIMS) + 1)
        for line in ("- x: y", "| capital | 4 of 10 | – |", "| all | 5 of 12 | 0 of 0 |", "| 3 | fine-tuning | 7 | 1.00 | – | – |",
                     "](reports/flow-visual/flows.svg)", "](reports/edits/edits-layers.svg)"):
            self.assertIn(line, text)
        self.assertNotIn("knockouts.svg", text)

    def test_the_document_keeps_its_other_sections(self):
        root = self.path
        (root / "docs/pictures").mkdir(parents=True)
        (root / "tools/replicate").mkdir(parents=True)
        for report, file in self.found()["figures"]:
            (root / "reports" / report).mkdir(parents=True)
            (root / "reports" / report / file).write_text("<svg/>")
        whole = root / "docs/replication.md"
        whole.write_text("# Title\n\nA.\n\n## One\n\nB.\n\n## Last\n\nC.\n")
        for _ in range(2):
            document.publish(self.found(), root, root)
            text = whole.read_text()
            self.assertEqual(text.count(document.TITLE), 1)
            self.assertTrue(text.startswith("# Title\n\nA.\n\n## One\n\nB.\n\n## Over FlagQA"))
            self.assertTrue(text.endswith("\n\n## Last\n\nC.\n"))
        self.assertTrue((root / "docs/pictures/flagqa-edits-edits-layers.svg").exists())
        self.assertEqual(document.section(root).count("![") , 2)

    def test_answers_by_relation(self):
        store = self.store("asked", [("a", 0.5, None, {})] * 3)
        store.db.close()
        db = sqlite3.connect(self.path / "asked.db")
        db.execute("ALTER TABLE question ADD relation TEXT")
        db.execute("ALTER TABLE result ADD correct INTEGER")
        db.execute("UPDATE result SET correct = 0")
        db.execute("UPDATE result SET correct = 1 WHERE question = 1")
        db.execute("UPDATE question SET relation = 'capital' WHERE number < 2")
        db.commit()
        db.close()
        self.assertEqual(statistics.Store(self.path / "asked.db").answered(), {"capital": [2, 1], None: [1, 0]})

    def test_every_claims_stores_are_swept(self):
        names = {s.name for s in settings.sweeps(30, "@other", ())}
        self.assertEqual({n for c in settings.CLAIMS for n in (c.a, c.b) if n} - names, set())


class Runs(Folder):
    def test_a_run_that_fails_is_told_by_its_error_not_by_its_hint(self):
        fails = self.path / "fails"
        fails.write_text("#!/bin/sh\necho 'patchbay report: no such file' >&2\necho 'hint: make one' >&2\nexit 1\n")
        fails.chmod(0o755)
        runs = program.Program(fails, "demo", None)
        self.assertFalse(runs.report("answers", ["a.db"], False, self.path))
        self.assertEqual(runs.problems, ["report answers: patchbay report: no such file"])



if __name__ == "__main__":
    unittest.main()
