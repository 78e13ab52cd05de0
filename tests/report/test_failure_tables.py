"""failure.csv and its figure, from stores of flows made by hand: what tools/goldens/failures.py found with NumPy and SciPy.

STORE_OF_JSON names the program that makes a store of a JSON text.
"""
import contextlib
import csv
import json
import os
import sqlite3
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS / "cli"))
from common import ProgramTest  # noqa: E402

CASES = json.loads((TESTS / "method/golden/failures.json").read_text())["cases"]
FIRST = 2                       # the first layer that was looked at
MODEL = {"family": "llava", "layers": 12, "fingerprint": "f"}


def store_of(case, method="flow", **options):
    """Right answers are done; flows of wrong ones were asked for."""
    options.setdefault("answer", {"id": None, "text": None, "tokens": "first"})
    L, questions = case["layers"], []
    for i, (subject, relation) in enumerate(zip(case["subject"], case["relation"])):
        curves = [{"name": "constraint>last", "class": m, "data": case["contribution"][i * L:(i + 1) * L]} for m in ("norm_sum", "sum_norm")]
        questions.append({"id": f"q{i}", "subject": subject, "relation": relation, "result": {
            "status": "done", "answer": "x", "correct": case["correct"][i], "clean_prob": case["prob"][i],
            "detail": {"layers": list(range(FIRST, FIRST + L))}, "curves": curves if method == "flow" else []}})
    seed = int(case["seed"], 16)
    options = {"seed": seed - (seed >> 63 << 64), **options}        # as stores have it: an integer of 64 bits with a sign
    return {"about": {"method": method, "model": MODEL, "options": options, "dataset": {"rows": len(questions), "digest": "d"}},
            "questions": questions}


class FailureTables(ProgramTest):
    def report(self, *contents, named="store-{}.db", **kwargs):
        paths = []
        for i, content in enumerate(contents):
            (self.folder / "store.json").write_text(json.dumps(content))
            paths.append(self.folder / named.format(i))
            paths[-1].unlink(missing_ok=True)
            subprocess.run([os.environ["STORE_OF_JSON"], self.folder / "store.json", paths[-1]], check=True)
            with contextlib.closing(sqlite3.connect(paths[-1])) as db, db:     # the tool reads all numbers as doubles
                db.execute("UPDATE about SET value = ? WHERE key = 'options'", (json.dumps(content["about"]["options"]),))
        out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        self.succeeds(self.program("report", *paths, "--out", out, **kwargs))

    def table(self, name):
        with open(self.out / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def assert_rows(self, rows, case):
        expected = case["expected"]
        first, length, _ = expected["runs"][expected["chosen"]]
        layers = f"{FIRST + first}" + (f"-{FIRST + first + length - 1}" if length > 1 else "")
        self.assertEqual(len(rows), len(expected["scores"]))
        for row, score in zip(rows, expected["scores"]):
            self.assertEqual([row["signal"], row["half"], row["relation"]], [score["signal"], score["half"], score["relation"] or ""])
            self.assertEqual(row["layers"], "" if score["signal"] == "prob" else layers)
            self.assertEqual([int(row[k]) for k in ("right", "wrong", "subjects")], [score[k] for k in ("right", "wrong", "subjects")])
            for key, number in zip(("auroc", "low", "high"), score["auroc"]):
                if number is None:
                    self.assertEqual(row[key], "")
                else:
                    self.assertAlmostEqual(float(row[key]), number, delta=1e-8)
            self.assertEqual(row["verdict"] == "not testable here", score["subjects"] < 30)

    def test_the_numbers_are_numpys(self):
        for case in CASES:
            self.report(store_of(case))
            self.assert_rows(self.table("failure.csv"), case)
            layers = self.table("failure_layers.csv")
            self.assertEqual([int(row["chosen"]) for row in layers].index(1), case["expected"]["chosen"])
            for row, (_, _, area) in zip(layers, case["expected"]["runs"], strict=True):
                self.assertAlmostEqual(float(row["auroc"]), area, delta=1e-8)
            drawing = ElementTree.parse(self.out / "failure.svg").getroot()
            self.assertTrue(drawing.tag.endswith("svg"))

    def test_without_flows_of_wrong_answers(self):
        store = store_of(CASES[0])
        for question in store["questions"]:
            if not question["result"]["correct"]:
                question["result"].update(curves=[], status="wrong", reason="the answer is wrong")
        self.report(store)
        rows = self.table("failure.csv")
        self.assertEqual({row["signal"] for row in rows}, {"prob"})
        self.assertEqual(float(rows[0]["auroc"]), float(f"{CASES[0]['expected']['scores'][0]['auroc'][0]:.9g}"))
        self.assertEqual(self.table("failure_layers.csv"), [])

    def test_several_stores(self):
        self.report(store_of(CASES[0], "ask", max_tokens=16), store_of(CASES[1], "ask", max_tokens=8))
        self.assertEqual(len({row["store"] for row in self.table("failure.csv")}), 2)
        self.assertTrue((self.out / "failure.svg").exists() and (self.out / "failure-2.svg").exists())
        for name in ("failure.csv", "failure_layers.csv"):
            self.assertEqual((self.out / name).read_text().split("\n")[0].split(",")[-1], "store")

    def test_the_store_s_name_is_not_in_it(self):
        """Tables are of the work, whatever the file is called in which it lies."""
        tables = []
        for name in ("a.db", "b.db"):
            self.report(store_of(CASES[0]), named=name)
            tables.append([(self.out / table).read_bytes() for table in ("failure.csv", "failure_layers.csv")])
        self.assertEqual(*tables)

    def test_where_nothing_can_be_said(self):
        for other in ({"id": None, "text": "Lisbon", "tokens": "first"}, {"id": 7, "text": None, "tokens": "first"},
                      {"id": None, "text": None, "tokens": "all"}):     # not the first token of the model's own answer
            self.report(store_of(CASES[0], answer=other))
            self.assertFalse((self.out / "failure.csv").exists(), other)
        store = store_of(CASES[0])
        for question in store["questions"]:
            question["result"]["correct"] = None
        self.report(store)
        self.assertFalse((self.out / "failure.csv").exists())


if __name__ == "__main__":
    unittest.main()
