"""`patchbay sweep`: what a store holds is what single commands say; it goes on where it was; what it refuses."""
import json
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
import unittest

from common import CONSTRAINT, EXACT, IMAGES, LLAVA, PROGRAM, QUESTION, ProgramTest

ROWS = (
    {"id": "a1", "image": "a.jpg", "question": QUESTION, "answers": ["x"], "subject": "a", "phrase": "that city"},
    {"id": "b1", "image": "b.png", "question": QUESTION, "answers": ["y"], "subject": "b", "phrase": "this country"},
    {"id": "a2", "image": "a.jpg", "question": "What is the name of this country?", "answers": ["z"], "subject": "a"},
    {"id": "t1", "question": "What is the capital of this country?", "subject": "c"},
)


class SweepTest(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.copy(IMAGES / "rgb.jpg", self.folder / "a.jpg")
        shutil.copy(IMAGES / "photo.png", self.folder / "b.png")
        self.data = self.write(ROWS)
        self.store = self.folder / "s.db"

    def write(self, rows, name="rows.jsonl"):
        path = self.folder / name
        lines = [row if isinstance(row, str) else
                 json.dumps({"constraints": [{"kind": "visual", "text": CONSTRAINT}], **row}) for row in rows]
        path.write_text("\n".join(lines) + "\n")
        return path

    def sweep(self, *args, data=None, model=LLAVA, **kwargs):
        return self.program("sweep", model, data or self.data, "--store", self.store, "--threads", 1, "--quiet", *args, **kwargs)

    def read(self, query, *args):
        with sqlite3.connect(self.store) as connection:
            return connection.execute(query, args).fetchall()

    def statuses(self):
        return dict(self.read("select q.id, r.status from question q left join result r on r.question = q.number"))

    def detail(self, name):
        return json.loads(self.read("select detail from result r join question q on r.question = q.number where id = ?", name)[0][0])

    def grid(self, name, grid):
        """[layers][cells]"""
        shape, data = self.read("select shape, data from grid g join question q on g.question = q.number where id = ? and name = ?",
                                name, grid)[0]
        layers, cells = json.loads(shape)
        values = struct.unpack(f"<{layers * cells}d", data)
        return [list(values[l * cells:(l + 1) * cells]) for l in range(layers)]

    def assertClose(self, a, b):
        """As far as nine digits tell, or without bits as far as float32 does."""
        if isinstance(b, list):
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self.assertClose(x, y)
        else:
            self.assertAlmostEqual(a, b, delta=(1e-8 if EXACT else 2e-5) * abs(b))

    # ---- equal to single commands ----

    def test_traces_are_single_traces(self):
        self.succeeds(self.sweep("--method", "trace", "--corrupt", "image:@other", "--include-wrong", "--positions", "constraint,last"))
        for name, row, other in (("a1", ROWS[0], "b.png"), ("b1", ROWS[1], "a.jpg"), ("a2", ROWS[2], "b.png")):
            single = self.succeeds(self.trace(LLAVA, "--json", "--positions", "constraint,last", "--corrupt",
                                              f"image:{self.folder / other}", question=row["question"],
                                              image=self.folder / row["image"]))
            single = json.loads(single.stdout)
            single["image"]["path"], single["corruption"] = row["image"], [f"image:{other}"] # as the data set names them
            detail = self.detail(name)
            for site in single["sites"]:
                for measure in ("prob", "logprob"):
                    self.assertClose(self.grid(name, f"{site}/{measure}"), single["sites"][site].pop(measure))
            for key in single:
                if key not in ("model", "cost", "clean", "corrupted", "image_areas"):
                    self.assertEqual(detail[key], single[key], key)
            for run in ("clean", "corrupted"):
                self.assertClose(detail[run]["prob"], single[run]["prob"])
                self.assertEqual([top["id"] for top in detail[run]["top"]], [top["id"] for top in single[run]["top"]])
        self.assertEqual(self.statuses(), {"a1": "done", "b1": "done", "a2": "done", "t1": "failed"})

    def test_results_do_not_say_where_the_data_set_lies(self):
        rows = [*ROWS, {"id": "gone", "image": "gone.jpg", "question": QUESTION}]
        sweep = ("--method", "trace", "--corrupt", "image:@other", "--include-wrong", "--positions", "last")
        self.succeeds(self.sweep(*sweep, data=self.write(rows)))
        here, moved = self.store, self.folder / "elsewhere"
        moved.mkdir()
        for name in ("a.jpg", "b.png", "rows.jsonl"):
            shutil.copy(self.folder / name, moved)
        self.store = self.folder / "moved.db"
        self.succeeds(self.sweep(*sweep, data="elsewhere/rows.jsonl", cwd=self.folder))
        texts = [reason or detail for reason, detail in self.read("select reason, detail from result")]
        self.assertFalse([text for text in texts if str(self.folder) in text])
        merged = ("sweep", "--merge", here, self.store, "--store", self.folder / "merged.db") # equal to the byte, or refused
        self.succeeds(self.program(*merged))

    def test_phrases_are_the_rows_own(self):
        self.succeeds(self.sweep("--method", "trace", "--corrupt", "swap-phrase:@phrase", "--include-wrong"))
        self.assertEqual(self.detail("b1")["corruption"], ["swap-phrase:this country"])
        self.assertEqual(self.statuses()["a2"], "failed")

    def test_ask_flow_and_knockout(self):
        asked = ("--image", self.folder / "a.jpg", "--constraint", CONSTRAINT, "--question", QUESTION, "--json", "--quiet")
        self.succeeds(self.sweep("--method", "ask", "--max-tokens", 3, "--top", 2))
        single = json.loads(self.succeeds(self.program("ask", LLAVA, *asked, "--max-tokens", 3, "--top", 2)).stdout)
        detail = self.detail("a1")
        self.assertEqual(detail["answer_ids"], single["answer_ids"])
        self.assertClose([t["prob"] for t in detail["top"]], [t["prob"] for t in single["top"]])
        self.store.unlink()
        self.succeeds(self.sweep("--method", "flow", "--include-wrong", "--from", "image", "--to", "last"))
        single = json.loads(self.succeeds(self.program("flow", LLAVA, *asked, "--from", "image", "--to", "last", "--threads", 1)).stdout)
        curve = self.read("select data from curve where question = 0 and name = 'image>last' and class = 'share'")[0][0]
        self.assertClose(json.loads(curve), single["flows"][0]["share"])
        self.store.unlink()
        self.succeeds(self.sweep("--method", "knockout", "--include-wrong", "--together"))
        single = json.loads(self.succeeds(self.program("knockout", LLAVA, *asked, "--together", "--threads", 1)).stdout)
        curve = self.read("select data from curve where question = 0 and name = 'image>constraint+constraint>last' and class = 'prob'")
        self.assertClose(json.loads(curve[0][0]), single["cuts"][0]["prob"])

    def test_edits_are_single_edits(self):
        data = self.write([{**row, "target": "Oslo", "rephrasings": ["Which is it?"]} for row in ROWS[:3]], "requests.jsonl")
        args = ("--steps", 3, "--neighbours", 2, "--eval", self.write(ROWS[:3], "eval.jsonl"), "--seed", 5)
        self.succeeds(self.sweep("--method", "edit", *args, data=data))
        single = json.loads(self.succeeds(self.program("edit", LLAVA, "--requests", data, "--threads", 1, "--quiet", "--json", *args)).stdout)
        for number, request in enumerate(single["requests"]):
            values = dict(self.read("select name, value from value where question = ?", number))
            for when in ("before", "after"):
                self.assertClose(values[f"{when}_prob"], request[when]["prob"])
            self.assertClose(values["delta_norm"], request["delta_norm"])
            self.assertClose(values["rephrasings_prob"], request["rephrasings"][0]["after"]["prob"])
            neighbours = [one for one in single["neighbourhood"]["asked"] if one["request"] == number]
            self.assertEqual(values["neighbours"], len(neighbours))
            self.assertClose(values["neighbours_kept"], sum(one["kept"] for one in neighbours) / len(neighbours))
            self.assertClose(values["key_cosine"], sum(one["key_cosine"] for one in neighbours) / len(neighbours))
            asked = [one for one in single["specificity"]["asked"] if one["request"] == number]
            self.assertEqual(values["specificity"], len(asked))
            self.assertClose(values["specificity_kl"], sum(one["kl"] for one in asked) / len(asked))
            detail = json.loads(self.read("select detail from result where question = ?", number)[0][0])
            self.assertClose(detail["requests"][0]["loss"], request["loss"])
        self.assertEqual(set(self.statuses().values()), {"done"})

    def test_what_it_will_take_is_said_before(self):
        """By one question and the lengths of the others' texts: roughly what is counted then."""
        for method, *options in (("trace", "--include-wrong"), ("trace", "--include-wrong", "--corrupt", "image:@other"),
                                 ("knockout", "--include-wrong"), ("flow", "--include-wrong"), ("ask",),
                                 ("edit", "--target", "Oslo", "--neighbours", 2, "--steps", 10),
                                 ("edit", "--target", "Oslo", "--neighbours", 1, "--steps", 5, "--edit-method", "ft")):
            with self.subTest(method=method, options=options):
                self.store.unlink(missing_ok=True)
                result = self.succeeds(self.program("sweep", LLAVA, self.write(ROWS[:3]), "--store", self.store, "--threads", 1,
                                                    "--method", method, *options))
                said = re.match(r"3 questions, (\S+) TFLOP, about \S+ s on this machine\n\d+ waves? over the layers", result.stderr)
                self.assertIsNotNone(said, result.stderr)
                counted = self.read("select sum(flop) from result")[0][0]
                low, high = (0.75, 1.25) if method == "edit" else (0.6, 1.6)   # of tiny models' answers, which are long
                self.assertTrue(low < 1e12 * float(said[1]) / counted < high, (said[1], counted))

    def test_what_edits_need(self):
        self.refused(self.sweep("--method", "edit"), 1, "no row has a \"target\"")
        self.refused(self.sweep("--method", "edit", "--target", "Oslo", "--layer", 4), 1, "layer 4")
        self.refused(self.sweep("--method", "edit", "--target", "Oslo", "--epsilon", 1), 2, "--epsilon")
        self.refused(self.sweep("--method", "edit", "--target", "Oslo", "--together"), 2, "--together")
        self.succeeds(self.sweep("--method", "edit", "--target", "@phrase", "--steps", 1, "--neighbours", 0))
        self.assertEqual(self.statuses(), {"a1": "done", "b1": "done", "a2": "failed", "t1": "failed"})

    # ---- going on ----

    def test_it_does_what_is_missing(self):
        result = self.succeeds(self.sweep("--method", "ask", "--limit", 1))
        self.assertIn("1 of 1 questions are done, 1 of them now", result.stdout)
        result = self.succeeds(self.sweep("--method", "ask"))
        self.assertIn("4 of 4 questions are done, 3 of them now", result.stdout)
        summary = json.loads(self.succeeds(self.sweep("--method", "ask", "--json")).stdout)
        self.assertEqual((summary["questions"], summary["added"], summary["finished"]), (4, 0, 4))

    def test_shards_make_up_the_whole(self):
        for i in range(3):
            self.succeeds(self.sweep("--method", "ask", "--shard", f"{i}/3"))
        self.assertEqual(set(self.statuses().values()), {"done"})

    def test_wrong_answers_and_broken_rows(self):
        data = self.write([*ROWS, {"id": "m", "question": "What?", "marked": "picture missing"}, "{broken",
                           {"id": "a1", "question": "What is this country?"}])
        self.succeeds(self.sweep("--method", "trace", data=data))
        self.assertEqual(self.statuses(), {"a1": "wrong", "b1": "wrong", "a2": "wrong", "t1": "done", "m": "marked", "line-6": "failed",
                                           "line-7": "failed"})
        self.assertEqual(self.read("select correct, reason from result where question in (0, 3, 4)"),
                         [(0, None), (None, None), (None, "picture missing")])

    def test_a_signal_ends_it_within_the_question(self):
        data = self.write([{**ROWS[0], "id": f"q{i}"} for i in range(200)])
        process = subprocess.Popen([PROGRAM, "sweep", LLAVA, data, "--method", "trace", "--include-wrong", "--store", self.store,
                                    "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.store.exists() and self.read("select count(*) from result")[0][0] > 2:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT, err)
        self.assertIn("the same command goes on", err)
        done = self.read("select count(*) from result")[0][0]
        self.assertTrue(2 < done < 200, done)
        self.assertEqual(self.read("pragma integrity_check"), [("ok",)])
        summary = json.loads(self.succeeds(self.sweep("--method", "trace", "--include-wrong", "--limit", 200, "--json", data=data)).stdout)
        self.assertEqual((summary["done"], summary["added"]), (200, 200 - done))

    # ---- what a store is of ----

    def test_other_work_is_refused(self):
        self.succeeds(self.sweep("--method", "ask"))
        for args, words in ((("--method", "ask", "--max-tokens", 2), "max_tokens"), (("--method", "flow"), "method"),
                            (("--method", "ask", "--prefill", "It is"), "prefill"), (("--method", "ask", "--seed", 3), "seed"),
                            (("--method", "ask", "--dtype", "bf16"), "dtype")):
            self.refused(self.sweep(*args), 1, words)
        self.refused(self.sweep("--method", "ask", data=self.write(ROWS[:2], "other.jsonl")), 1, "s.db")

    def test_the_model_is_known_by_its_weights(self):
        copy = self.folder / "model"
        shutil.copytree(LLAVA, copy)
        self.succeeds(self.sweep("--method", "ask"))
        self.succeeds(self.sweep("--method", "ask", model=copy))
        weights = copy / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-2] ^= 1
        weights.write_bytes(data)
        self.refused(self.sweep("--method", "ask", model=copy), 1, "model")

    def test_the_model_is_known_by_its_settings(self):
        self.succeeds(self.sweep("--method", "ask"))
        config = json.loads((LLAVA / "config.json").read_text())
        tokens = json.loads((LLAVA / "tokenizer.json").read_text())
        token = next(t for t in tokens["model"]["vocab"] if len(t) > 3 and t.isascii() and t.isalpha())
        number = tokens["model"]["vocab"].pop(token)
        tokens["model"]["vocab"][token[::-1] + "X"] = number
        tokens["model"]["merges"] = [m for m in tokens["model"]["merges"]
                                     if token not in ("".join(m if isinstance(m, list) else m.split(" ")), *m)]
        for other in (self.with_config(text_config__rms_norm_eps=2 * config["text_config"].get("rms_norm_eps", 1e-6)),
                      self.with_config(vision_config__layer_norm_eps=1e-4), self.with_text("tokenizer.json", json.dumps(tokens))):
            self.refused(self.sweep("--method", "ask", model=other), 1, "results of another model", "fingerprint")

    # ---- the line ----

    def refused(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_wrong_lines(self):
        for args, word in ((("--method", "flow", "--window", 3), "--window"), (("--method", "ask", "--corrupt", "image:@other"), "--corrupt"),
                           (("--method", "trace", "--per-head"), "--per-head"), (("--method", "edit", "--include-wrong"), "--include-wrong"),
                           (("--method", "knockout", "--top", 3), "--top"), (("--method", "lens"), "--method lens"),
                           ((), "needs --method"), (("--method", "ask", "--shard", "3/3"), "--shard"),
                           (("--method", "ask", "--shard", "1"), "--shard"), (("--method", "ask", "--limit", 0), "--limit"),
                           (("--method", "trace", "--window", 3, "--radius", 1), "exclude"), (("--method", "ask", "--image", "x"), "--image")):
            self.refused(self.sweep(*args), 2, word)
        self.assertFalse(self.store.exists())
        self.refused(self.program("sweep", LLAVA, "--method", "ask"), 2, "DATASET")

    def test_wrong_files(self):
        self.refused(self.sweep("--method", "ask", data=self.folder / "none.jsonl"), 1, "none.jsonl")
        self.refused(self.sweep("--method", "ask", "--prefill", "@other"), 1, "--prefill")
        self.refused(self.sweep("--method", "trace", "--layers", "2:9"), 1, "layers")
        self.refused(self.sweep("--method", "trace", "--sites", "mlp_out,nowhere"), 1, "nowhere")      # no question could be traced
        self.refused(self.sweep("--method", "trace", "--corrupt", "image:@other", "--corrupt", "spwa:Paris"), 1, "spwa")
        for method, *options in (("trace", "--positions", "last,lst"), ("trace", "--corrupt-span", "lst"), ("flow", "--from", "lst", "--to", "last"),
                                 ("knockout", "--from", "image", "--to", "lst"), ("edit", "--target", "Rome", "--key", "lst")):
            self.refused(self.sweep("--method", method, *options), 1, 'unknown span "lst"')
        table = self.folder / "table.csv"
        table.write_text("question,answer\nWhat is it?,Rome\n")
        self.refused(self.sweep("--method", "ask", data=table), 1, f"{table}: no line of it is a JSON object: line 1: ", "dataset import")
        self.assertFalse(self.store.exists())


if __name__ == "__main__":
    unittest.main()
