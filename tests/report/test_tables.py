"""The tables of a report are what their definitions give, from stores made by hand; and what a report refuses.

STORE_OF_JSON names the program that makes a store of a JSON text.
"""
import csv
import json
import math
import os
import random
import subprocess
import sys
import unittest
from pathlib import Path

import intervals

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from common import ProgramTest  # noqa: E402

L = 2
CLASSES = ["bos", "before", "constraint_first", "constraint_last", "after", "last", "control"]
WINDOW = {"kind": "centred", "size": 3}
MODEL = {"family": "llava", "layers": L, "fingerprint": "f"}


def about(kind, **options):
    return {"method": kind, "model": MODEL, "options": {"seed": 0, **options}, "dataset": {"rows": 9, "digest": "d"}}


# ---- stores ----

def traced(r, clean, corrupted, classes):
    curves = []
    for site in ("attn_out", "mlp_out"):
        for name in classes:
            data = [round(r.uniform(corrupted - 0.1, clean + 0.1), 6) for _ in range(L)]
            curves.append({"name": f"{site}/prob", "class": name, "data": data})
            curves.append({"name": f"{site}/logprob", "class": name, "data": [math.log(abs(x) + 1e-9) for x in data]})
    detail = {"layers": list(range(L)), "sites": {s: {"restored": [[0, 1], [0, 1]]} for s in ("attn_out", "mlp_out")}}
    return {"status": "done", "answer": "Lisbon", "correct": r.choice([0, 1, 1]), "clean_prob": clean,
            "corrupted_prob": corrupted, "detail": detail, "curves": curves,
            "values": {"weak": int(clean - corrupted < 0.1), "primed": 0}}


def question(i, r, result, subjects=4):
    kinds = r.choice([["visual"], ["textual"], ["visual", "textual"]])
    return {"id": f"q,{i}" if i == 1 else f"q{i}", "subject": f"S{r.randrange(subjects)}" if i % 7 else None,
            "image": "pictures/x.png" if i % 7 == 0 else None, "relation": r.choice(["capital", "currency", None]),
            "row": {"constraints": [{"kind": k} for k in kinds], "wording": f"w{i % 2}"}, "result": result}


def trace_store(case=1, count=18, **options):
    r = random.Random(case)
    questions = []
    for i in range(count):
        clean = round(r.uniform(0.3, 0.9), 6)
        corrupted = round(clean - r.choice([0.05, 0.25, 0.4]), 6)
        classes = [c for c in CLASSES if r.random() < 0.8 or c == "last"]
        questions.append(question(i, r, traced(r, clean, corrupted, classes)))
    questions[2]["result"] = {"status": "wrong", "reason": "the answer is wrong", "answer": "a \"quoted\",\nlong one",
                              "correct": 0, "clean_prob": 1.0}
    questions[5]["result"] = {"status": "failed", "reason": "no such picture"}
    questions[6]["result"] = {"status": "marked", "reason": "no span"}
    questions[9]["result"] = None
    questions[4]["result"]["curves"][0]["data"][1] = None
    options = {"corruption": ["swap:Paris"], "direction": "denoise", "window": WINDOW, **options}
    return {"about": about("trace", **options), "questions": questions}


# ---- what their definitions give ----

def subject_of(q):
    return q["subject"] or q["image"] or id(q)


def kinds_of(q):
    return " and ".join(sorted({c["kind"] for c in q["row"]["constraints"]}))


def done(store):
    return [q for q in store["questions"] if q["result"] and q["result"]["status"] == "done"]


def curve(q, name, class_):
    return next((c["data"] for c in q["result"]["curves"] if (c["name"], c["class"]) == (name, class_)), None)


def effect_rows(store, site, class_, layer, taking, questions):
    """[(subject, top, bottom)...] of the questions that have it"""
    noise, rows = store["about"]["options"]["direction"] == "noise", []
    for q in questions:
        data, r = curve(q, f"{site}/{'logprob' if taking == 'logprob' else 'prob'}", class_), q["result"]
        if data is None or data[layer] is None:
            continue
        value, whole = data[layer], r["clean_prob"] - r["corrupted_prob"]
        ie = r["clean_prob"] - value if noise else value - r["corrupted_prob"]
        if taking == "recovered":
            if whole >= 0.1:
                rows.append((subject_of(q), ie, whole))
        else:
            rows.append((subject_of(q), ie if taking == "ie" else value, 1))
    return rows


def aie_lines(store, questions):
    """(site, metric, layer, class) -> interval, in the order of aie.csv"""
    out, seed = {}, store["about"]["options"]["seed"]
    for site in ("attn_out", "mlp_out"):
        for class_ in CLASSES:
            for metric in ("prob", "ie", "recovered", "ie_control", "logprob"):
                for layer in range(L):
                    if metric == "ie_control":
                        rows = [effect_rows(store, site, c, layer, "ie", questions) for c in (class_, "control")]
                        found = intervals.difference(*rows, seed) if class_ != "control" else None
                    else:
                        found = intervals.interval(effect_rows(store, site, class_, layer, metric, questions), seed)
                    if found:
                        out[site, metric, layer, class_] = found
    return out


class Tables(ProgramTest):
    def store(self, content, name="results.db"):
        path = self.folder / name
        (self.folder / "store.json").write_text(json.dumps(content))
        subprocess.run([os.environ["STORE_OF_JSON"], self.folder / "store.json", path], check=True)
        return path

    def report(self, *args):
        out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        self.succeeds(self.program("report", *args, "--out", out))
        return out

    def table(self, name):
        with open(self.out / name, newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
        for line in lines:
            self.assertEqual(len(line), len(lines[0]), line)
        return lines

    def assert_number(self, text, number):
        if math.isnan(number):
            self.assertEqual(text, "")
            return
        self.assertLessEqual(len(text.lstrip("-0.").split("e")[0].replace(".", "")), 9, text)
        self.assertTrue(math.isclose(float(text), number, rel_tol=1e-8, abs_tol=1e-14), f"{text} is not {number}")

    def assert_interval(self, fields, expected):
        questions, subjects, *numbers = expected
        self.assertEqual(fields[:2], [str(questions), str(subjects)])
        for text, number in zip(fields[2:5], numbers, strict=True):
            self.assert_number(text, number)


class Traces(Tables):
    def check_aie(self, store, lines, questions, before=()):
        expected = aie_lines(store, questions)
        self.assertEqual(len(lines), len(expected))
        for line, ((site, metric, layer, class_), numbers) in zip(lines, expected.items()):
            self.assertEqual(line[:len(before) + 1], [*before, site])
            line = line[len(before):]
            self.assertEqual([line[4], line[5], line[6]], [metric, str(layer), class_])
            self.assert_interval(line[7:], numbers)

    def test_aie(self):
        store = trace_store()
        self.report(self.store(store))
        header, *lines = self.table("aie.csv")
        self.assertEqual(",".join(header), "site,corruption,direction,window,metric,layer,class,questions,subjects,mean,low,high")
        self.assertEqual(lines[0][1:4], ["swap:Paris", "denoise", "3"])
        self.check_aie(store, lines, done(store))

    def test_groups(self):
        store = trace_store(2, direction="noise", window={"kind": "radius", "size": 1}, corruption=["swap:Paris", "image:@other"])
        self.report(self.store(store))
        header, *lines = self.table("aie_groups.csv")
        self.assertEqual(header[:3], ["by", "group", "site"])
        self.assertEqual(lines[0][3:6], ["swap:Paris + image:@other", "noise", "radius 1"])
        groups = ["textual", "textual and visual", "visual"]
        self.assertEqual(sorted({line[1] for line in lines}), groups)
        for group in groups:
            part = [line for line in lines if line[1] == group]
            self.check_aie(store, part, [q for q in done(store) if kinds_of(q) == group], ["kind", group])

    def test_groups_as_asked_for(self):
        store = trace_store(3)
        path = self.store(store)
        for by, groups, key in (("relation", ["capital", "currency"], lambda q: q["relation"]),
                                ("wording", ["w0", "w1"], lambda q: q["row"]["wording"])):
            self.report(path, "--by", by)
            _, *lines = self.table("aie_groups.csv")
            self.assertEqual(sorted({line[1] for line in lines}), groups)
            part = [line for line in lines if line[1] == groups[1]]
            self.check_aie(store, part, [q for q in done(store) if key(q) == groups[1]], [by, groups[1]])
            accuracy = self.table("accuracy.csv")
            rows = [(subject_of(q), q["result"]["correct"], 1) for q in store["questions"]
                    if q["result"] and q["result"].get("correct") is not None]
            self.assertEqual([line[0] for line in accuracy], ["group", "all", *groups])
            self.assert_interval(accuracy[1][1:], intervals.interval(rows, 0))

    def test_seed(self):
        store = trace_store(4, seed=(1 << 40) + 5)
        self.report(self.store(store))
        self.check_aie(store, self.table("aie.csv")[1:], done(store))

    def test_questions(self):
        store = trace_store()
        self.report(self.store(store))
        header, *lines = self.table("questions.csv")
        self.assertEqual(header, ["id", "status", "reason", "answer", "correct", "clean_prob", "corrupted_prob"])
        self.assertEqual([line[0] for line in lines], [q["id"] for q in store["questions"]])
        self.assertEqual(lines[2], ["q2", "wrong", "the answer is wrong", "a \"quoted\",\nlong one", "0", "1", ""])
        self.assertEqual(lines[5], ["q5", "failed", "no such picture", *[""] * 4])
        self.assertEqual(lines[9], ["q9", "pending", *[""] * 5])
        for line, q in zip(lines, store["questions"]):
            if line[1] == "done":
                self.assert_number(line[5], q["result"]["clean_prob"])
                self.assert_number(line[6], q["result"]["corrupted_prob"])
                self.assertEqual(line[4], str(q["result"]["correct"]))
        text = (self.out / "questions.csv").read_bytes()
        self.assertIn(b'"q,1",done,', text)
        self.assertIn(b'"a ""quoted"",\nlong one"', text)

    def test_answers(self):
        store = trace_store()
        self.report(self.store(store))
        _, *lines = self.table("answers.csv")
        self.assertEqual(len(lines), 20)
        for right, column in ((1, 2), (0, 3)):
            probs = [q["result"]["clean_prob"] for q in store["questions"]
                     if q["result"] and q["result"].get("correct") == right]
            for b, line in enumerate(lines):
                inside = [p for p in probs if b / 20 <= p < (b + 1) / 20 or (b == 19 and p == 1)]
                self.assertEqual(int(line[column]), len(inside))

    def test_windows(self):
        self.report(self.store(trace_store()))
        self.assertEqual(self.table("windows.csv")[1:], [[s, str(l), "0", "1"] for s in ("attn_out", "mlp_out") for l in (0, 1)])

    def test_the_same_again(self):
        path = self.store(trace_store())
        first = {p.name: p.read_bytes() for p in self.report(path).iterdir()}
        again = {p.name: p.read_bytes() for p in self.report(path, "--threads", 1).iterdir()}
        self.assertEqual(first, again)

    def test_several_stores(self):
        wide = trace_store(window={"kind": "centred", "size": 1})
        self.report(self.store(trace_store()), self.store(wide, "wide.db"))
        for name in ("aie.csv", "questions.csv", "answers.csv"):
            header, *lines = self.table(name)
            self.assertEqual(header[-1], "store")
            self.assertEqual({line[-1] for line in lines}, {"window 3", "window 1"})
        lines = [line for line in self.table("aie.csv") if line[-1] == "window 1"]
        self.check_aie(wide, [line[:-1] for line in lines], done(wide))


# ---- two stores ----

def half_depth(curve):
    """0 the first layer, 1 behind the last"""
    peak = curve.index(max(curve))
    half = curve[peak] / 2
    if not half > 0:
        return math.nan
    for l in range(peak + 1, len(curve)):
        if curve[l] < half:
            return (l - 1 + (curve[l - 1] - half) / (curve[l - 1] - curve[l])) / L
    return 1.0


class Contrasts(Tables):
    def stores(self):
        a, b = trace_store(5), trace_store(6, direction="noise")
        for q in b["questions"][::3]:
            q["subject"] = "only here"
        for store in (a, b):
            for q in done(store):
                for c in q["result"]["curves"]:
                    c["data"] = [0.5 if x is None else x for x in c["data"]]
        return a, b

    def test_differences(self):
        a, b = self.stores()
        self.report("--contrast", self.store(a, "a.db"), self.store(b, "b.db"))
        header, *lines = self.table("contrast.csv")
        self.assertEqual(",".join(header), "name,metric,layer,class,group,questions,subjects,mean,low,high")
        lines = [line for line in lines if line[4] == ""]
        count = 0
        for site in ("attn_out", "mlp_out"):
            for class_ in CLASSES:
                for metric in ("prob", "ie", "recovered", "logprob"):
                    for layer in range(L):
                        rows = [effect_rows(s, site, class_, layer, metric, done(s)) for s in (a, b)]
                        expected = intervals.difference(*rows, 0)
                        line = lines[count]
                        self.assertEqual(line[:4], [site, metric, str(layer), class_])
                        self.assert_interval(line[5:], expected)
                        count += 1
        self.assertEqual(count, len(lines))

    def test_depths(self):
        a, b = self.stores()
        self.report("--contrast", self.store(a, "a.db"), self.store(b, "b.db"))
        header, *lines = self.table("depth.csv")
        self.assertEqual(header[:4], ["name", "metric", "class", "group"])
        lines = [line for line in lines if line[3] == ""]
        self.assertEqual(len(lines), 2 * len(CLASSES))
        for line in lines:
            curves = [[intervals.by_subject(effect_rows(s, line[0], line[2], l, "recovered", done(s))) for l in range(L)]
                      for s in (a, b)]
            both = [s for s in curves[0][0] if s in curves[1][0]]
            depths = []
            for curve, column in zip(curves, (4, 7)):
                sums = [list(c.values()) for c in curve]
                drawn = list(zip(*(intervals.resampled(s, 0) for s in sums)))
                self.assert_number(line[column], half_depth([intervals.ratio(s) for s in sums]))
                low, high = intervals.ends([half_depth(list(c)) for c in drawn])
                self.assert_number(line[column + 1], low)
                self.assert_number(line[column + 2], high)
                common = [[c[s] for s in both] for c in curve]
                depths.append([half_depth(list(c)) for c in zip(*(intervals.resampled(s, 0) for s in common))])
            self.assertEqual(line[10], str(len(both)))
            low, high = intervals.ends([x - y for x, y in zip(*depths)])
            self.assert_number(line[12], low)
            self.assert_number(line[13], high)

    def test_with_itself(self):
        a, _ = self.stores()
        self.report("--contrast", self.store(a, "a.db"), self.store(a, "b.db"))
        for line in self.table("contrast.csv")[1:]:
            self.assertEqual(line[7:], ["0", "0", "0"])

    def test_refused(self):
        a, b = self.stores()
        first = self.store(a, "a.db")
        self.misused(self.program("report", "--contrast", first), "two stores")
        for q in b["questions"]:
            q["subject"] = "only here"
        self.fails(self.program("report", "--contrast", first, self.store(b, "b.db"), "--out", self.out), "no subject in common")
        b["about"]["model"] = {**MODEL, "layers": 9}
        self.fails(self.program("report", "--contrast", first, self.store(b, "c.db"), "--out", self.out), "9")
        shifted = trace_store(5)
        for q in done(shifted):
            q["result"]["detail"]["layers"] = [1, 2]
        self.fails(self.program("report", "--contrast", first, self.store(shifted, "d.db"), "--out", self.out), "other layers")


# ---- other methods ----

def simple(r, i, **result):
    return question(i, r, {"status": "done", "answer": "x", "correct": r.choice([0, 1]), "clean_prob": r.random(), **result})


class Flows(Tables):
    def flow_store(self):
        r = random.Random(8)
        pairs, questions = ["image>constraint", "constraint>last"], []
        for i in range(12):
            curves = [{"name": p, "class": m, "data": [r.random(), r.random() if i else None]} for p in pairs
                      for m in ("sum_norm", "share")]
            grid = [r.random() for _ in range(2 * 3)]
            questions.append(simple(r, i, detail={"layers": [4, 5]}, curves=curves, grids=[
                {"name": "image>constraint/per_position", "shape": [2, 3], "data": grid},
                {"name": "image>constraint/per_head", "shape": [2, 2], "data": [0, 0, 0, 0]}]))
        return {"about": about("flow"), "questions": questions}

    def test_curves(self):
        store = self.flow_store()
        self.report(self.store(store))
        header, *lines = self.table("flow.csv")
        self.assertEqual(",".join(header), "from,to,measure,layer,questions,subjects,mean,low,high")
        self.assertEqual(len(lines), 2 * 2 * 2)
        for line in lines:
            at = int(line[3]) - 4
            data = [(subject_of(q), curve(q, f"{line[0]}>{line[1]}", line[2])[at], 1) for q in done(store)]
            self.assert_interval(line[4:], intervals.interval([d for d in data if d[1] is not None], 0))

    def test_sources(self):
        store = self.flow_store()
        self.report(self.store(store))
        grids = [q["result"]["grids"][0]["data"] for q in done(store)]
        sums = [[sum(g[l * 3 + i] for g in grids) for i in range(3)] for l in range(2)]
        at = max((0, 1), key=lambda l: sum(sums[l]))
        header, *lines = self.table("sources.csv")
        self.assertEqual(header, ["from", "to", "layer", "row", "mean", "strongest", "questions"])
        self.assertEqual(len(lines), 3)
        for i, line in enumerate(lines):
            self.assertEqual(line[:4], ["image", "constraint", str(4 + at), str(i)])
            self.assert_number(line[4], sums[at][i] / len(grids))
            strongest = sum(max(range(3), key=lambda k: g[at * 3 + k]) == i for g in grids)
            self.assertEqual(line[5:], [str(strongest), str(len(grids))])

    def test_failure_prediction(self):
        """Files of their own, where the model followed its own answer; what they hold is tested elsewhere."""
        store = self.flow_store()
        store["about"]["options"]["answer"] = {"text": None, "id": None, "tokens": "first"}
        self.report(self.store(store))
        self.assertIn("prob", self.table("failure.csv")[1])
        store["about"]["options"]["answer"]["text"] = "Lisbon"
        self.report(self.store(store, "named.db"))
        self.assertFalse((self.out / "failure.csv").exists())

    def test_knockouts(self):
        r = random.Random(9)
        questions = [simple(r, i, detail={"layers": [0, 1]}, curves=[
            {"name": "image>last", "class": m, "data": [r.random(), r.random()]} for m in ("prob", "relative")]) for i in range(9)]
        store = {"about": about("knockout", window=WINDOW), "questions": questions}
        self.report(self.store(store))
        header, *lines = self.table("knockout.csv")
        self.assertEqual(",".join(header), "from,to,window,measure,layer,questions,subjects,mean,low,high")
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertEqual(line[:3], ["image", "last", "3"])
            rows = [(subject_of(q), curve(q, "image>last", line[3])[int(line[4])], 1) for q in questions]
            self.assert_interval(line[5:], intervals.interval(rows, 0))

    def test_pairs_cut_together(self):
        """What gives and what takes are named as knockout.json names them."""
        r = random.Random(9)
        store = {"about": about("knockout", window=WINDOW), "questions": [simple(r, i, detail={"layers": [0]}, curves=[
            {"name": "image>last+constraint:0>last", "class": "prob", "data": [r.random()]}]) for i in range(3)]}
        self.report(self.store(store))
        self.assertEqual([line[:2] for line in self.table("knockout.csv")[1:]], [["image,constraint:0", "last,last"]])


class Edits(Tables):
    def test_metrics(self):
        r = random.Random(10)
        questions = []
        for i in range(10):
            values = {"before_prob": r.random(), "after_prob": r.random(), "before_exact": 0, "after_exact": r.choice([0, 1]),
                      "neighbours": r.randrange(0, 4), "neighbours_kept": r.random(), "neighbours_change": r.random() - 0.5,
                      "specificity": 5, "specificity_before": r.random(), "specificity_after": r.random()}
            if values["neighbours"] == 0:
                values["neighbours_kept"] = values["neighbours_change"] = None
            questions.append(simple(r, i, values=values))
        store = {"about": about("edit", method="multedit", layer=2), "questions": questions}
        self.report(self.store(store))
        header, *lines = self.table("edit.csv")
        self.assertEqual(",".join(header), "method,layer,metric,questions,subjects,mean,low,high")
        expected = {"efficacy_prob_before": ("before_prob", None), "efficacy_prob": ("after_prob", None),
                    "efficacy_exact_before": ("before_exact", None), "efficacy_exact": ("after_exact", None),
                    "neighbours_kept": ("neighbours_kept", "neighbours"), "neighbours_change": ("neighbours_change", "neighbours"),
                    "specificity_before": ("specificity_before", "specificity"),
                    "specificity": ("specificity_after", "specificity"), "specificity_change": (None, "specificity")}
        self.assertEqual([line[2] for line in lines], list(expected))
        for line in lines:
            value, weight = expected[line[2]]
            rows = []
            for q in questions:
                v = q["result"]["values"]
                x = v["specificity_after"] - v["specificity_before"] if value is None else v[value]
                n = 1 if weight is None else v[weight]
                if x is not None and n:
                    rows.append((subject_of(q), x * n, n))
            self.assertEqual(line[:2], ["multedit", "2"])
            self.assert_interval(line[3:], intervals.interval(rows, 0))

    def test_contrast(self):
        stores = []
        for method in ("multedit", "ft"):
            r = random.Random(method)
            questions = [simple(r, i, values={"after_prob": r.random(), "neighbours": 3, "neighbours_kept": r.random()})
                         for i in range(10)]
            stores.append({"about": about("edit", method=method, layer=2), "questions": questions})
        self.report("--contrast", *(self.store(s, f"{i}.db") for i, s in enumerate(stores)))
        _, *lines = self.table("contrast.csv")
        self.assertEqual([line[1] for line in lines], ["efficacy_prob", "neighbours_kept"])
        for line, (value, weight) in zip(lines, (("after_prob", 1), ("neighbours_kept", 3))):
            rows = [[(subject_of(q), q["result"]["values"][value] * weight, weight) for q in s["questions"]] for s in stores]
            self.assertEqual(line[:1] + line[2:5], [""] * 4)
            self.assert_interval(line[5:], intervals.difference(*rows, 0))
        self.assertEqual({line[-1] for line in self.table("edit.csv")[1:]}, {"method multedit", "method ft"})

    def test_ranges_have_both_ends(self):
        r = random.Random(11)
        store = {"about": about("edit", method="ft", layer=[2, 5]),
                 "questions": [simple(r, i, values={"after_prob": r.random()}) for i in range(3)]}
        self.report(self.store(store))
        self.assertEqual(self.table("edit.csv")[1][:3], ["ft", "2:5", "efficacy_prob"])


# ---- wrong input ----

class Refused(Tables):
    def refused(self, *args, words=()):
        self.fails(self.program("report", *args, "--out", self.out), *words)

    def test_no_store(self):
        self.misused(self.program("report"), "STORE")
        self.refused(self.folder / "none.db", words=["none.db"])
        (self.folder / "text.db").write_text("no store at all, but long enough to be one" * 20)
        self.refused(self.folder / "text.db", words=["text.db"])

    def test_results_of_single_questions(self):
        store, result = self.store(trace_store()), self.folder / "trace.json"
        self.misused(self.program("report", store, result), "RESULT.json")
        self.misused(self.program("report", result, "--by", "kind"), "RESULT.json")
        self.refused(result, words=["trace.json"])
        result.write_text("{}")
        self.refused(result, words=["trace.json", "schema"])

    def test_without_results(self):
        store = trace_store()
        for q in store["questions"]:
            q["result"] = None
        store["questions"][0]["result"] = {"status": "failed", "reason": "broken"}
        self.refused(self.store(store), words=["no results", "18 questions", "1 failed", "17 are not done"])
        self.refused(self.store({**store, "questions": []}, "empty.db"), words=["empty.db", "0 questions"])

    def test_unlike_stores(self):
        r = random.Random(1)
        flow = {"about": about("flow"), "questions": [simple(r, 0, curves=[])]}
        self.refused(self.store(trace_store()), self.store(flow, "flow.db"), words=["trace", "flow", "one method"])

    def test_curves_of_unlike_length(self):
        store = trace_store()
        done(store)[3]["result"]["curves"][2]["data"].append(1)
        self.refused(self.store(store), words=["results.db", done(store)[3]["id"], "3 layers", "2"])
        store = trace_store()
        for q in done(store):
            q["result"]["detail"]["layers"] = [0]
        self.refused(self.store(store, "other.db"), words=["attn_out", "other.db"])

    def test_groups_that_are_nowhere(self):
        self.refused(self.store(trace_store()), "--by", "colour", words=["--by colour"])

    def test_all_wrong(self):
        """Nothing was traced, but there is something to say."""
        store = trace_store()
        for q in store["questions"]:
            q["result"] = {"status": "wrong", "reason": "wrong", "answer": "x", "correct": 0, "clean_prob": 0.5}
        self.report(self.store(store))
        self.assertEqual(len(self.table("aie.csv")), 1)
        self.assertEqual(self.table("accuracy.csv")[1], ["all", "18", self.table("accuracy.csv")[1][2], "0", "0", "0"])


if __name__ == "__main__":
    unittest.main()
