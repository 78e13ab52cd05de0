"""`bench` as a user meets it: its table, its JSON, what it refuses. No test asserts a time."""
import json
import re
import unittest

from common import DATA, FEW_ROWS, LLAMA, LLAVA, ProgramTest

WORKS = ("first", "ask", "tokens", "trace", "edit")
PARTS = ("picture", "loading", "products", "attention", "read_out", "rest")
ROWS = [16 << i for i in range(9)]


class Bench(ProgramTest):
    def bench(self, model=LLAMA, *args, **kwargs):
        return self.program("bench", model, "--quiet", *args, **kwargs)

    results = {}  # what does not differ from call to call is asked once

    def json(self, *args):
        if args not in self.results:
            self.results[args] = json.loads(self.succeeds(self.bench(*args, "--json")).stdout)
        return self.results[args]

    def test_form(self):
        result = self.json(LLAVA)
        self.assertEqual(list(result), ["schema", "machine", "weights", "products", "bandwidth_gb_s", "phases"])
        self.assertEqual(result["schema"], "patchbay.bench/1")
        self.assertEqual(set(result["machine"]), {"cpu", "cores", "threads", "memory_bytes", "library", "dtype", "weights_gb_s"})
        for product in result["products"]:
            self.assertEqual(list(product), ["dtype", "m", "n", "k", "gflops"])
            self.assertGreater(product["gflops"], 0)
        for phase in result["phases"]:
            self.assertEqual(list(phase), ["name", "seconds", "flop", "bytes", "written", "bound_seconds"])
            for key in ("seconds", "flop", "bytes", "written", "bound_seconds"):
                self.assertGreaterEqual(phase[key], 0)
        self.assertGreater(result["bandwidth_gb_s"], 0)

    def test_products_are_of_the_model(self):
        result, info = self.json(LLAMA), json.loads(self.program("info", LLAMA, "--json").stdout)
        D, F = info["d_model"], info["d_ff"]
        for dtype in {p["dtype"] for p in result["products"]}:
            shapes = {(p["n"], p["k"]) for p in result["products"] if p["dtype"] == dtype}
            self.assertLessEqual({(F, D), (D, F), (D, D), (1024, 1024)}, shapes)
            for shape in shapes:
                self.assertEqual([p["m"] for p in result["products"] if (p["dtype"], p["n"], p["k"]) == (dtype, *shape)], ROWS)
        self.assertIn("f32", {p["dtype"] for p in result["products"]})

    def test_phases_add_up(self):
        for model in (LLAVA, LLAMA):
            phases = {p["name"]: p for p in self.json(model)["phases"]}
            works = [name for name in phases if "." not in name]
            self.assertLessEqual({"first", "ask", "trace", "edit"}, set(works))
            self.assertLessEqual(set(works), set(WORKS))
            for work in works:
                parts = [phases[f"{work}.{part}"] for part in PARTS]
                for key in ("seconds", "flop", "bytes", "written", "bound_seconds"):
                    self.assertAlmostEqual(sum(p[key] for p in parts), phases[work][key], delta=1e-6 * phases[work][key])
            for work in ("ask", "trace", "edit"):
                self.assertGreater(phases[f"{work}.products"]["flop"], 0)
                self.assertGreater(phases[f"{work}.attention"]["flop"], 0)
                self.assertGreater(phases[f"{work}.read_out"]["flop"], 0)
                self.assertEqual(phases[f"{work}.picture"]["flop"] > 0, model == LLAVA)

    def test_work_is_what_the_commands_say(self):
        """The trace's floating-point work is that of `trace` on a question of the same shape."""
        phases = {p["name"]: p for p in self.json(LLAMA)["phases"]}
        trace = json.loads(self.succeeds(self.trace(LLAMA, "--sites", "attn_out,mlp_out", "--json")).stdout)
        self.assertAlmostEqual(phases["trace"]["flop"] / trace["cost"]["flop"], 1, delta=1e-3)

    def test_every_kind_of_model(self):
        for model in (DATA / "model/phi", DATA / "model/qwen2", DATA / "model/bunny"):
            with self.subTest(model):
                text = self.succeeds(self.bench(model)).stdout
                for work in ("first", "ask", "trace", "edit"):
                    self.assertRegex(text, rf"(?m)^{work} +[0-9.]+ +100.0 %")

    def test_table(self):
        result = self.succeeds(self.bench(LLAVA, cwd=self.folder))
        text = result.stdout
        self.assertEqual((result.stderr, list(self.folder.iterdir())), ("", []))   # nothing said, nothing left
        self.assertRegex(text, r"(?m)^machine +\S")
        self.assertRegex(text, r"(?m)^reading +[0-9.]+ GB/s")
        self.assertRegex(text, r"(?m)^products, GFLOP/s; rows +16 +32 .* 4096$")
        self.assertRegex(text, r"(?m)^trace: most of the time goes to [a-z_]+")
        for line in text.split("\n"):
            self.assertLessEqual(len(line), 100)

    def test_dtype(self):
        """The machine's dtypes are measured whatever is computed in; one that the processor has not is widened."""
        f32, bf16 = self.json(LLAVA), self.json(LLAVA, "--dtype", "bf16")
        self.assertEqual([r["machine"]["dtype"] for r in (f32, bf16)], ["f32", "bf16"])
        self.assertEqual({p["dtype"] for p in f32["products"]}, {p["dtype"] for p in bf16["products"]})
        work = [{p["name"]: p for p in r["phases"]}["trace.products"] for r in (f32, bf16)]
        self.assertAlmostEqual(work[0]["flop"] / work[1]["flop"], 1, delta=0.2)   # cells that are known may differ
        if "bf16" in {p["dtype"] for p in f32["products"]}:
            self.assertAlmostEqual(work[0]["bytes"] / work[1]["bytes"], 2, delta=0.4)

    def test_dtype_that_the_processor_lacks(self):
        """It is multiplied in f32, whose rate says how many layers are traced: of a small model all."""
        result = self.bench(LLAVA, "--dtype", "bf16", "--json", env={"DNNL_MAX_CPU_ISA": "AVX2"})
        there = json.loads(self.succeeds(result).stdout)
        self.assertEqual({p["dtype"] for p in there["products"]}, {"f32"})
        work = [{p["name"]: p for p in r["phases"]}["trace.products"]["flop"] for r in (self.json(LLAVA), there)]
        self.assertAlmostEqual(work[0] / work[1], 1, delta=0.2)

    def test_weights_in_another_form(self):
        """What is read of the file and made of it: once per layer and walk, and not where one row is multiplied."""
        result = self.json("demo")
        self.assertEqual([list(w) for w in result["weights"]], [["dtype", "matrices", "elements", "bytes", "made_bytes"]])
        weights, phases = result["weights"][0], {p["name"]: p for p in result["phases"]}
        self.assertEqual((weights["dtype"], weights["matrices"]), ("BF16", 8 * 7))
        self.assertEqual((weights["bytes"], weights["made_bytes"]), (2 * weights["elements"], 4 * weights["elements"]))
        loading = phases["first.loading"]                   # of the vectors, too
        self.assertAlmostEqual(loading["written"] / weights["made_bytes"], 1, delta=0.02)
        self.assertAlmostEqual(loading["written"] / loading["bytes"], 2, delta=0.02)
        self.assertGreater(loading["bound_seconds"], 0)
        for phase in phases.values():
            if phase["name"].endswith((".products", ".attention", ".read_out", ".rest")):
                self.assertEqual(phase["written"], 0)
        if "bf16" in {p["dtype"] for p in result["products"]}:
            lies = self.json("demo", "--dtype", "bf16")["weights"][0]
            self.assertEqual((lies["bytes"], lies["made_bytes"]), (weights["bytes"], 0))
            info = json.loads(self.program("info", "demo", "--json").stdout)
            self.assertEqual(phases["ask.read_out"]["bytes"], (2 if FEW_ROWS else 4) * info["vocab"] * info["d_model"])   # one row

    def test_quantised_file(self):
        """Each dtype of the file stands in the table with its bytes."""
        text = self.succeeds(self.bench(DATA / "model/gguf/qwen2.gguf")).stdout
        self.assertRegex(text, r"(?m)^weights +BF16 [0-9.]+ MB; a walk of many rows makes [0-9.]+ MB of f32 of them")
        self.assertRegex(self.succeeds(self.bench(LLAMA)).stdout, r"(?m)^weights +F32 [0-9.]+ MB, used as they lie in the file$")

    def test_threads(self):
        self.assertEqual(self.json(LLAMA, "--threads", 2)["machine"]["threads"], 2)

    def test_memory(self):
        """Less of it cuts the largest products, and is enough for small models."""
        rows = [p["m"] for p in self.json(LLAMA, "--memory", "32M")["products"] if (p["n"], p["k"]) == (1024, 1024)]
        self.assertLess(max(rows), 4096)
        self.fails(self.bench(LLAMA, "--memory", "1K"), "at least")

    def test_progress(self):
        result = self.succeeds(self.program("bench", LLAMA))
        self.assertIn("measuring this machine", result.stderr)

    def test_misuse(self):
        self.misused(self.bench(LLAMA, LLAVA), "MODEL")
        self.misused(self.bench(LLAMA, "--question", "What?"), "--question")
        self.fails(self.bench(self.folder / "nowhere"), "nowhere")

    def test_default_is_demo(self):
        result = self.program("bench", "--quiet", env={"PATCHBAY_MODELS": str(self.folder)})
        self.fails(result, "demo")

    def test_every_option_has_a_test(self):
        listed = set(re.findall(r"^  --([a-z-]+)", self.program("bench", "--help").stdout, re.M))
        common = {"vision-tower", "mmproj", "edit", "lora", "seed", "help"}   # as everywhere: test_options
        self.assertEqual(listed - common, {"dtype", "threads", "memory", "json", "quiet"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
