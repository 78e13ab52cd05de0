"""`edit` as a user meets it: what each option does, what it refuses, what it leaves."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

from common import CONSTRAINT, IMAGES, LLAMA, LLAVA, PICTURE, PROGRAM, QUESTION, ProgramTest, png

WEIGHTS = ("--lr", 0.5, "--steps", 4, "--layer", 1)


def row(**changes):
    """A request's line."""
    start = QUESTION.index(CONSTRAINT)
    place = {"kind": "visual", "text": CONSTRAINT, "start": start, "end": start + len(CONSTRAINT)}
    return {"question": QUESTION, "constraints": [place], "target": "Paris", **changes}


class EditTest(ProgramTest):
    def edit(self, *args, model=LLAVA, question=QUESTION, constraint=CONSTRAINT, target="Paris", image=None, **kwargs):
        """Edits into self.out; what is None is not given."""
        given = ["--quiet", "--threads", 1]
        for name, value in (("--question", question), ("--constraint", constraint), ("--image", image), ("--target", target)):
            given += [name, value] if value is not None else []
        out = self.folder / f"out-{int(self.out.name[4:]) + 1}"
        return self.program("edit", model, "--out", out, *given, *args, **kwargs)

    def json(self, *args, **kwargs):
        return json.loads(self.succeeds(self.edit("--json", *args, **kwargs)).stdout)

    def lines(self, name, *rows):
        path = self.folder / name
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows),
                        encoding="utf-8")
        return path

    def requests(self, *args, rows=(), **kwargs):
        return self.edit("--requests", self.lines("requests.jsonl", *rows), *args, question=None, constraint=None, target=None,
                         **kwargs)

    def many(self, *args, rows=(), **kwargs):
        return json.loads(self.succeeds(self.requests("--json", *args, rows=rows, **kwargs)).stdout)

    def evaluation(self):
        """Questions about three pictures, the first of them the usual one's."""
        pictures = [PICTURE, png(self.folder / "red.png", 20, 20), IMAGES / "photo.png"]
        rows = [{"id": f"q{i}", "image": os.path.relpath(p, self.folder), "question": QUESTION, "answers": ["nothing"],
                 "subject": f"subject {i}"} for i, p in enumerate(pictures)]
        return self.lines("eval.jsonl", *rows)


class Options(EditTest):
    def test_every_option_has_a_test(self):
        listed = set(re.findall(r"^  --([a-z-]+)", self.program("edit", "--help").stdout, re.M))
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        elsewhere = {"mmproj", "vision-tower", "edit", "lora", "dtype", "threads", "help"}       # test_options, ...
        self.assertEqual(listed - tested - elsewhere, set())

    def test_question(self):
        self.assertEqual(self.json(*WEIGHTS, "--question", "Why this country?", question=None)["requests"][0]["question"],
                         "Why this country?")

    def test_constraint(self):
        one, other = self.json(*WEIGHTS)["requests"][0], self.json(*WEIGHTS, constraint="capital")["requests"][0]
        self.assertEqual((one["constraint"], other["constraint"]), (CONSTRAINT, "capital"))
        self.assertGreater(one["key_position"], other["key_position"])

    def test_occurrences(self):
        twice = "Is this country this country?"
        first, last = (self.json(*WEIGHTS, "--occurrences", n, question=twice)["requests"][0] for n in ("first", "all"))
        self.assertGreater(last["key_position"], first["key_position"])

    def test_image_order(self):
        one, other = self.json(*WEIGHTS, image=PICTURE), self.json(*WEIGHTS, "--image-order", "reverse", image=PICTURE)
        self.assertEqual(other["requests"][0]["image_order"], "reverse")
        self.assertNotEqual(one["requests"][0]["before"]["prob"], other["requests"][0]["before"]["prob"])

    def test_image(self):
        one, other = self.json(*WEIGHTS, image=PICTURE), self.json(*WEIGHTS)
        self.assertEqual(one["requests"][0]["image"], str(PICTURE))
        self.assertIsNone(other["requests"][0]["image"])
        self.assertNotEqual(one["requests"][0]["before"]["prob"], other["requests"][0]["before"]["prob"])

    def test_prefill(self):
        begun = self.json(*WEIGHTS, "--prefill", "It is")["requests"][0]
        self.assertEqual(begun["prefill"], "It is")
        self.assertNotEqual(begun["before"], self.json(*WEIGHTS)["requests"][0]["before"])

    def test_template(self):
        plain = self.json(*WEIGHTS, "--template", "plain", "--rephrase", QUESTION)["requests"][0]
        self.assertNotEqual(plain["before"], self.json(*WEIGHTS)["requests"][0]["before"])
        self.assertSame(plain["before"], plain["rephrasings"][0]["before"])
        many = self.many(*WEIGHTS, "--template", "plain", rows=[row(rephrasings=[QUESTION])])["requests"][0]
        self.assertSame([many["before"], many["rephrasings"][0]["after"]], [plain["before"], plain["rephrasings"][0]["after"]])

    def test_prompt(self):
        asked = self.json(*WEIGHTS, "--prompt", "So this country is", question=None)["requests"][0]
        self.assertEqual(asked["question"], "So this country is")

    def test_target(self):
        for word in ("Paris", "Lisbon"):
            request = self.json(*WEIGHTS, target=word)["requests"][0]
            self.assertEqual(request["target"], word)
            self.assertGreater(request["after"]["prob"], request["before"]["prob"])
            self.assertEqual(len(request["target_ids"]), 1)

    def test_target_tokens(self):
        first, whole = (self.json(*WEIGHTS, "--target-tokens", n, target="a river in Portugal") for n in ("first", "all"))
        self.assertGreater(len(whole["requests"][0]["target_ids"]), 3)
        self.assertEqual(whole["requests"][0]["target_ids"][0], first["requests"][0]["target_ids"][0])
        self.assertGreater(whole["requests"][0]["loss"][0], first["requests"][0]["loss"][0])
        self.assertEqual(whole["settings"]["target_tokens"], "all")

    def test_rephrase(self):
        rephrasings = self.json(*WEIGHTS, "--rephrase", "Which city?", "--rephrase", QUESTION, image=PICTURE)["requests"][0]
        other, same = rephrasings["rephrasings"]
        self.assertEqual((other["question"], other["image"]), ("Which city?", str(PICTURE)))
        self.assertSame([same["before"], same["after"]], [rephrasings["before"], rephrasings["after"]])

    def test_requests(self):
        rows = [row(id="a", target="Paris"), row(id="b", target="Lisbon"), row(target="Rome", question="Is this country Rome?",
                                                                             constraints=[{"text": "Rome"}])]
        many = self.many(*WEIGHTS, rows=rows)["requests"]
        self.assertEqual([one["id"] for one in many], ["a", "b", None])
        for one, alone in zip(many, (self.json(*WEIGHTS), self.json(*WEIGHTS, target="Lisbon"),
                                     self.json(*WEIGHTS, target="Rome", question="Is this country Rome?", constraint="Rome"))):
            for name in ("before", "after", "loss", "target_ids", "key_position"):
                self.assertSame(one[name], alone["requests"][0][name])

    def test_together(self):
        rows = [row(target="Paris"), row(target="Lisbon", question="Is this country small?", constraints=[{"text": "small"}])]
        own, joint = self.many(*WEIGHTS, rows=rows), self.many(*WEIGHTS, "--together", rows=rows)
        self.assertIsNone(own["together"])
        self.assertTrue(-1 <= joint["together"]["largest_key_cosine"] <= 1)
        self.assertSame(own["requests"][0]["loss"], joint["requests"][0]["loss"])
        self.assertNotEqual(own["requests"][0]["after"], joint["requests"][0]["after"])

    def test_method(self):
        for method in ("multedit", "ft", "ft-constrained"):
            edit = self.json("--layer", 1, "--steps", 3, "--method", method)
            self.assertEqual(edit["method"], method)
            self.assertEqual((self.out / "edit.npz").exists(), method == "multedit")
            self.assertGreater(edit["requests"][0]["delta_norm"], 0)

    def test_ft_scope(self):
        moved = [self.json("--method", "ft", "--layer", 1, "--steps", 2, "--ft-scope", scope)["requests"][0]["delta_norm"]
                 for scope in ("matrix", "down", "all")]
        self.assertEqual(moved, sorted(moved))
        self.assertLess(moved[0], moved[2])

    def test_epsilon(self):
        free, held = (self.json("--method", "ft-constrained", "--layer", 1, "--steps", 3, "--epsilon", e)["requests"][0]
                      for e in (1, 1e-5))
        self.assertLess(held["delta_norm"], free["delta_norm"] / 10)

    def test_preset(self):
        official = self.json("--preset", "official")
        self.assertEqual({name: official["settings"][name] for name in ("lr", "steps", "weight_decay", "clamp", "lambda")},
                         {"lr": 0.1, "steps": 10, "weight_decay": 0.001, "clamp": 1e-4, "lambda": 0.01})
        self.assertEqual(official["requests"][0]["layer"], 2)
        self.assertEqual(self.json("--preset", "default")["settings"], self.json()["settings"])
        self.assertEqual(self.json("--preset", "official", "--clamp", 2)["settings"]["clamp"], 2)     # what is given wins

    def test_layer(self):
        for layer in (0, 1, 3):
            self.assertEqual(self.json("--layer", layer)["requests"][0]["layer"], layer)
        self.fails(self.edit("--layer", 4), "4", "0:4")
        self.fails(self.edit("--layer", 10**9), "layer")

    def test_layers(self):
        self.assertEqual(self.json("--layers", "1:3")["requests"][0]["layer"], [1, 3])
        self.assertSame(self.json(*WEIGHTS)["requests"], self.json("--lr", 0.5, "--steps", 4, "--layers", "1:2")["requests"])
        self.fails(self.edit("--layers", "2:5"), "0:4")

    def test_each_layer(self):
        sweep = self.json("--lr", 0.5, "--steps", 4, "--each-layer", "--rephrase", "Which?")
        self.assertEqual([one["layer"] for one in sweep["sweep"]], [0, 1, 2, 3])
        alone = self.json(*WEIGHTS, "--rephrase", "Which?")
        self.assertSame(sweep["sweep"][1]["outcomes"][0]["prob"], alone["requests"][0]["after"]["prob"])
        self.assertSame(sweep["sweep"][1]["generalisation"], alone["generalisation"])
        self.assertEqual([one["layer"] for one in self.json("--layers", "1:3", "--each-layer")["sweep"]], [1, 2])
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), ["edit.html", "edit.json", "edit.svg"])

    def test_key(self):
        last = self.json(*WEIGHTS, "--key", "last", "--layer", 1)["requests"][0]
        self.assertGreater(last["key_position"], self.json(*WEIGHTS)["requests"][0]["key_position"])
        self.json(*WEIGHTS, "--key", "last", constraint=None)
        self.fails(self.edit("--key", "nowhere"), "nowhere")

    def test_keep(self):
        """A question to keep: the edit hardly changes what is said to it, and still does its work."""
        other = {"question": "Is this country in Asia?", "constraints": [{"text": CONSTRAINT}], "answers": ["no"]}
        file = self.lines("keep.jsonl", other)
        free, held = (self.json(*WEIGHTS, "--eval", file, *extra)
                      for extra in ((), ("--keep", file, "--keep-rows", "all", "--keep-lambda", 1e-4)))
        self.assertSame(free["requests"][0]["loss"], held["requests"][0]["loss"])
        self.assertLess(held["specificity"]["kl"], free["specificity"]["kl"] / 100)
        self.assertGreater(held["requests"][0]["after"]["prob"], held["requests"][0]["before"]["prob"])
        self.assertEqual((free["settings"]["kept_questions"], held["settings"]["kept_questions"]), (0, 1))
        self.misused(self.edit("--method", "ft", "--keep", file), "--keep")
        bare = self.lines("bare.jsonl", {"question": "Why?", "answers": ["so"]})
        self.fails(self.edit(*WEIGHTS, "--keep", bare), "bare.jsonl: line 1", "no constraint")

    def test_keep_rows(self):
        file = self.lines("keep.jsonl", {"question": "Is this country in Asia?", "constraints": [], "answers": ["no"]})
        more = self.json(*WEIGHTS, "--keep", file, "--keep-rows", "question")["requests"][0]
        self.assertNotEqual(more["after"]["prob"], self.json(*WEIGHTS)["requests"][0]["after"]["prob"])
        self.misused(self.edit("--keep-rows", "last"), "--keep-rows", "--keep")
        self.fails(self.edit(*WEIGHTS, "--keep", file, "--keep-rows", "nowhere"), "nowhere")

    def test_keep_lambda(self):
        file = self.lines("keep.jsonl", {"question": "Is this country in Asia?", "answers": ["no"]})
        kl = [self.json(*WEIGHTS, "--eval", file, "--keep", file, "--keep-rows", "all", "--keep-lambda", x)["specificity"]["kl"]
              for x in (1e-6, 1, 1e6)]
        self.assertEqual(kl, sorted(kl))
        self.assertLess(kl[0], kl[2] / 100)
        self.misused(self.edit("--keep-lambda", 1), "--keep-lambda", "--keep")
        self.misused(self.edit("--keep", file, "--keep-lambda", -1), "--keep-lambda")

    def test_lr(self):
        slow, fast = (self.json("--steps", 3, "--lr", lr)["requests"][0]["loss"] for lr in (1e-3, 0.5))
        self.assertSame(slow[0], fast[0])
        self.assertLess(fast[2], slow[2])
        still = self.json("--lr", 0)["requests"][0]
        self.assertEqual(still["delta_norm"], 0)
        self.assertSame(still["before"], still["after"])

    def test_steps(self):
        self.assertEqual(len(self.json("--steps", 7)["requests"][0]["loss"]), 7)
        self.assertSame(self.json("--steps", 7)["requests"][0]["loss"][:3], self.json("--steps", 3)["requests"][0]["loss"])

    def test_weight_decay(self):
        none, much = (self.json(*WEIGHTS, "--weight-decay", w)["requests"][0] for w in (0, 100))
        self.assertSame(none["loss"][0], much["loss"][0])       # delta is 0 at first
        self.assertLess(much["delta_norm"], none["delta_norm"])

    def test_clamp(self):
        held = self.json(*WEIGHTS, "--clamp", 0.01)["requests"][0]
        self.assertLess(held["delta_norm"], self.json(*WEIGHTS)["requests"][0]["delta_norm"])
        self.assertEqual(self.json(*WEIGHTS, "--clamp", 0)["requests"][0]["delta_norm"], 0)

    def test_lambda(self):
        tight, loose = (self.json(*WEIGHTS, "--lambda", x)["requests"][0] for x in (1e4, 1e-4))
        self.assertSame(tight["loss"], loose["loss"])
        self.assertLess(tight["after"]["prob"], loose["after"]["prob"])

    def test_eval(self):
        edit = self.json(*WEIGHTS, "--eval", self.evaluation(), image=PICTURE)
        specificity = edit["specificity"]
        self.assertEqual([one["id"] for one in specificity["asked"]], ["q1", "q2"])     # the first is about its own picture
        self.assertEqual(specificity["questions"], 2)
        self.assertGreater(specificity["kl"], 0)
        self.assertEqual((specificity["before"], specificity["gained"], specificity["lost"]), (0, 0, 0))
        self.assertIsNone(self.json(*WEIGHTS)["specificity"])

    def test_neighbours(self):
        file = self.evaluation()
        two, one, none = (self.json(*WEIGHTS, "--eval", file, *extra, image=PICTURE)["neighbourhood"]
                          for extra in ((), ("--neighbours", 1), ("--neighbours", 0)))
        self.assertEqual(two["questions"], 2)
        self.assertEqual({os.path.basename(a["image"]) for a in two["asked"]}, {"red.png", "photo.png"})
        self.assertEqual(one["questions"], 1)
        self.assertIsNone(none)
        self.assertTrue(all(-1 <= a["key_cosine"] <= 1 for a in two["asked"]))

    def test_seed(self):
        file = self.evaluation()
        drawn = {self.json("--steps", 1, "--eval", file, "--neighbours", 1, "--seed", seed, image=PICTURE)["neighbourhood"]
                 ["asked"][0]["id"] for seed in range(8)}
        self.assertEqual(drawn, {"q1", "q2"})

    def test_memory(self):
        rows = [row(target=word) for word in ("Paris", "Lisbon", "Rome", "river")]
        least = "1K"
        while wanted := re.search(r"give --memory (\d+M)", self.requests(*WEIGHTS, "--memory", least, rows=rows).stderr):
            self.assertNotEqual(least, wanted[1])
            least = wanted[1]
        small, large = (self.many(*WEIGHTS, "--memory", m, rows=rows) for m in (least, "1G"))
        self.assertEqual([one["after"]["answer"] for one in small["requests"]], [one["after"]["answer"] for one in large["requests"]])

    def test_save_lora(self):
        lora = self.folder / "lora"
        edited = self.json(*WEIGHTS, "--save-lora", lora)["requests"][0]
        factors = self.out / "edit.npz"
        self.assertEqual(sorted(p.name for p in lora.iterdir()), ["adapter_config.json", "adapter_model.safetensors"])
        self.assertEqual(self.asked("--lora", lora), edited["after"]["answer"])
        self.assertEqual(self.asked("--edit", factors), edited["after"]["answer"])
        self.assertEqual(self.asked(), edited["before"]["answer"])

    def test_save_merged(self):
        for method in ("multedit", "ft"):
            merged = self.folder / f"merged-{method}"
            edited = self.json("--method", method, "--lr", 0.02, "--steps", 4, "--layer", 1, "--save-merged", merged)["requests"][0]
            self.assertTrue((merged / "model.safetensors").exists() and (merged / "config.json").exists())
            self.assertEqual(self.asked(model=merged), edited["after"]["answer"])
            self.assertNotEqual((merged / "model.safetensors").read_bytes(), (LLAVA / "model.safetensors").read_bytes())

    def asked(self, *args, model=LLAVA):
        result = self.succeeds(self.program("ask", model, QUESTION, "--json", "--quiet", *args))
        return json.loads(result.stdout)["answer"].removeprefix(" ")

    def test_json(self):
        result = self.succeeds(self.edit("--json", *WEIGHTS))
        self.assertEqual(result.stdout, (self.out / "edit.json").read_text())
        self.assertEqual(json.loads(result.stdout)["schema"], "patchbay.edit/1")
        nowhere = self.succeeds(self.program("edit", LLAVA, "--json", "--quiet", "--question", QUESTION, "--constraint", CONSTRAINT,
                                             "--target", "Paris", "--steps", 1, cwd=self.folder))
        self.assertFalse((self.folder / "patchbay-edit").exists())
        self.assertIn("schema", nowhere.stdout)

    def test_quiet(self):
        self.assertEqual(self.succeeds(self.edit(*WEIGHTS)).stderr, "")

    def test_out(self):
        self.succeeds(self.edit(*WEIGHTS))
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), ["edit.html", "edit.json", "edit.npz", "edit.svg"])
        text = self.succeeds(self.program("edit", LLAVA, "--quiet", "--question", QUESTION, "--constraint", CONSTRAINT, "--target",
                                          "Paris", "--steps", 1, cwd=self.folder)).stdout
        self.assertTrue((self.folder / "patchbay-edit/edit.html").exists())
        self.assertIn("see patchbay-edit/edit.html", text)


class Misuse(EditTest):
    def test_what_is_missing(self):
        self.misused(self.edit(target=None), "--target")
        self.misused(self.edit(question=None), "QUESTION")
        self.misused(self.program("edit"), "MODEL")

    def test_numbers(self):
        for option in ("--lr", "--weight-decay", "--clamp", "--lambda"):
            for value in ("-1", "nan", "inf", "", "x", "1e999", "0x1p3", " 1", "1,5"):
                self.misused(self.edit(option, value), option, "at least 0")
        self.misused(self.edit("--epsilon", "-1", "--method", "ft-constrained"), "--epsilon")
        for value in ("0", "-1", "1.5"):
            self.misused(self.edit("--steps", value), "--steps")
        self.misused(self.edit("--neighbours", "-1"), "--neighbours")

    def test_choices(self):
        for option, value in (("--method", "rome"), ("--ft-scope", "some"), ("--preset", "best"), ("--target-tokens", "last")):
            self.misused(self.edit(option, value), option)

    def test_what_excludes_each_other(self):
        self.misused(self.edit("--layer", 1, "--layers", "1:2"), "--layer", "--layers")
        self.misused(self.edit("--layer", 1, "--each-layer"), "--layer", "--each-layer")
        self.misused(self.edit("--each-layer", "--together"), "--each-layer", "--together")
        self.misused(self.edit("--ft-scope", "all"), "--ft-scope", "ft")
        self.misused(self.edit("--epsilon", "1", "--method", "ft"), "--epsilon", "ft-constrained")
        for option in ("--clamp", "--lambda", "--weight-decay"):
            self.misused(self.edit(option, 1, "--method", "ft"), option, "multedit")
        self.misused(self.edit("--method", "ft", "--layers", "1:3"), "--layers")
        self.misused(self.edit("--method", "ft", "--preset", "official"), "--preset")
        self.misused(self.edit("--method", "ft", "--key", "last"), "--key")
        self.misused(self.edit("--method", "ft", "--save-lora", self.folder / "lora"), "--save-lora", "--save-merged")
        self.misused(self.edit("--each-layer", "--save-merged", self.folder / "m"), "--each-layer", "--save-merged")

    def test_requests_hold_their_questions(self):
        file = self.lines("r.jsonl", row())
        for name, value in (("question", "Q"), ("target", "x"), ("image", PICTURE), ("constraint", "c"), ("prefill", "p"),
                            ("rephrase", "r"), ("prompt", "p"), ("occurrences", "all"),
                            ("image-order", "reverse")):
            self.misused(self.program("edit", LLAVA, "--requests", file, f"--{name}", value), "--requests", f"--{name}")
        self.misused(self.program("edit", LLAVA, "a question", "--requests", file), "--requests")


class BadInput(EditTest):
    def test_targets(self):
        self.fails(self.edit(target=""), "target", "empty")
        self.fails(self.edit(target=" "), "target", "empty")
        before = self.json(*WEIGHTS)["requests"][0]["before"]["answer"]
        known = before.split()[0]
        self.fails(self.edit(target=known), "answer", known, "already", hint="another target")

    def test_constraints(self):
        self.fails(self.edit(constraint=""), "constraint", "empty")
        self.fails(self.edit(constraint="that land"), "that land", "does not occur")
        self.fails(self.edit(constraint=None), "constraint", hint="words of the question")

    def test_pictures(self):
        self.fails(self.edit(image=self.folder / "no.png"), "no.png")
        self.fails(self.edit(model=LLAMA, image=PICTURE), "vision")

    def test_a_broken_line_is_named(self):
        rows = [row() for _ in range(36)]
        for broken, words in (('{"question": ', ("not valid JSON",)), (row(target=None), ("target",)),
                              (row(target="  "), ("target", "empty")), (row(constraints=[]), ("constraint",)),
                              (row(constraints=[{"text": "that land"}]), ("that land", "does not occur")),
                              (row(constraints=[{"text": CONSTRAINT, "start": 0, "end": 12}]), ("text", "characters 0 to 12")),
                              (row(image="no.png"), ("image", "no.png")),
                              (row(rephrasings=[{"question": "Q", "image": "no.png"}]), ("rephrasings", "no.png")),
                              (row(rephrasings=[{"question": "Q", "constraints": [{"text": "x"}]}]), ("rephrasing 0", "does not occur"))):
            with self.subTest(broken):
                self.fails(self.requests(*WEIGHTS, rows=[*rows, broken, row()]), "requests.jsonl", "line 37", *words)

    def test_what_the_model_says_already_is_told_with_its_line(self):
        known = self.json(*WEIGHTS)["requests"][0]["before"]["answer"].split()[0]
        self.fails(self.requests("--steps", 1, rows=[row(), row(target=known)]), "requests.jsonl: line 2", "already")

    def test_a_broken_evaluation_line_is_named(self):
        good = {"question": "Why?", "answers": ["so"]}
        for broken, words in (("[]", ("JSON object",)), ({"question": "Why?"}, ("answers",)),
                              ({"question": "Why?", "answers": "so"}, ("answers", "array")),
                              (good | {"image": "no.png"}, ("no.png",)),
                              (good | {"constraints": [{"text": "x"}]}, ("does not occur",))):
            with self.subTest(broken):
                self.fails(self.edit(*WEIGHTS, "--eval", self.lines("eval.jsonl", good, broken)), "eval.jsonl", "line 2", *words)
        self.fails(self.edit("--eval", self.folder / "no.jsonl"), "no.jsonl")
        self.fails(self.edit("--eval", self.lines("empty.jsonl")), "empty.jsonl", "no questions")

    def test_a_constraint_given_by_its_place(self):
        """The words stand there twice; the key is taken where the row says."""
        twice = "Is this country as large as this country?"
        second = twice.index(CONSTRAINT, 10)
        keys = [self.many(*WEIGHTS, rows=[row(question=twice, constraints=[{"text": CONSTRAINT, "start": s, "end": s + 12}])])
                ["requests"][0]["key_position"] for s in (3, second)]
        self.assertGreater(keys[1], keys[0])

    def test_marked_rows_are_left_out(self):
        file = self.lines("eval.jsonl", {"question": "Why?", "answers": ["so"]}, {"question": "Who?", "marked": "no picture"})
        out = self.folder / "marked"
        result = self.succeeds(self.program("edit", LLAVA, "--json", "--out", out, "--question", QUESTION, "--constraint", CONSTRAINT,
                                            "--target", "Paris", "--steps", 1, "--eval", file))
        self.assertEqual(json.loads(result.stdout)["specificity"]["questions"], 1)
        self.assertIn("1 marked", result.stderr)


class Folders(EditTest):
    def test_the_models_own_folder(self):
        model = self.copy()
        before = sorted(p.name for p in model.iterdir())
        link = self.folder / "link"
        link.symlink_to(model)
        for folder in (model, f"{model}/", link):
            result = self.program("edit", model, "--question", QUESTION, "--constraint", CONSTRAINT, "--target", "Paris", "--out", folder)
            self.assertEqual(result.returncode, 1)
            self.assertIn("the model's own folder", result.stderr)
        self.assertEqual(sorted(p.name for p in model.iterdir()), before)

    def test_folders_for_what_is_saved(self):
        model, full = self.copy(), self.folder / "full"
        full.mkdir()
        (full / "notes.txt").write_text("mine")
        same = self.folder / "same"
        for words, args in ((("own folder",), ("--save-lora", model)), (("own folder", "inside"), ("--save-merged", model / "new")),
                            (("not empty",), ("--save-merged", full)),
                            (("folder of its own",), ("--save-merged", same, "--save-lora", same))):
            self.fails(self.edit(*WEIGHTS, *args, model=model), *words)
        self.assertEqual([p.name for p in full.iterdir()], ["notes.txt"])
        self.assertFalse(same.exists())

    def test_several_edits_cannot_be_one_model(self):
        lora = self.folder / "lora"
        rows = [row(), row(target="Lisbon")]
        self.fails(self.requests(*WEIGHTS, "--save-lora", lora, rows=rows), "2 requests", hint="--together")
        self.fails(self.requests(*WEIGHTS, "--save-merged", lora, rows=rows), "2 requests", hint="--together")
        self.assertFalse(lora.exists())
        self.succeeds(self.requests(*WEIGHTS, "--together", "--save-lora", lora, rows=rows))
        self.assertTrue((lora / "adapter_model.safetensors").exists())

    def test_folders_that_cannot_be(self):
        file = self.folder / "file"
        file.write_text("")
        for out in (file, file / "below"):
            result = self.program("edit", LLAVA, "--question", QUESTION, "--constraint", CONSTRAINT, "--target", "Paris", "--out", out)
            self.assertEqual(result.returncode, 1)
            self.assertIn(str(out), result.stderr)
        self.assertEqual(file.read_text(), "")

    def test_a_failure_leaves_nothing(self):
        deep = self.folder / "a/b"
        self.assertEqual(self.program("edit", LLAVA, "--question", QUESTION, "--constraint", "x", "--target", "Paris", "--out",
                                      deep).returncode, 1)
        self.assertFalse((self.folder / "a").exists())

    def test_fine_tuning_takes_old_factors_away(self):
        out = self.folder / "same"
        line = ("edit", LLAVA, "--quiet", "--question", QUESTION, "--constraint", CONSTRAINT, "--target", "Paris", "--steps", 1,
                "--out", out)
        self.succeeds(self.program(*line))
        self.assertTrue((out / "edit.npz").exists())
        self.succeeds(self.program(*line, "--method", "ft"))
        self.assertFalse((out / "edit.npz").exists())

    def test_interrupted(self):
        out = self.folder / "stopped"
        process = subprocess.Popen([PROGRAM, "edit", str(LLAVA), "--question", QUESTION, "--constraint", CONSTRAINT, "--target",
                                    "Paris", "--steps", "1000000", "--lr", "0.0001", "--out", str(out)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (-signal.SIGINT, 130, 1))
        self.assertFalse(out.exists())


class Summary(EditTest):
    def test_one_request(self):
        text = self.succeeds(self.edit(*WEIGHTS, "--rephrase", "Which?", "--eval", self.evaluation(), image=PICTURE)).stdout
        for words in (QUESTION, "P(target)", "Which?", "rephrasings", "neighbourhood", "specificity", "multedit of layer 1",
                      "edit.html"):
            self.assertIn(words, text)

    def test_many_requests(self):
        lines = self.succeeds(self.requests(*WEIGHTS, rows=[row(), row(target="Lisbon")])).stdout.split("\n")
        self.assertTrue(lines[0].startswith("0: ") and lines[1].startswith("1: "))
        self.assertTrue(any(line.startswith("efficacy") for line in lines))


if __name__ == "__main__":
    unittest.main()
