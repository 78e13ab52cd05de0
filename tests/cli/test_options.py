"""Every option that `trace --help` and `ask --help` list has the effect it promises; none is taken and ignored."""
import json
import math
import re
import statistics
import struct
import unittest

from common import DATA, EXACT, IMAGES, LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest, png, read_tensors, write_tensors

TWICE = "Is this country this country?"
GGUF, CHANGES = DATA / "model/gguf", DATA / "change"


def npy(path, shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}f", *values))
    return path


class Trace(ProgramTest):
    """One test an option, named after it."""

    def json(self, *args, model=LLAVA, **kwargs):
        return json.loads(self.succeeds(self.trace(model, "--json", *args, **kwargs)).stdout)

    def grids(self, trace):
        return {site: grids["prob"] for site, grids in trace["sites"].items()}

    def assertSameNumbers(self, a, b):
        """Two traces, but for what they cost."""
        self.assertSame(*({key: value for key, value in t.items() if key not in ("cost", "verify")} for t in (a, b)))

    def test_every_option_has_a_test(self):
        listed = set(re.findall(r"^  --([a-z-]+)", self.program("trace", "--help").stdout, re.M))
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(listed - tested - {"out", "quiet", "help"}, set())     # these three: test_output, test_usage

    def test_image(self):
        plain, with_picture = self.json(), self.json(image=PICTURE)
        self.assertIsNone(plain["image"])
        self.assertEqual([t["count"] for t in with_picture["tokens"] if t["span"] == "image"], [9])
        other = self.json(image=IMAGES / "photo.png")
        self.assertNotEqual(other["clean"]["prob"], with_picture["clean"]["prob"])

    def test_image_order(self):
        """Another order is another run, under corruption too; the same order is the same."""
        wrong = ("--corrupt", f"image:{IMAGES / 'photo.png'}", "--positions", "image")
        plain, reverse, again, shuffled = (self.json(*wrong, *order, image=PICTURE) for order in (
            (), ("--image-order", "reverse"), ("--image-order", "reverse"), ("--image-order", "shuffle:5")))
        self.assertSameNumbers(reverse, again)
        self.assertEqual([t["image"].get("order") for t in (plain, reverse, shuffled)], [None, "reverse", "shuffle:5"])
        for run in ("clean", "corrupted"):
            self.assertEqual(len({t[run]["prob"] for t in (plain, reverse, shuffled)}), 3)
        self.fails(self.trace(LLAVA, "--image-order", "random", image=PICTURE), "--image-order", "random", "shuffle:SEED")
        self.fails(self.trace(LLAVA, "--image-order", "reverse"), "--image-order", "no picture", hint="--image")

    def test_question(self):
        self.assertIn("Why is this country", self.json(question="Why is this country here?")["prompt"])

    def test_constraint(self):
        trace = self.json("--constraint", "capital")
        self.assertEqual([c["text"] for c in trace["constraints"]], ["this country", "capital"])
        one, two = (c["positions"] for c in trace["constraints"])
        self.assertTrue(set(one).isdisjoint(two))
        self.assertNotEqual(trace["corrupted"]["prob"], self.json()["corrupted"]["prob"])       # both are corrupted

    def test_occurrences(self):
        first, every = (self.json("--occurrences", n, question=TWICE) for n in ("first", "all"))
        self.assertEqual(2 * len(first["constraints"][0]["positions"]), len(every["constraints"][0]["positions"]))
        self.assertSameNumbers(first, self.json(question=TWICE))

    def test_prefill(self):
        self.assertTrue(self.json("--prefill", "The capital is")["prompt"].endswith("ASSISTANT: The capital is"))

    def test_template(self):
        self.assertEqual(self.json("--template", "plain")["prompt"], QUESTION)
        self.assertEqual(self.json()["prompt"], f"USER: {QUESTION} ASSISTANT:")

    def test_prompt(self):
        trace = self.json("--prompt", "Here <image> is this country", question=None, image=PICTURE)
        self.assertEqual(trace["prompt"], "Here <image> is this country")

    def test_answer(self):
        trace = self.json("--answer", "Paris")
        self.assertIn("P", trace["answer"]["text"])
        self.assertLess(trace["clean"]["prob"], self.json()["clean"]["prob"])     # the default is the most likely one
        self.assertSame(self.json("--answer-id", trace["answer"]["id"])["clean"], trace["clean"])

    def test_answer_id(self):
        self.assertEqual(self.json("--answer-id", 77)["answer"]["id"], 77)
        self.assertEqual(self.json("--answer-id", 570)["answer"]["id"], 570)     # a padding row of the vocabulary
        self.assertEqual(self.json("--answer-id", 0)["answer"]["id"], 0)

    def test_answer_tokens(self):
        first, whole = (self.json("--answer", "a river in Portugal", "--answer-tokens", n) for n in ("first", "all"))
        self.assertEqual(len(first["answer"]["ids"]), 1)
        self.assertGreater(len(whole["answer"]["ids"]), 3)
        self.assertLess(whole["clean"]["logprob"], first["clean"]["logprob"])
        self.assertSame(whole["clean"]["top"], first["clean"]["top"])           # of the first token, either way
        self.assertEqual(whole["tokens"], first["tokens"])                       # no cells on the answer's rows

    def test_corrupt(self):
        swapped = self.json("--corrupt", "swap:London")
        self.assertEqual(swapped["corruption"], ["swap:London"])
        self.assertNotEqual(swapped["corrupted"], self.json()["corrupted"])
        both = self.json("--corrupt", "swap:London", "--corrupt", "image-rowmean", image=PICTURE)
        self.assertEqual(both["corruption"], ["swap:London", "image-rowmean"])
        self.assertEqual(len({json.dumps(t["corrupted"]["prob"]) for t in (
            both, *(self.json("--corrupt", c, image=PICTURE) for c in ("swap:London", "image-rowmean")))}), 3)

    def test_corrupt_span(self):
        trace = self.json("--corrupt-span", "question")
        self.assertNotEqual(trace["corrupted"], self.json()["corrupted"])
        self.assertSameNumbers(self.json("--corrupt-span", "constraint"), self.json())

    def test_direction(self):
        there, back = (self.json("--direction", d) for d in ("denoise", "noise"))
        self.assertEqual((there["direction"], back["direction"]), ("denoise", "noise"))
        self.assertSame(there["clean"], back["clean"])
        self.assertNotEqual(self.grids(there), self.grids(back))

    def test_sites(self):
        trace = self.json("--sites", "resid_pre,mlp_out,resid_pre")
        self.assertEqual(set(trace["sites"]), {"resid_pre", "mlp_out"})
        self.assertSame(self.grids(trace)["mlp_out"], self.grids(self.json())["mlp_out"])
        heads = self.json("--sites", "head_out,attn_out")
        layers, rows, H = len(heads["layers"]), len(heads["positions"]), 4
        grid = heads["sites"]["head_out"]["prob"]
        self.assertEqual([len(grid), {len(row) for row in grid}, {len(cell) for row in grid for cell in row}], [layers, {rows}, {H}])
        self.assertEqual(heads["cost"]["cells"], layers * rows * (H + 1))
        best = max(p for row in grid for cell in row for p in cell)
        self.assertEqual(heads["top_heads"][0]["prob"], best)
        self.assertNotIn("top_heads", trace)

    def test_sites_of_the_picture(self):
        """Those of the tower and the projector have layers and rows of their own, and stand beside the decoder's."""
        wrong, long = ("--corrupt", f"image:{IMAGES / 'photo.png'}"), "vision.blocks.{l}.hook_mlp_out"
        both = self.json(*wrong, "--sites", f"{long},resid_post,proj.hook_out", "--positions", "image,last", "--verify", 8, image=PICTURE)
        self.assertEqual(set(both["sites"]), {long, "resid_post", "proj.hook_out"})
        self.assertLess(both["verify"]["max_rel_diff"], 1e-5)
        tower, projector = both["sites"][long], both["sites"]["proj.hook_out"]
        self.assertEqual((tower["positions"], projector["layers"]), (list(range(1, 10)), [0]))          # without the class row
        self.assertEqual(projector["positions"], both["positions"][:9])
        for site in (tower, projector):
            self.assertEqual([len(row) for row in site["prob"]], [9] * len(site["layers"]))
            self.assertEqual(len(site["restored"]), len(site["layers"]))
        alone = self.json(*wrong, "--sites", "vision.mlp_out", "--positions", "image", image=PICTURE)
        self.assertEqual((alone["layers"], alone["positions"]), ([], []))
        self.assertSame(alone["sites"][long]["prob"], tower["prob"])
        self.assertEqual(len(self.json(*wrong, "--sites", long, image=PICTURE)["sites"][long]["positions"]), 10)     # `all`

    def test_window(self):
        trace = self.json("--window", 3)
        self.assertEqual(trace["window"], {"kind": "centred", "size": 3})
        self.assertEqual(trace["sites"]["mlp_out"]["restored"], [[0, 1], [0, 2], [1, 3], [2, 3]])
        self.assertEqual(self.json("--window", 2)["sites"]["mlp_out"]["restored"], [[0, 0], [0, 1], [1, 2], [2, 3]])
        self.assertSameNumbers(self.json("--window", 1), self.json())

    def test_radius(self):
        trace = self.json("--radius", 1)
        self.assertEqual(trace["window"], {"kind": "radius", "size": 1})
        self.assertEqual(trace["sites"]["mlp_out"]["restored"], [[0, 1], [0, 2], [1, 3], [2, 3]])
        self.assertEqual(self.json("--radius", 0)["sites"]["mlp_out"]["restored"], [[l, l] for l in range(4)])
        self.assertEqual(self.json("--radius", 9)["sites"]["mlp_out"]["restored"], [[0, 3]] * 4)

    def test_layers(self):
        whole, part = self.json(), self.json("--layers", "1:3")
        self.assertEqual(part["layers"], [1, 2])
        for site, rows in self.grids(part).items():
            self.assertSame(rows, self.grids(whole)[site][1:3])

    def test_positions(self):
        whole = self.json()
        part = self.json("--positions", "last,constraint")
        self.assertEqual(part["positions"], sorted(set(whole["constraints"][0]["positions"]) | {whole["positions"][-1]}))
        for site, rows in self.grids(part).items():
            self.assertSame(rows, [[row[whole["positions"].index(p)] for p in part["positions"]] for row in self.grids(whole)[site]])

    def test_freeze(self):
        def trace(*more):
            return self.json("--sites", "attn_out", "--positions", "last", image=PICTURE, *more)
        plain, severed = trace(), {site: trace("--freeze", site, "--freeze-span", "last") for site in ("mlp", "attn")}
        self.assertNotIn("freeze", plain)
        for site, t in severed.items():
            self.assertEqual(t["freeze"], {"site": site + "_out", "span": "last", "positions": t["positions"]})
            self.assertNotEqual(self.grids(t), self.grids(plain))
            self.assertEqual(t["sites"]["attn_out"]["prob"][-1], plain["sites"]["attn_out"]["prob"][-1])  # nothing left to hold
        self.assertNotEqual(self.grids(severed["mlp"]), self.grids(severed["attn"]))
        naive = trace("--freeze", "mlp", "--freeze-span", "last", "--naive")
        self.assertSame(self.grids(severed["mlp"]), self.grids(naive))

    def test_freeze_span(self):
        below = self.json("--positions", "last", "--freeze", "mlp", "--freeze-span", "constraint,bos", image=PICTURE)
        self.assertSame(self.grids(below), self.grids(self.json("--positions", "last", image=PICTURE)))  # out of reach

    def test_blocks(self):
        wrong = ("--corrupt", f"image:{IMAGES / 'photo.png'}")
        blocks = self.json(*wrong, "--blocks", 2, image=PICTURE)
        self.assertEqual((blocks["blocks"], blocks["groups"]), (2, ["block 0,0", "block 0,1", "block 1,0", "block 1,1"]))
        self.assertEqual([len(p) for p in blocks["positions"]], [4, 2, 2, 1])
        self.assertEqual(sorted(sum(blocks["positions"], [])), self.json(*wrong, "--positions", "image", image=PICTURE)["positions"])
        loud = self.program("trace", LLAVA, QUESTION, "--constraint", "this country", "--image", PICTURE, *wrong, "--blocks", 2, "--json")
        self.assertRegex(self.succeeds(loud).stderr, r"^\d+ cells, \S+ TFLOP, about \S+ s on this machine\n")     # said beforehand
        self.fails(self.trace(LLAVA, "--blocks", 2, image=PICTURE), "--blocks", "not corrupted", hint="--corrupt image:FILE")
        self.fails(self.trace(LLAVA, "--blocks", 2), "--blocks", "no picture")
        for other in (("--group",), ("--positions", "text")):
            self.misused(self.trace(LLAVA, *wrong, "--blocks", 2, *other, image=PICTURE), "--blocks", other[0])

    def test_group(self):
        trace = self.json("--group", "--positions", "constraint,last,0:3")
        self.assertEqual(trace["groups"], ["constraint", "last", "0:3"])
        self.assertEqual(trace["positions"][2], [0, 1, 2])
        single = self.json("--positions", "last")
        for site, rows in self.grids(trace).items():
            self.assertSame([row[1] for row in rows], [row[0] for row in self.grids(single)[site]])

    def test_samples(self):
        noise = ("--corrupt", "noise:s1")
        three, ten = self.json(*noise, "--samples", 3), self.json(*noise)
        self.assertNotEqual(three["corrupted"], ten["corrupted"])
        self.assertSameNumbers(ten, self.json(*noise, "--samples", 10))
        self.assertIn("sd", three["sites"]["mlp_out"])
        self.assertNotIn("sd", self.json(*noise, "--samples", 1)["sites"]["mlp_out"])

    def test_samples_are_averaged(self):
        """A file of three draws against three files of one: means of prob and logprob, the deviation of prob (n)."""
        n = len(self.json()["constraints"][0]["positions"])
        draws = [[math.sin(s + i * i) for i in range(n * 32)] for s in range(3)]
        whole = self.json("--noise-file", npy(self.folder / "all.npy", (3, n, 32), sum(draws, [])))
        parts = [self.json("--noise-file", npy(self.folder / f"{s}.npy", (1, n, 32), draws[s])) for s in range(3)]
        for site, grids in whole["sites"].items():
            for key, of in (("prob", statistics.fmean), ("logprob", statistics.fmean), ("sd", statistics.pstdev)):
                for l, row in enumerate(grids[key]):
                    for p, value in enumerate(row):
                        each = [t["sites"][site]["prob" if key == "sd" else key][l][p] for t in parts]
                        self.assertAlmostEqual(value, of(each), delta=2e-8 if EXACT else 1e-4)
        self.assertAlmostEqual(whole["corrupted"]["prob"], statistics.fmean(t["corrupted"]["prob"] for t in parts), places=6)

    def test_noise_file(self):
        n = len(self.json()["constraints"][0]["positions"])
        path = npy(self.folder / "noise.npy", (2, n, 32), [math.sin(i) for i in range(2 * n * 32)])
        trace = self.json("--noise-file", path)
        self.assertIn("sd", trace["sites"]["mlp_out"])
        self.assertNotEqual(trace["corrupted"], self.json()["corrupted"])
        nothing = self.json("--noise-file", npy(self.folder / "zero.npy", (1, n, 32), [0.0] * n * 32))
        self.assertSame(nothing["corrupted"]["prob"], nothing["clean"]["prob"])
        if EXACT:
            self.assertEqual(nothing["cost"]["cells_skipped"], nothing["cost"]["cells"])
        self.assertIn("weak", nothing["marks"])

    def test_foil(self):
        self.assertNotIn("logit_diff", self.json()["sites"]["mlp_out"])
        trace = self.json("--answer", "Paris", "--foil", "London")
        swapped = self.json("--answer", "London", "--foil", "Paris")
        for a, b in zip(trace["sites"]["mlp_out"]["logit_diff"], swapped["sites"]["mlp_out"]["logit_diff"]):
            self.assertSame(a, [-x for x in b])

    def test_verify(self):
        self.assertIsNone(self.json()["verify"])
        self.assertEqual(self.json("--verify", 5)["verify"]["cells"], 5)
        verified = self.json("--verify", 10**6, "--direction", "noise", "--window", 2, image=PICTURE)
        self.assertEqual(verified["verify"]["cells"], verified["cost"]["cells"])
        self.assertLess(verified["verify"]["max_rel_diff"], 1e-4)

    def test_naive(self):
        quick, naive = self.json(image=PICTURE), self.json("--naive", image=PICTURE)
        self.assertEqual(naive["cost"]["cells_skipped"], 0)
        self.assertGreater(naive["cost"]["flop"], 3 * quick["cost"]["flop"])
        for site, rows in self.grids(quick).items():
            for row, other in zip(rows, self.grids(naive)[site]):
                for x, y in zip(row, other):
                    self.assertLessEqual(abs(x - y), 1e-4 * max(x, y))

    def test_dtype(self):
        """bf16 is another computation, near the first; in it too a replay is its plain form, a changed budget changes no bit."""
        exact, rounded = self.json("--dtype", "f32", image=PICTURE), self.json("--dtype", "bf16", image=PICTURE)
        self.assertEqual(exact["model"]["dtype"], "f32")
        self.assertEqual(rounded["model"]["dtype"], "bf16")
        self.assertSameNumbers(exact, self.json(image=PICTURE))
        cells = [(x, y) for site, rows in self.grids(exact).items() for row, other in zip(rows, self.grids(rounded)[site])
                 for x, y in zip(row, other)]
        self.assertTrue(all(abs(x - y) < 0.1 * x for x, y in cells), max(abs(x - y) / x for x, y in cells))
        self.assertTrue(any(x != y for x, y in cells))
        naive = self.json("--dtype", "bf16", "--naive", image=PICTURE)
        for site, rows in self.grids(rounded).items():
            for row, other in zip(rows, self.grids(naive)[site]):
                self.assertSame(row, other)
        self.assertSameNumbers(rounded, self.json("--dtype", "bf16", "--threads", 2, "--memory", "4M", image=PICTURE))

    def test_dtype_without_instructions_for_it(self):
        """Without bf16's instructions weights are rounded all the same, and the program says what it does."""
        if not EXACT:
            self.skipTest("a CBLAS has none anyway")
        line = ("ask", LLAVA, QUESTION, "--dtype", "bf16")
        old = {"env": {"DNNL_MAX_CPU_ISA": "AVX2"}}
        said = self.succeeds(self.program(*line, **old))
        self.assertIn("bf16", said.stderr)
        self.assertEqual(self.succeeds(self.program(*line, "--quiet", **old)).stderr, "")
        self.assertNotIn("bf16", self.succeeds(self.program(*line[:3], **old)).stderr)
        self.assertIn("multiplied in f32", self.succeeds(self.program("info", LLAVA, "--dtype", "bf16", **old)).stdout)

    def test_threads(self):
        one = self.json("--threads", 1, image=PICTURE)
        for n in (2, 3, 10**6, 10**15):
            self.assertSameNumbers(one, self.json("--threads", n, image=PICTURE))

    def test_memory(self):
        """A small budget makes many waves, and changes no bit."""
        least = self.trace(LLAVA, "--memory", "1").stderr.split("give --memory ")[1].split()[0]
        self.assertSameNumbers(self.json("--memory", least), self.json())
        self.assertSameNumbers(self.json("--memory", "1T"), self.json())

    def test_vision_tower(self):
        model, tower = self.original_llava()
        self.assertSameNumbers(self.json(image=PICTURE) | {"model": None, "tokens": None},
                               self.json("--vision-tower", tower, image=PICTURE, model=model) | {"model": None, "tokens": None})
        self.fails(self.trace(model, image=PICTURE), "lies apart", hint="--vision-tower")
        self.fails(self.trace(LLAVA, "--vision-tower", LLAVA, image=PICTURE), "takes no vision tower", hint="--vision-tower")

    def original_llava(self):
        """The tiny LLaVA in its authors' layout, and its tower's folder."""
        model, tower = self.copy(), self.copy()
        config = json.loads((model / "config.json").read_text())
        (tower / "config.json").write_text(json.dumps(config["vision_config"]))
        (model / "config.json").write_text(json.dumps(
            {**config["text_config"], "model_type": "llava", "mm_vision_tower": "openai/clip-vit-large-patch14-336",
             "mm_projector_type": "mlp2x_gelu", "mm_vision_select_layer": -2}))
        renamed = (("language_model.model.", "model."), ("language_model.", ""), ("multi_modal_projector.linear_1", "model.mm_projector.0"),
                   ("multi_modal_projector.linear_2", "model.mm_projector.2"))
        tensors = read_tensors(model / "model.safetensors")
        write_tensors(tower / "model.safetensors",
                      {name.removeprefix("vision_tower."): t for name, t in tensors.items() if name.startswith("vision_tower.")})
        write_tensors(model / "model.safetensors",
                      {next((new + name.removeprefix(old) for old, new in renamed if name.startswith(old)), name): t
                       for name, t in tensors.items() if not name.startswith("vision_tower.")})
        return model, tower

    def test_mmproj(self):
        """The vision side of LLaVA's folder, lent to its decoder in a GGUF file, makes the whole again."""
        self.fails(self.trace(LLAVA, "--mmproj", LLAVA, image=PICTURE), "has a vision side of its own", hint="--mmproj")
        self.fails(self.trace(LLAVA, "--mmproj", LLAMA), "has a vision side of its own")
        self.fails(self.trace(LLAMA, "--mmproj", LLAMA), "is a decoder alone", "no vision side to lend")
        whole, lent = self.json(image=PICTURE), self.json("--mmproj", LLAVA, model=GGUF / "llava.gguf", image=PICTURE)
        self.assertSame(lent["sites"], whole["sites"])
        self.assertEqual(lent["prompt"], whole["prompt"])
        square = png(self.folder / "square.png", 20, 20)
        whole = self.json(image=square)
        for name in ("mmproj-legacy.gguf", "mmproj-whole.gguf"):
            lent = self.json("--mmproj", GGUF / name, model=GGUF / "llava.gguf", image=square)
            self.assertSame(lent["sites"], whole["sites"])
        self.fails(self.trace(GGUF / "mmproj-legacy.gguf"), '"clip"; patchbay knows', hint="--mmproj")

    def changed(self, name, *args, model=None, **kwargs):
        """A trace whose model is changed by files, which it names; the plain model says something else."""
        trace = self.json(*args, model=model or DATA / "model" / name, **kwargs)
        self.assertEqual([change["file"] for change in trace["model"]["changes"]], [str(a) for a in args if "--" not in str(a)])
        self.assertNotIn("changes", self.json(model=LLAVA)["model"])
        self.assertNotEqual(trace["clean"], self.json(model=model or DATA / "model" / name, **kwargs)["clean"])
        return trace

    def test_edit(self):
        edit = CHANGES / "llama/edit.npz"
        one, other = (self.json("--edit", f"{edit}@{n}", model=LLAMA) for n in (0, 1))
        self.assertNotEqual(one["clean"], other["clean"])
        self.assertEqual(one["model"]["changes"], [{"file": str(edit), "kind": "edit", "terms": 2, "rank": 1}])
        self.changed("llava", "--edit", CHANGES / "llava/edit.npz", image=PICTURE)
        self.fails(self.trace(LLAMA, "--edit", edit), edit, "several requests")
        self.fails(self.trace(LLAVA, "--edit", f"{edit}@0"), edit, "expected the model's d_ff, 48")
        self.fails(self.trace(LLAVA, "--edit", PICTURE), PICTURE, "is no .npz file")

    def test_lora(self):
        adapter = CHANGES / "llava"
        folder = self.changed("llava", "--lora", adapter, image=PICTURE)
        gguf = self.json("--lora", adapter, "--mmproj", LLAVA, model=GGUF / "llava.gguf", image=PICTURE)
        self.assertSame(gguf["sites"], folder["sites"])
        both = self.changed("llava", "--lora", adapter, "--edit", adapter / "edit.npz", image=PICTURE)
        self.assertNotEqual(both["clean"], folder["clean"])
        verified = self.json("--lora", adapter, "--verify", 20, image=PICTURE)["verify"]
        self.assertLess(verified["max_rel_diff"], 1e-4)
        self.fails(self.trace(LLAMA, "--lora", adapter), adapter, "lora_A.weight", "has the shape [2, 48], expected [2, 40]")
        self.fails(self.trace(LLAVA, "--lora", self.folder), "adapter_config.json: cannot be opened")

    def test_seed(self):
        noise = ("--corrupt", "noise:s1", "--samples", 2)
        self.assertNotEqual(self.json(*noise)["corrupted"], self.json(*noise, "--seed", 1)["corrupted"])
        self.assertSameNumbers(self.json(*noise), self.json(*noise, "--seed", 0))

    def test_json(self):
        self.assertEqual(self.json()["schema"], "patchbay.trace/1")
        self.assertIn("corrupted", self.succeeds(self.trace(LLAVA)).stdout)

    def test_same_line_same_bits(self):
        line = ("--corrupt", "noise:s2", "--samples", 3, "--corrupt", "image-noise:0.5")
        self.assertSameNumbers(self.json(*line, image=PICTURE), self.json(*line, image=PICTURE))


class Info(ProgramTest):
    """What `info --plan` says is what `trace` then does."""

    def plan(self, *args, model=LLAVA):
        return json.loads(self.succeeds(self.program("info", model, "--plan", "--json", "--question", QUESTION, "--constraint",
                                                     "this country", *args)).stdout)["plan"]

    def cost(self, *args, model=LLAVA):
        return json.loads(self.succeeds(self.trace(model, "--json", *args)).stdout)["cost"]

    def test_plan(self):
        for args in ((), ("--image", PICTURE, "--corrupt", "image-rowmean"), ("--window", 3, "--direction", "noise"), ("--naive",),
                     ("--corrupt", "noise:s1", "--samples", 3, "--sites", "mlp_out"), ("--group", "--positions", "constraint,last")):
            plan, cost = self.plan(*args), self.cost(*args)
            self.assertEqual(plan["cells"], cost["cells"], args)
            self.assertEqual(plan["waves"], cost["waves"], args)
            self.assertTrue(0.9 < plan["flop"] / cost["flop"] < 1.6, (args, plan["flop"], cost["flop"]))
            self.assertGreater(plan["seconds"], 0)
            self.assertGreater(plan["rows"], 0)

    def test_a_small_budget_makes_more_waves(self):
        many = ("--image", PICTURE, "--corrupt", "image-rowmean", "--sites", "resid_pre,attn_out,mlp_out,resid_post")
        small = self.plan(*many, "--memory", "3M")
        self.assertGreater(small["waves"], self.plan(*many)["waves"])
        self.assertLessEqual(small["working_bytes"], 3 << 20)
        self.assertEqual(small["waves"], self.cost(*many, "--memory", "3M")["waves"])
        self.fails(self.program("info", LLAVA, "--plan", "--question", QUESTION, "--constraint", "this country", "--memory", "100K"),
                   "--memory")

    def test_changes(self):
        line = ("info", LLAVA, "--lora", CHANGES / "llava", "--edit", CHANGES / "llava/edit.npz")
        self.assertEqual([(c["kind"], c["terms"], c["rank"]) for c in
                          json.loads(self.succeeds(self.program(*line, "--json")).stdout)["changes"]],
                         [("lora", 8, 2), ("edit", 2, 1)])
        self.assertIn("(lora of rank 2 in 8 of the matrices)", self.succeeds(self.program(*line)).stdout)
        self.assertNotIn("changes", json.loads(self.succeeds(self.program("info", LLAVA, "--json")).stdout))
        self.fails(self.program("info", LLAMA, "--lora", CHANGES / "llava"), "lora_A.weight")
        self.misused(self.program("demo", "--lora", CHANGES / "llava"), "no option --lora")

    def test_dtype(self):
        info = json.loads(self.succeeds(self.program("info", LLAVA, "--dtype", "bf16", "--json")).stdout)
        self.assertEqual(info["compute"]["dtype"], "bf16")
        self.assertIn(info["compute"]["products"], ("bf16", "f32"))
        self.assertEqual(json.loads(self.succeeds(self.program("info", LLAVA, "--json")).stdout)["compute"],
                         {"dtype": "f32", "products": "f32"})
        self.assertGreater(self.plan("--dtype", "bf16")["seconds"], 0)

    def test_it_is_said_before_a_single_run(self):
        for command, of, *options in (("ask", "1 question"), ("lens", r"\d+ cells"), ("dump", r"\d+ rows", "--out", self.folder / "dump")):
            line = (command, LLAVA, "--image", PICTURE, "--question", QUESTION, "--json", *options)
            loud, quiet = self.succeeds(self.program(*line)), self.succeeds(self.program(*line, "--quiet"))
            self.assertRegex(loud.stderr, rf"^{of}, \S+ TFLOP, about \S+ s on this machine\n\d+ waves? over the layers")
            self.assertEqual(quiet.stderr, "")
            self.assertEqual(*({**json.loads(said.stdout), "cost": None} for said in (loud, quiet)))

    def test_without_plan_it_asks_nothing(self):
        self.misused(self.program("info", LLAVA, "--question", QUESTION), "--plan")
        self.misused(self.program("info", LLAVA, "--window", "3"), "--plan")
        self.misused(self.program("info", LLAVA, "--plan"), "QUESTION")
        self.assertIsNone(json.loads(self.succeeds(self.program("info", LLAVA, "--json")).stdout)["plan"])


class Ask(ProgramTest):
    def json(self, *args, model=LLAMA):
        return json.loads(self.succeeds(self.program("ask", model, "--json", *args)).stdout)

    def test_max_tokens(self):
        long = self.json(QUESTION, "--max-tokens", 30)["answer_ids"]
        for n in (1, 2, 16):
            self.assertEqual(self.json(QUESTION, "--max-tokens", n)["answer_ids"], long[:n])
        self.assertEqual(self.json(QUESTION)["answer_ids"], long[:16])

    def test_answers_end_where_the_model_ends(self):
        whole = self.json(QUESTION, "--max-tokens", 10**12)
        self.assertLessEqual(whole["prompt_tokens"] + len(whole["answer_ids"]), 129)    # the last one is not put in again

    def test_an_end_token_ends_the_answer(self):
        ids = self.json(QUESTION)["answer_ids"]
        model = self.with_config(LLAMA, file="generation_config.json", eos_token_id=[1, ids[3]])
        self.assertEqual(self.json(QUESTION, model=model)["answer_ids"], ids[:ids.index(ids[3])])

    def test_top(self):
        ten = self.json(QUESTION, "--top", 10)["top"]
        self.assertEqual(len(ten), 10)
        self.assertEqual(self.json(QUESTION)["top"], ten[:5])
        self.assertEqual(sorted(ten, key=lambda t: -t["prob"]), ten)
        everything = self.json(QUESTION, "--top", 10**9)["top"]
        self.assertAlmostEqual(sum(t["prob"] for t in everything), 1, places=6)
        self.assertEqual(sorted(t["id"] for t in everything), list(range(len(everything))))
        self.assertAlmostEqual(ten[0]["logprob"], math.log(ten[0]["prob"]), places=6)

    def test_templates_and_prompts(self):
        asked = {json.dumps(self.json(*line)["top"]) for line in (
            (QUESTION,), (QUESTION, "--template", "vicuna"), (QUESTION, "--prefill", "It is"), ("--prompt", "Is it"))}
        self.assertEqual(len(asked), 4)

    def test_changed_weights(self):
        line = ("--image", PICTURE, QUESTION)
        tops = [json.dumps(self.json(*line, *args, model=LLAVA)["top"]) for args in (
            (), ("--lora", CHANGES / "llava"), ("--edit", CHANGES / "llava/edit.npz"),
            ("--edit", CHANGES / "llava/edit.npz", "--edit", CHANGES / "llava/edit.npz@0"))]
        self.assertEqual(len(set(tops)), 4)
        self.fails(self.program("ask", LLAVA, QUESTION, "--edit", CHANGES / "llava/edit.npz@1"), "no edit of request 1")

    def test_image_order(self):
        plain, reverse = (json.loads(self.succeeds(self.program("ask", LLAVA, QUESTION, "--image", PICTURE, "--json", *order)).stdout)
                          for order in ((), ("--image-order", "reverse")))
        self.assertEqual((plain.get("image_order"), reverse["image_order"]), (None, "reverse"))
        self.assertNotEqual(plain["top"][0]["prob"], reverse["top"][0]["prob"])

    def test_pictures(self):
        red = png(self.folder / "red.png", 20, 20)
        tops = {json.dumps(self.json("--image", p, QUESTION, model=LLAVA)["top"]) for p in (PICTURE, red)}
        self.assertEqual(len(tops), 2)


if __name__ == "__main__":
    unittest.main()
