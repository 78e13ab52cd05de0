"""Budgets of models whose vision tower takes more than the decoder (tests/api/test_memory.c has those of the demo model)."""
import json
import subprocess
import unittest
from pathlib import Path

from common import CONSTRAINT, LLAVA, PICTURE, PROGRAM, QUESTION, ProgramTest, read_tensors, write_tensors

WIDTH, HIDDEN = 1280, 5120   # of the tower: a layer of BF16 weights takes 79 MB in f32


class WideTower(ProgramTest):
    def setUp(self):
        super().setUp()
        self.model = self.with_config(vision_config__hidden_size=WIDTH, vision_config__intermediate_size=HIDDEN)
        small = json.loads((LLAVA / "config.json").read_text())["vision_config"]
        wide = {small["hidden_size"]: WIDTH, small["intermediate_size"]: HIDDEN}
        tensors = read_tensors(LLAVA / "model.safetensors")
        for name, (dtype, shape, _) in tensors.items():
            if name.startswith("vision_tower.") or name == "multi_modal_projector.linear_1.weight":
                shape = [wide.get(n, n) for n in shape]
                count = 1
                for n in shape:
                    count *= n
                tensors[name] = (dtype, shape, bytes(2 * count))
        write_tensors(self.model / "model.safetensors", tensors)

    def peak(self, *args):
        """Runs the program; the most anonymous memory that it was seen to have, in bytes."""
        most = 0
        with subprocess.Popen([PROGRAM, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            status = Path(f"/proc/{process.pid}/status")
            while process.poll() is None:
                for line in status.read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]) * 1024)
            self.assertEqual(process.returncode, 0, process.stderr.read())
        return most

    def test_the_towers_way_is_in_the_budget(self):
        about = ("--image", PICTURE, "--question", QUESTION, "--constraint", CONSTRAINT, "--threads", 1, "--quiet")
        for command, *options in (("ask",), ("trace", "--out", self.folder / "t"), ("flow", "--out", self.folder / "f"),
                                  ("knockout", "--out", self.folder / "k"), ("lens", "--out", self.folder / "l")):
            with self.subTest(command):
                line = (command, self.model, *about, *options)
                least = 0
                for _ in range(4):   # an error may come before all is known that a command holds
                    refused = self.program(*line, "--memory", f"{least or 1}M")
                    if refused.returncode == 0:
                        break
                    self.assertIn("give --memory ", refused.stderr)
                    named = int(refused.stderr.split("give --memory ")[1].split("M")[0])
                    self.assertGreater(named, least)
                    least = named
                self.assertEqual(refused.returncode, 0, refused.stderr)
                self.assertGreaterEqual(least, 75)
                self.assertLess(self.peak(*line, "--memory", f"{least}M"), 1.05 * least * 2**20)



if __name__ == "__main__":
    unittest.main()
