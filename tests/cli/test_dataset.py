"""Files of questions: brought in from every form, looked over, counted. No record is lost, whatever is wrong with it."""
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from common import DATA, IMAGES, LLAMA, LLAVA, PROGRAM, ProgramTest

SETS = DATA / "dataset"


class DatasetTest(ProgramTest):
    def imported(self, file, *args, **kwargs):
        """Imports SETS/file; returns what --json says and the lines, after checking what must hold of all of them."""
        to = self.folder / "imported.jsonl"
        result = self.succeeds(self.program("dataset", "import", SETS / file, *args, "--out", to, "--json", **kwargs))
        told = json.loads(result.stdout)
        rows = [json.loads(line) for line in to.read_text().splitlines()]
        self.assertEqual(told["schema"], "patchbay.dataset/1")
        self.assertEqual(told["rows"], len(rows))
        self.assertEqual(told["kept"] + sum(told["marked"].values()), told["rows"])
        self.assertEqual(told["kept"], sum("marked" not in row for row in rows))
        for reason, count in told["marked"].items():
            self.assertEqual(count, sum(row.get("marked") == reason for row in rows))
        self.assertEqual([p["id"] for p in told["problems"]], [row["id"] for row in rows if "marked" in row])
        self.assertEqual(len({row["id"] for row in rows}), len(rows))
        for row in rows:
            for constraint in row["constraints"]:
                self.assertEqual(row["question"][constraint["start"]:constraint["end"]], constraint["text"])
            if "image" in row:
                self.assertFalse(os.path.isabs(row["image"]))
                self.assertEqual((to.parent / row["image"]).exists(), row.get("marked") != "no picture")
        return told, rows

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


class Tables(DatasetTest):
    def test_known(self):
        told, rows = self.imported("known.csv")
        self.assertEqual(told["marked"], {"span not found": 1, "no picture": 1, "no span": 1, "duplicate": 1, "unreadable": 1,
                                          "no question": 1})
        self.assertEqual(told["form"], "known")
        self.assertEqual([p["line"] for p in told["problems"]], [7, 8, 9, 10, 11, 13])
        self.assertEqual([row["constraints"][0]["text"] for row in rows[:4]],
                         ["this building", "this bridge", "this building", "this castle"])
        self.assertEqual(rows[2]["question"], 'Who said "I shall return"\r\nin front of this building?')
        self.assertEqual([row["subject"] for row in rows[2:5]], ["東京タワー", "Château de Chenonceau", "Эйфелева башня"])
        self.assertEqual(rows[0], {
            "id": "known-0", "image": os.path.relpath(SETS / "pictures/eiffel.png", self.folder),
            "question": "In which city is this building?",
            "constraints": [{"kind": "visual", "text": "this building", "start": 17, "end": 30}],
            "source": "multimodal_known", "subject": "Eiffel Tower"})
        self.assertEqual(rows[4]["unplaced"], [{"kind": "visual", "text": "the tower"}])
        self.assertNotIn("question", rows[9])
        self.assertEqual(rows[10]["id"], "known-9-2")

    def test_answers_beside(self):
        _, rows = self.imported("known.csv", "--answers", SETS / "known_answers.csv")
        self.assertEqual([row.get("answers") for row in rows[:5]],
                         [["Paris"], ["London", "London, United Kingdom"], ["MacArthur"], ["Cher"], None])
        self.assertEqual(rows[4]["marked"], "no answer")

    def test_answers_by_question(self):
        for name, text in (("a.csv", ",question,image_url,answers\n7,In which city is this building?,x/eiffel.png,\"['Paris', \"\"it's\"\"]\"\n"),
                           ("a.jsonl", '{"question": "In which city is this building?", "image": "eiffel.png", "answers": ["Paris", "it\'s"]}\n'),
                           ("b.jsonl", '{"id": 0, "answer": "Paris"}\n{"id": 0, "answer": "it\'s"}\n')):
            _, rows = self.imported("known.csv", "--answers", self.write(name, text))
            self.assertEqual(rows[0]["answers"], ["Paris", "it's"], name)
            self.assertNotIn("answers", rows[1])

    def test_movies(self):
        told, rows = self.imported("movies.csv")
        self.assertEqual((told["form"], told["kept"]), ("movies", 4))
        self.assertEqual([[(c["kind"], c["text"]) for c in row["constraints"]] for row in rows], [
            [("visual", "this movie"), ("textual", "Christopher Nolan")], [("visual", "this movie"), ("textual", "christopher nolan")],
            [("visual", "this movie")], [("textual", "Agnès Varda")]])
        self.assertEqual(rows[2]["director"], "黒澤明")

    def test_blanks_in_a_phrase(self):
        """However many stand between its words, here or there; the row gets the question's own."""
        told, rows = self.imported(self.write("blanks.csv", ",question,main_entity,image_url\n"
                                              "0,What is this  bird called?,this  bird,\n1,What is this  bird fed?,this bird,\n"
                                              "2,What is this bird named?,this  bird,\n"))
        self.assertEqual(told["marked"], {"no picture": 3})
        self.assertEqual([row["constraints"][0]["text"] for row in rows], ["this  bird", "this  bird", "this bird"])

    def test_okvqa(self):
        told, rows = self.imported("okvqa.csv", "--images", SETS / "coco")
        self.assertEqual((told["form"], told["kept"]), ("okvqa", 2))
        self.assertTrue(rows[1]["image"].endswith("coco/val2014/COCO_val2014_000000000025.jpg"))

    def test_a_form_may_be_said(self):
        told, rows = self.imported("known.csv", "--format", "okvqa")
        self.assertEqual(told["form"], "okvqa")
        self.assertEqual(rows[0]["source"], "okvqa")
        result = self.program("dataset", "import", SETS / "okvqa_questions.json", "--format", "movies", "--out", self.folder / "x.jsonl")
        self.fails(result, 'has no column "question"', "movies")
        result = self.program("dataset", "import", SETS / "known.csv", "--format", "vqav2", "--out", self.folder / "x.jsonl")
        self.fails(result, 'has no list "questions"')


class Json(DatasetTest):
    def test_okvqa(self):
        told, rows = self.imported("okvqa_questions.json", "--answers", SETS / "okvqa_annotations.json", "--images", SETS / "coco")
        self.assertEqual((told["form"], told["marked"]), ("okvqa-json", {"no picture": 1, "no answer": 1}))
        self.assertEqual(rows[0]["answers"], ["race", "racing", "motocross"])
        self.assertEqual(rows[0]["votes"], {"race": 4, "motocross": 4, "ride": 2})
        self.assertEqual((rows[0]["relation"], rows[0]["subject"]), ("Sports and Recreation", "297147"))
        self.assertEqual(rows[1]["answers"], ["giraffe", "giraffes"])

    def test_vqav2(self):
        told, rows = self.imported("vqav2_questions.json", "--answers", SETS / "vqav2_annotations.json", "--images", SETS / "coco")
        self.assertEqual((told["form"], told["marked"]), ("vqav2", {"no picture": 1}))
        self.assertEqual([row["answers"] for row in rows], [["letters"], ["2"], ["down"]])
        self.assertEqual([row["relation"] for row in rows], ["what is on the", "how many", "none of the above"])
        self.assertEqual([row["id"] for row in rows], ["vqav2-25000", "vqav2-25001", "vqav2-262148000"])

    def test_questions_without_annotations(self):
        told, rows = self.imported("vqav2_questions.json", "--images", SETS / "coco")
        self.assertEqual(told["kept"], 2)
        self.assertNotIn("answers", rows[0])

    def test_known_1000(self):
        told, rows = self.imported("known_1000.json")
        self.assertEqual((told["form"], told["marked"]), ("known1000", {"no answer": 1}))
        self.assertEqual(rows[0]["constraints"], [{"kind": "textual", "text": "Vinson Massif", "start": 0, "end": 13}])
        self.assertEqual((rows[0]["answers"], rows[0]["relation"]), (["Antarctica"], "P30"))
        self.assertEqual(rows[2]["constraints"][0]["start"], 10)
        result = self.program("dataset", "import", SETS / "known_1000.json", "--answers", SETS / "known_answers.csv", "--out", self.folder / "x")
        self.fails(result, "--answers", "known1000")

    def test_lines(self):
        told, rows = self.imported("lines.jsonl")
        self.assertEqual(told["marked"], {"ambiguous": 1, "duplicate": 1, "no picture": 1, "unreadable": 2, "span not found": 1})
        self.assertEqual(rows[0]["constraints"], [{"kind": "visual", "text": "this", "proposed": True, "start": 8, "end": 12}])
        self.assertEqual([row["id"] for row in rows], ["a", "a-2", "line-3", "b", "line-5", "line-6", "d", "e"])
        self.assertEqual(rows[1]["answers"], ["France", "in France"])
        self.assertNotIn("marked", rows[6])

    def test_ids_that_come_again(self):
        """Each gets the first that is free behind it; many of them take no longer than others."""
        ids = ["a", "a-2", "a", "a", "a-3", "a-2"] + 50_000 * ["a"]
        _, rows = self.imported(self.write("ids.jsonl", "".join(json.dumps({"id": id}) + "\n" for id in ids)), timeout=60)
        self.assertEqual([row["id"] for row in rows[:8]], ["a", "a-2", "a-3", "a-4", "a-3-2", "a-2-2", "a-5", "a-6"])

    def test_importing_again_changes_nothing(self):
        for file in ("known.csv", "movies.csv", "known_1000.json", "lines.jsonl"):
            first, _ = self.imported(file)
            once = self.folder / "once.jsonl"
            shutil.move(self.folder / "imported.jsonl", once)
            result = self.succeeds(self.program("dataset", "import", once, "--out", self.folder / "twice.jsonl"))
            rows = [json.loads(line) for line in once.read_text().splitlines()]
            again = [json.loads(line) for line in (self.folder / "twice.jsonl").read_text().splitlines()]
            self.assertEqual(rows, again, file)

    def test_a_list_that_is_cut_off_is_refused(self):
        text = (SETS / "okvqa_questions.json").read_text()
        self.fails(self.program("dataset", "import", self.write("cut.json", text[:-80]), "--out", self.folder / "x"), "cut off")
        answers = self.write("cut.json", (SETS / "okvqa_annotations.json").read_text()[:-300])
        self.fails(self.program("dataset", "import", SETS / "okvqa_questions.json", "--answers", answers, "--out", self.folder / "x"),
                   "cut.json", "cut off")
        self.fails(self.program("dataset", "import", SETS / "okvqa_annotations.json", "--out", self.folder / "x"), "of no form", hint="questions")


class Odd(DatasetTest):
    def test_empty_files(self):
        for text in ("", "\n \n", "\ufeff"):
            file = self.write("empty.csv", text)
            for args in ((), ("--format", "known"), ("--format", "vqav2")):
                self.fails(self.program("dataset", "import", file, *args, "--out", self.folder / "x"), file, "is empty")
        for text in (",question,main_entity,image_url\n", '{"questions": []}'):
            self.fails(self.program("dataset", "import", self.write("none", text), "--out", self.folder / "x"), "holds no rows")
        self.assertFalse((self.folder / "x").exists())

    def test_lines_of_100_megabytes(self):
        long = "x" * 100_000_000
        told, rows = self.imported(self.write("long.csv", f',question,main_entity,image_url\n0,{long},this,a.png\n1,What is this?,this,a.png\n'),
                                   "--images", SETS / "pictures")
        self.assertEqual([row["marked"] for row in rows], ["unreadable", "no picture"])
        self.assertIn("longer than 4 MiB", told["problems"][0]["problem"])
        open_quote = self.write("open.csv", ',question,main_entity,image_url\n0,What is this?,this,a.png\n1,"' + "a\n" * 50_000_000)
        _, rows = self.imported(open_quote)
        self.assertEqual([row["marked"] for row in rows], ["no picture", "unreadable"])
        told, rows = self.imported(self.write("long.jsonl", '{"question": "' + long + '"}\n{"question": "Who?"\n{"question": "Who?"}\n'))
        self.assertEqual([row.get("marked") for row in rows], ["unreadable", "unreadable", None])

    def test_the_new_file_is_whole_or_not_there(self):
        lines = self.write("many.jsonl", '{"question": "Who?"}\n' * 300_000)
        to = self.folder / "new" / "out.jsonl"
        process = subprocess.Popen([PROGRAM, "dataset", "import", lines, "--out", to], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and not list(self.folder.glob("new/*.part")):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertNotEqual(process.returncode, 0)
        self.assertFalse((self.folder / "new").exists())
        full = self.write("full.jsonl", "old")
        result = self.program("dataset", "import", SETS / "known.csv", "--format", "known", "--out", full,
                              preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_FSIZE, (100, 100)))
        self.assertEqual(result.returncode, 1)
        self.assertEqual(full.read_text(), "old")

    def test_wrong_usage(self):
        self.misused(self.program("dataset"), "needs a command")
        self.misused(self.program("dataset", "frobnicate"), "frobnicate")
        self.misused(self.program("dataset", "import"), "--out")
        self.misused(self.program("dataset", "import", "a", "b", "--out", "c"), "one FILE")
        self.misused(self.program("dataset", "import", "a", "--out", "c", "--format", "csv"), "known|movies")
        self.misused(self.program("dataset", "check", "a", "--template", "plain"), "--model")
        self.misused(self.program("dataset", "check", "a", "--out", "b"), "--out")
        self.misused(self.program("dataset", "stats"), "one FILE")
        self.misused(self.program("dataset", "stats", "a", "--model", "demo"), "--model")
        self.fails(self.program("dataset", "import", "nowhere.csv", "--out", self.folder / "x"), "nowhere.csv")
        self.fails(self.program("dataset", "import", SETS / "known.csv", "--images", "nowhere", "--out", self.folder / "x"), "nowhere")
        self.fails(self.program("dataset", "import", SETS / "known.csv", "--answers", "nowhere", "--out", self.folder / "x"), "nowhere")
        self.fails(self.program("dataset", "check", "nowhere.jsonl"), "nowhere.jsonl")
        for part in ("import", "check", "stats", "annotate"):
            self.assertIn("example: patchbay dataset " + part, self.succeeds(self.program("dataset", part, "--help")).stdout)


class Check(DatasetTest):
    def checked(self, file, *args, code):
        result = self.program("dataset", "check", file, *args, "--json", "--quiet")
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout)

    def test_what_is_well(self):
        _, _ = self.imported("movies.csv")
        told = self.checked(self.folder / "imported.jsonl", code=0)
        self.assertEqual((told["rows"], told["kept"], told["marked"], told["problems"]), (4, 4, {}, []))
        self.assertEqual(self.checked(self.folder / "imported.jsonl", "--model", LLAVA, "--template", "llava", code=0)["problems"], [])
        told = self.checked(self.folder / "imported.jsonl", "--model", LLAVA, "--template", "plain", code=1)
        self.assertEqual([p["line"] for p in told["problems"]], [1, 2, 3, 4])
        self.assertIn("no <image>", told["problems"][0]["problem"])

    def test_what_is_wrong_is_told_by_line(self):
        shutil.copy(IMAGES / "one.png", self.folder / "good.png")
        self.write("text.png", "no picture")
        self.write("cut.png", (IMAGES / "one.png").read_bytes()[:-20])
        file = self.write("q.jsonl", "\n".join([
            '{"id": "well", "image": "good.png", "question": "What is this?", "constraints": [{"text": "this"}]}',
            '{"id": "no picture", "image": "text.png", "question": "What is this?"}',
            '{"id": "cut", "image": "cut.png", "question": "What is this?"}',
            '{"id": "missing", "image": "none.png", "question": "What is this?"}',
            '{"id": "marked", "image": "none.png", "question": "What is this?", "marked": "no picture"}',
            '{"id": "span", "question": "What is this?", "constraints": [{"text": "that"}]}',
            '{"id": "place", "question": "What is this?", "constraints": [{"text": "this", "start": 7, "end": 11}]}',
            '', '{"id": "broken"', '{"id": "well", "question": "Who?"}',
            '{"id": "again", "image": "good.png", "question": "And <image> this?"}']))
        told = self.checked(file, code=1)
        self.assertEqual((told["rows"], told["kept"], told["marked"]), (10, 9, {"no picture": 1}))
        self.assertEqual([p["line"] for p in told["problems"]], [2, 3, 4, 6, 7, 9, 10])
        self.assertEqual([p["id"] for p in told["problems"]], ["no picture", "cut", "missing", "span", "place", "line-9", "line-10"])
        self.assertEqual([p["line"] for p in self.checked(file, "--model", LLAVA, code=1)["problems"]], [2, 3, 4, 6, 7, 9, 10, 11])
        result = self.program("dataset", "check", file, "--quiet")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{file}:6: span: ", result.stdout)

    def test_a_model_without_eyes(self):
        file = self.write("q.jsonl", json.dumps({"question": "What is this?", "image": str(IMAGES / "one.png")}))
        self.assertEqual(len(self.checked(file, "--model", LLAMA, code=1)["problems"]), 1)


class Stats(DatasetTest):
    def test_counts(self):
        self.imported("movies.csv")
        told = json.loads(self.succeeds(self.program("dataset", "stats", self.folder / "imported.jsonl", "--json")).stdout)
        self.assertEqual(told["constraints"], {"kinds": {"visual": {"spans": 3, "questions": 3, "words": {"2": 3}},
                                                         "textual": {"spans": 3, "questions": 3, "words": {"2": 3}}},
                                               "proposed": 0, "questions_without": 0})
        self.assertEqual(told["images"], {"count": 1, "missing": 0, "rows_without": 0})
        self.assertEqual((told["subjects"], told["sources"]), (1, {"multimodal_movies": 4}))
        self.imported("known.csv", "--answers", SETS / "known_answers.csv")
        told = json.loads(self.succeeds(self.program("dataset", "stats", self.folder / "imported.jsonl", "--json")).stdout)
        self.assertEqual(told["questions"], {"count": 10, "duplicates": 1})
        self.assertEqual(told["images"], {"count": 4, "missing": 1, "rows_without": 1})
        self.assertEqual(told["answers"], {"rows_with": 4, "different": 5, "most": {"paris": 1, "london": 1, "london united kingdom": 1,
                                                                                    "macarthur": 1, "cher": 1}})


class Annotate(DatasetTest):
    def annotated(self, file, to="annotated.jsonl"):
        result = self.succeeds(self.program("dataset", "annotate", file, "--out", self.folder / to, "--json"))
        return json.loads(result.stdout), [json.loads(line) for line in (self.folder / to).read_text().splitlines()]

    def test_questions_that_have_none_get_proposals(self):
        self.imported("okvqa_questions.json", "--answers", SETS / "okvqa_annotations.json", "--images", SETS / "coco")
        told, rows = self.annotated(self.folder / "imported.jsonl")
        self.assertEqual(rows[1]["constraints"], [{"kind": "visual", "text": "the animal in the picture", "start": 20, "end": 45,
                                                   "proposed": True}])
        self.assertEqual((told["rows"], told["kept"]), (4, 2))
        self.assertEqual(told["annotate"]["questions"], 2)              # of the two that are not marked
        self.assertEqual([row["constraints"] for row in rows[2:]], [[], []])
        self.assertEqual(self.program("dataset", "check", self.folder / "annotated.jsonl").returncode, 0)
        self.assertIn("2 of them proposed", self.program("dataset", "stats", self.folder / "annotated.jsonl").stdout)

    def test_marks_for_a_missing_span_go(self):
        self.imported("known.csv")
        told, rows = self.annotated(self.folder / "imported.jsonl")
        self.assertEqual(rows[4]["constraints"][0]["text"], "this monument")
        self.assertNotIn("marked", rows[4])
        self.assertEqual(rows[6]["marked"], "no span")                  # "When was it built?" gives no hint
        self.assertEqual(rows[5]["marked"], "no picture")
        self.assertEqual(told["kept"] + sum(told["marked"].values()), told["rows"])

    def test_how_good_proposals_are(self):
        file = self.write("q.jsonl", "\n".join(json.dumps(row) for row in (
            {"image": "a.png", "question": "What is this dog?", "constraints": [{"kind": "visual", "text": "this dog"}]},
            {"image": "a.png", "question": "What is this old dog?", "constraints": [{"kind": "visual", "text": "dog", "start": 17, "end": 20}]},
            {"image": "a.png", "question": "What is a dog?", "constraints": [{"kind": "visual", "text": "a dog"}]},
            {"image": "a.png", "question": "Is Rex a dog?", "constraints": [{"kind": "textual", "text": "Rex"}], "answers": ["yes"]},
            {"image": "a.png", "question": "What is this cat?", "constraints": [{"kind": "visual", "text": "this", "proposed": True}]})))
        self.write("a.png", "")
        told, rows = self.annotated(file)
        known = told["annotate"]["known"]
        self.assertEqual(known["questions"], 4)
        self.assertEqual(known["visual"], {"known": 3, "proposed": 2, "exact": 1, "precision": 0.5, "recall": known["visual"]["recall"],
                                           "overlap_precision": 1.0, "overlap_recall": known["visual"]["overlap_recall"]})
        self.assertAlmostEqual(known["visual"]["recall"], 1 / 3)
        self.assertAlmostEqual(known["visual"]["overlap_recall"], 2 / 3)
        self.assertEqual(known["textual"]["precision"], 1.0)
        self.assertEqual(rows[0]["constraints"], [{"kind": "visual", "text": "this dog"}])

    def test_pictures_and_numbers_stay_what_they_are(self):
        (self.folder / "sub").mkdir()
        self.write("a.png", "")
        file = self.write("q.jsonl", json.dumps({"image": "a.png", "question": "What is this?", "other": {"swap_image": "a.png", "n": 3, "x": 0.5},
                                                 "rephrasings": [{"question": "And this?", "image": "a.png"}]}))
        _, rows = self.annotated(file, "sub/out.jsonl")
        self.assertEqual(rows[0]["image"], "../a.png")
        self.assertEqual(rows[0]["other"], {"swap_image": "../a.png", "n": 3, "x": 0.5})
        self.assertIsInstance(rows[0]["other"]["n"], int)
        self.assertEqual(rows[0]["rephrasings"][0]["image"], "../a.png")

    def test_what_is_no_json_is_refused(self):
        file = self.write("q.jsonl", '{"question": "What is this?"}\n{\n')
        self.fails(self.program("dataset", "annotate", file, "--out", self.folder / "new" / "x"), "q.jsonl: line 2", "JSON")
        self.assertFalse((self.folder / "new").exists())
        self.misused(self.program("dataset", "annotate", file), "--out")


if __name__ == "__main__":
    unittest.main()
