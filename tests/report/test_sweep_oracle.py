"""A sweep's store and its report against single traces: every question is traced alone, its JSON agrees with the store's grids to
all of its 9 digits; and from these everything is computed once more in plain Python: classes of tokens, their means, effects,
intervals."""
import csv
import json
import math
import sqlite3
import struct
import sys
import unittest
from pathlib import Path

import intervals

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from common import ProgramTest  # noqa: E402

DEMO = Path(__file__).resolve().parents[2] / "models/demo"
CLASSES = ["bos", "image", "before", "constraint_first", "constraint_middle", "constraint_last", "after", "last", "control"]


def classes_of(trace):
    """position -> its classes, from the definition alone"""
    tokens = []                                     # (position, is image)
    for t in trace["tokens"]:
        tokens += [(t["position"] + i, "count" in t) for i in range(t.get("count", 1))]
    last = tokens[-1][0]
    constraints = [c["positions"] for c in trace["constraints"]]
    first = min(p[0] for p in constraints)
    end = max(p[-1] for p in constraints)
    out = {}
    for position, image in tokens:
        inside = [p for p in constraints if position in p]
        if position == 0 and trace["tokens"][0]["span"] == "bos":
            name = "bos"
        elif image:
            name = "image"
        elif position == last:
            name = "last"
        elif inside:
            p = inside[0]
            name = "constraint_last" if position == p[-1] else "constraint_first" if position == p[0] else "constraint_middle"
        else:
            name = "before" if position < first else "after"
        out[position] = [name]
    wanted = len({q for p in constraints for q in p})
    control = [p for p, image in tokens if end < p < last and not image][:wanted]
    if len(control) == wanted:
        for p in control:
            out[p].append("control")
    return out


def class_means(trace, values):
    """values [layers][cells] -> {class: [layers]}"""
    if "groups" in trace:
        return {name: [row[i] for row in values] for i, name in enumerate(trace["groups"])}
    member = classes_of(trace)
    columns = {c: [i for i, p in enumerate(trace["positions"]) if c in member[p]] for c in CLASSES}
    return {c: [math.fsum(row[i] for i in at) / len(at) for row in values] for c, at in columns.items() if at}


class Oracle(ProgramTest):
    def sweep(self, rows, *options):
        """Sweeps, reports, and traces each question that is done alone; returns [(row, trace)...]."""
        file = self.folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        store, out = self.folder / "results.db", self.folder / "report"
        self.succeeds(self.program("sweep", "demo", file, "--method", "trace", "--store", store, "--quiet", "--threads", 1, *options))
        self.succeeds(self.program("report", store, "--out", out))
        db = sqlite3.connect(store)
        found = []
        for number, status, detail, *probs in db.execute(
                "SELECT question, status, detail, clean_prob, corrupted_prob FROM result ORDER BY question"):
            if status != "done":
                continue
            row, single = rows[number], [o for o in options if o != "--include-wrong"]
            for i, o in enumerate(single):
                if o == "--corrupt" and "@" in single[i + 1]:
                    single[i + 1] = json.loads(detail)["corruption"][sum(x == "--corrupt" for x in single[:i])]
            result = self.program("trace", "demo", "--image", row["image"], "--question", row["question"], "--constraint",
                                  row["constraints"][0]["text"], "--json", "--quiet", *single)
            trace = json.loads(self.succeeds(result).stdout)
            found.append((row, trace))
            for run, prob in zip(("clean", "corrupted"), probs):
                trace[run]["prob"] = self.more_digits(prob, trace[run]["prob"])
            for site, grid in trace["sites"].items():
                for measure in ("prob", "logprob"):
                    grid[measure] = self.stored_grid(db, number, f"{site}/{measure}", grid[measure])
        return found

    def more_digits(self, stored, shown):
        """A number of the store, of which the JSON shows 9 digits."""
        self.assertTrue(math.isclose(stored, shown, rel_tol=6e-9, abs_tol=1e-15), f"{stored} in the store, {shown} alone")
        return stored

    def stored_grid(self, db, number, name, shown):
        shape, data = db.execute("SELECT shape, data FROM grid WHERE question = ? AND name = ?", (number, name)).fetchone()
        layers, cells = json.loads(shape)
        self.assertEqual((layers, cells), (len(shown), len(shown[0])))
        values = struct.unpack(f"<{layers * cells}d", data)
        return [[self.more_digits(values[l * cells + c], shown[l][c]) for c in range(cells)] for l in range(layers)]

    def expected(self, traces, seed):
        """(site, metric, layer, class) -> interval"""
        samples = {}
        for row, t in traces:
            clean, corrupted = t["clean"]["prob"], t["corrupted"]["prob"]
            sign = -1 if t["direction"] == "noise" else 1
            base = clean if sign < 0 else corrupted
            for site, grid in t["sites"].items():
                means, logs = class_means(t, grid["prob"]), class_means(t, grid["logprob"])
                for name, curve in means.items():
                    for l, x in enumerate(curve):
                        ie = sign * (x - base)
                        for metric, top, bottom in (("prob", x, 1), ("ie", ie, 1), ("recovered", ie, clean - corrupted),
                                                    ("logprob", logs[name][l], 1)):
                            if metric != "recovered" or "weak" not in t["marks"]:
                                samples.setdefault((site, metric, t["layers"][l], name), []).append((row["subject"], top, bottom))
        return {key: intervals.interval(rows, seed) for key, rows in samples.items()}

    def check_table(self, traces, seed=0):
        self.assertGreater(len(traces), 4)
        with open(self.folder / "report/aie.csv", newline="") as file:
            lines = [line for line in csv.DictReader(file) if line["metric"] != "ie_control"]
        expected = self.expected(traces, seed)
        self.assertEqual(len(lines), len(expected))
        for line in lines:
            questions, subjects, *numbers = expected[line["site"], line["metric"], int(line["layer"]), line["class"]]
            self.assertEqual((line["questions"], line["subjects"]), (str(questions), str(subjects)))
            for name, number in zip(("mean", "low", "high"), numbers):
                self.assertTrue(math.isclose(float(line[name]), number, rel_tol=2e-8, abs_tol=1e-12), (line, name, number))

    def rows(self, count):
        rows = [json.loads(line) for line in (DEMO / "questions.jsonl").read_text().splitlines()]
        rows = [r for r in rows if r.get("image") and r.get("constraints")][:count]
        for row in rows:
            row["image"] = str(DEMO / row["image"])
        return rows

    def test_words_made_wrong(self):
        traces = self.sweep(self.rows(8), "--sites", "mlp_out", "--layers", "2:5", "--include-wrong", "--seed", 3)
        self.check_table(traces, 3)

    def test_another_picture(self):
        traces = self.sweep(self.rows(8), "--corrupt", "image:@other", "--direction", "noise", "--positions", "all", "--sites",
                            "resid_post", "--layers", "4:6", "--window", 3, "--include-wrong")
        self.check_table(traces)

    def test_groups(self):
        traces = self.sweep(self.rows(6), "--group", "--positions", "constraint,image,last", "--sites", "attn_out", "--include-wrong")
        self.check_table(traces)


if __name__ == "__main__":
    unittest.main()
