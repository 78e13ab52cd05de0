"""`dump` as a user meets it: the arrays that NumPy reads, what dump.json says of them, what it refuses and leaves."""
import json
import re
import signal
import struct
import subprocess
import time
import unittest

from common import DATA, LLAMA, LLAVA, PICTURE, PROGRAM, QUESTION, ProgramTest, read_tensors, write_tensors
from test_output import limit_files

SITES = ("resid_pre", "attn_out", "mlp_out", "resid_post", "head_out", "mlp_post")


def array(path):
    """A .npy file by its format's definition: its shape, and its numbers in C order."""
    data = path.read_bytes()
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError(f"{path}: no .npy 1.0")
    end = 10 + struct.unpack("<H", data[8:10])[0]
    header = re.fullmatch(r"\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]+)\), \} *\n", data[10:end].decode())
    shape = [int(n) for n in header.group(1).split(",")]
    numbers = struct.unpack(f"<{(len(data) - end) // 4}f", data[end:])
    return shape, numbers


class Dump(ProgramTest):
    def dump(self, *args, model=LLAVA, question=QUESTION, image=PICTURE, **kwargs):
        given = [model, "--quiet", "--threads", 1]
        for name, value in (("--question", question), ("--image", image)):
            given += [name, value] if value is not None else []
        return self.program("dump", *given, *args, **kwargs)

    def arrays(self, *args, **kwargs):
        """dump.json, and {site: (shape, numbers)}."""
        out = self.folder / f"dump-{len(list(self.folder.iterdir()))}"
        said = json.loads(self.succeeds(self.dump("--out", out, "--json", *args, **kwargs)).stdout)
        self.assertEqual(json.loads((out / "dump.json").read_text()), said)
        self.assertEqual({p.name for p in out.iterdir()}, {"dump.json"} | {s["file"] for s in said["sites"].values()})
        return said, {name: array(out / site["file"]) for name, site in said["sites"].items()}

    def test_every_option_has_a_test(self):
        listed = set(re.findall(r"^  --([a-z-]+)", self.program("dump", "--help").stdout, re.M))
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        common = {"vision-tower", "mmproj", "edit", "lora", "image", "question", "constraint", "occurrences", "prefill", "template",
                  "prompt", "dtype", "threads", "seed", "quiet", "help", "image-order"}
        self.assertEqual(listed - tested - common, set())

    def test_form(self):
        said, arrays = self.arrays("--constraint", "this country")
        self.assertEqual(list(said), ["schema", "model", "image", "prompt", "question", "tokens", "constraints", "image_areas",
                                        "sites", "layers", "positions",
                                      "next", "cost"])
        self.assertEqual(said["schema"], "patchbay.dump/1")
        self.assertEqual(list(said["sites"]), ["attn_out", "mlp_out", "resid_post"])
        self.assertEqual(said["sites"]["mlp_out"]["hook"], "blocks.{l}.hook_mlp_out")
        rows = sum(t.get("count", 1) for t in said["tokens"])
        self.assertEqual(said["positions"], list(range(rows)))
        asked = json.loads(self.succeeds(self.program("ask", LLAVA, QUESTION, "--image", PICTURE, "--json")).stdout)
        self.assertSame([t["prob"] for t in said["next"]], [t["prob"] for t in asked["top"]])
        for name, (shape, numbers) in arrays.items():
            self.assertEqual(shape, said["sites"][name]["shape"])
            self.assertEqual(len(numbers), shape[0] * shape[1] * shape[2])
            self.assertEqual(said["sites"][name]["not_finite"], 0)

    def test_sites(self):
        for model, image in ((LLAVA, PICTURE), (DATA / "model/bunny", PICTURE), (DATA / "model/phi", None), (LLAMA, None),
                             (DATA / "model/qwen2", None)):
            with self.subTest(model):
                said, arrays = self.arrays("--sites", ",".join(SITES), model=model, image=image)
                config = json.loads((model / "config.json").read_text())
                config = config.get("text_config", config)
                self.assertEqual(arrays["mlp_post"][0][2], config["intermediate_size"])
                self.assertEqual(arrays["head_out"][0][2], config["hidden_size"])
                pre, attn, mlp, post = (arrays[s][1] for s in SITES[:4])
                for a, b, c, d in zip(pre, attn, mlp, post):
                    self.assertAlmostEqual(a + b + c, d, delta=1e-5)
                layer = arrays["resid_pre"][0][1] * arrays["resid_pre"][0][2]
                self.assertTrue(pre[layer:] == post[:-layer])
        said, arrays = self.arrays("--sites", "vision.attn_out,vision.resid_post,proj.hook_out", "--positions", "last")
        self.assertEqual({name: site["of"] for name, site in said["sites"].items()},
                         {"vision.attn_out": "tower", "vision.resid_post": "tower", "proj.out": "projector"})
        _, decoder = self.arrays("--sites", "resid_pre", "--layers", "0:1", "--positions", "image")
        self.assertEqual(arrays["proj.out"], decoder["resid_pre"])            # the picture's rows are the decoder's input
        self.fails(self.dump("--sites", "vision.attn_out", image=None), "vision.attn_out", "--image")
        self.fails(self.dump("--sites", "mlp"), '"mlp"', "mlp_post", "vision.mlp_out")
        self.fails(self.dump("--sites", ""), "--sites")

    def test_layers(self):
        _, every = self.arrays()
        said, one = self.arrays("--layers", "1:2")
        self.assertEqual(said["layers"], [1])
        for name in every:
            size = len(one[name][1])
            self.assertTrue(every[name][1][size:2 * size] == one[name][1])

    def test_positions(self):
        _, every = self.arrays("--sites", "mlp_post")
        said, some = self.arrays("--sites", "mlp_post", "--positions", "2:4,last")
        (layers, rows, width), numbers = every["mlp_post"]
        self.assertEqual(said["positions"], [2, 3, rows - 1])
        expected = [numbers[(l * rows + p) * width + i] for l in range(layers) for p in said["positions"] for i in range(width)]
        self.assertTrue(list(some["mlp_post"][1]) == expected)

    def test_memory(self):
        result = self.dump("--memory", "1K")
        self.fails(result, "this dump needs at least")
        least = re.search(r"--memory (\d+M)", result.stderr).group(1)
        self.assertTrue(self.arrays("--memory", least)[1] == self.arrays()[1])

    def test_out(self):
        out = self.folder / "a/b"
        printed = self.succeeds(self.dump("--out", out)).stdout
        self.assertRegex(printed, r"resid_post\.npy  float32 \[4 layers, \d+ rows, 32\]")
        self.succeeds(self.dump(cwd=self.folder))
        self.assertTrue((self.folder / "patchbay-dump/dump.json").exists())

    def test_json(self):
        """A dump without files would be nothing: they are written with --json too."""
        said = json.loads(self.succeeds(self.dump("--json", cwd=self.folder)).stdout)
        self.assertTrue((self.folder / "patchbay-dump" / said["sites"]["resid_post"]["file"]).exists())

    # ---- what goes wrong ----

    def test_a_full_disk_leaves_nothing(self):
        for size in (0, 100, 5000, 9000):
            with self.subTest(size):
                left = self.folder / f"full-{size}"
                result = self.dump("--sites", "resid_post,mlp_post", "--out", left, preexec_fn=limit_files(size))
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn("cannot be written", result.stderr)
                self.assertFalse(left.exists())

    def test_earlier_files_stay_when_it_fails(self):
        out = self.folder / "kept"
        out.mkdir()
        (out / "resid_post.npy").write_text("old")
        self.assertEqual(self.dump("--out", out, preexec_fn=limit_files(2000)).returncode, 1)
        self.assertEqual([p.name for p in out.iterdir()], ["resid_post.npy"])
        self.assertEqual((out / "resid_post.npy").read_text(), "old")

    def test_a_signal_leaves_nothing(self):
        out = self.folder / "interrupted"
        words = " ".join(["word"] * 200)
        process = subprocess.Popen([PROGRAM, "dump", LLAMA, "--question", words, "--sites", ",".join(SITES), "--out", out,
                                    "--threads", "1"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while process.poll() is None and not (out.exists() and any(out.iterdir())):
            time.sleep(0.0005)
        process.send_signal(signal.SIGINT)
        process.communicate()
        if process.returncode == 0:
            self.skipTest("it was done before")
        self.assertIn(process.returncode, (-signal.SIGINT, 130, 1))
        self.assertFalse(out.exists())

    def test_what_overflows_is_dumped_as_it_is(self):
        model = self.copy(LLAMA)
        tensors = read_tensors(model / "model.safetensors")
        name = next(n for n in tensors if "layers.0.mlp.down_proj" in n)
        dtype, shape, data = tensors[name]
        tensors[name] = (dtype, shape, struct.pack(f"<{len(data) // 4}f", *[3e38 * (-1) ** i for i in range(len(data) // 4)]))
        write_tensors(model / "model.safetensors", tensors)
        out = self.folder / "overflow"
        result = self.succeeds(self.dump("--out", out, "--sites", "resid_pre,resid_post", model=model, image=None))
        said = json.loads((out / "dump.json").read_text())
        self.assertEqual(said["next"], [])
        for site in ("resid_pre", "resid_post"):
            shape, numbers = array(out / said["sites"][site]["file"])
            bad = sum(not abs(x) < float("inf") for x in numbers)
            self.assertEqual(said["sites"][site]["not_finite"], bad)
            self.assertEqual(f"{site}: {bad} numbers" in result.stderr, bad > 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
