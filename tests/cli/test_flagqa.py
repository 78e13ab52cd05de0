"""`dataset generate flagqa`: the set as it is written, the same at the same seed, whole or not at all. The flags are made up: a
few stripes each, half of the picture transparent."""
import collections
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from common import PROGRAM, ProgramTest, png, run

FACTS = Path(__file__).resolve().parents[2] / "src/data/flagqa/facts.json"


def shown_countries():
    return [c for c in json.loads(FACTS.read_text(encoding="utf-8"))["countries"] if "split" in c]


def make_flags(folder):
    """A picture of 32 x 24 for each country, each of its own colours."""
    folder.mkdir()
    for n, country in enumerate(shown_countries()):
        colours = [hashlib.sha256(f"{n} {i}".encode()).digest()[:3] for i in range(3)]
        rows = b"".join(b"\0" + b"".join(colours[y // 8] + bytes([255 if x < 28 else 128]) for x in range(32)) for y in range(24))
        png(folder / f"{country['iso']}.png", 32, 24, rows, colour=6)


def digest(folder):
    """{path: SHA-256} of all files."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


class TheSet(unittest.TestCase):
    """One set, made once."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
        make_flags(cls.folder / "flags")
        cls.out = cls.folder / "out"
        cls.result = run("dataset", "generate", "flagqa", "--flags", cls.folder / "flags", "--out", cls.out, "--json", "--quiet",
                         timeout=300)
        assert cls.result.returncode == 0, cls.result.stderr
        lines = (cls.out / "flagqa.jsonl").read_text(encoding="utf-8").splitlines()
        cls.rows = [json.loads(line) for line in lines]
        cls.by_id = {row["id"]: row for row in cls.rows}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def each(self):
        for row in self.rows:
            with self.subTest(row["id"]):
                yield row

    def test_counts(self):
        told = json.loads(self.result.stdout)
        self.assertEqual((told["schema"], told["rows"], told["kept"], told["marked"]), ("patchbay.dataset/1", len(self.rows), len(self.rows), {}))
        self.assertGreaterEqual(len(self.rows), 9700)
        self.assertGreaterEqual(sum(row["caution"] is None for row in self.rows), 9700)
        self.assertEqual(len(self.by_id), len(self.rows))
        self.assertEqual(len({row["subject"] for row in self.rows}), 231)
        relations = collections.Counter(row["relation"] for row in self.rows)
        self.assertEqual(len(relations), 15)
        self.assertEqual({r: sum(n.values()) for r, n in told["relations"].items()}, dict(relations))
        self.assertEqual(told["splits"], dict(collections.Counter(row["split"] for row in self.rows)))
        forms = collections.Counter(row["form"] for row in self.rows)
        self.assertGreater(min(forms.values()), 2000)
        self.assertEqual(told["pictures"], len(list((self.out / "pictures").iterdir())))

    def test_the_card_has_the_counts(self):
        card = (self.out / "README.md").read_text(encoding="utf-8")
        self.assertNotIn("{{", card)
        self.assertIn(f"{len(self.rows)} questions", card)
        for word in ("## Counts", "## Sources and licences", "## Known flaws", "| test | 77 |"):
            self.assertIn(word, card)

    def test_rows_are_what_other_commands_read(self):
        result = run("dataset", "check", self.out / "flagqa.jsonl", "--quiet")
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_constraints_stand_where_they_are_said_to(self):
        for row in self.each():
            kinds = [c["kind"] for c in row["constraints"]]
            self.assertEqual(kinds[0], "textual" if row["form"] == "textual" else "visual")
            self.assertEqual(kinds[1:], ["textual"] * (len(kinds) - 1))
            for c in row["constraints"]:
                self.assertEqual(row["question"][c["start"]:c["end"]], c["text"])

    def test_twins(self):
        for row in self.each():
            self.assertEqual(row["image"] is None, row["form"] == "textual")
            if row["relation"] == "name":
                self.assertIsNone(row["twin"])
                continue
            twin = self.by_id[row["twin"]]
            self.assertEqual((twin["twin"], twin["answers"], twin["wording"]), (row["id"], row["answers"], row["wording"]))
            self.assertNotEqual(twin["form"] == "textual", row["form"] == "textual")

    def test_a_subject_has_one_split_and_one_picture_its_subject(self):
        splits, pictures = collections.defaultdict(set), collections.defaultdict(set)
        for row in self.rows:
            splits[row["subject"]].add(row["split"])
            pictures[row["image"]].add(row["subject"])
        self.assertEqual({len(s) for s in splits.values()}, {1})
        self.assertEqual({len(s) for image, s in pictures.items() if image}, {1})

    def test_names_are_of_one_country(self):
        of = collections.defaultdict(set)
        for row in self.rows:
            if row["relation"] == "name":
                for name in row["answers"]:
                    of[name.lower()].add(row["iso"])
        self.assertEqual({name: isos for name, isos in of.items() if len(isos) > 1}, {})

    def test_capitals_like_the_name_have_a_caution(self):
        caution = {row["iso"]: row["caution"] for row in self.rows if row["relation"] == "capital"}
        self.assertEqual([caution[k] for k in ("mx", "sg", "fr", "pt", "jp")], ["name", "name", "paris", None, None])

    def test_counterfactuals(self):
        for row in self.each():
            other = row["counterfactual"]
            self.assertNotIn(row["constraints"][0]["text"].lower(), (row.get("swap") or "").lower().split("/"))
            if "swap_image" in row:
                self.assertTrue((self.out / row["swap_image"]).exists())
                self.assertNotEqual(row["swap_image"], row["image"])
                self.assertNotEqual(other["subject"], row["subject"])
            if "foil" in row:
                self.assertEqual(row["foil"], other["answers"][0])
                self.assertFalse({a.lower() for a in other["answers"]} & {a.lower() for a in row["answers"]})
            if "foil_textual" in row:
                self.assertEqual(row["foil_textual"], other["textual"]["answers"][0])
                self.assertNotIn(row["foil_textual"], row["answers"])
        visual = [row for row in self.rows if row["form"] == "visual"]
        self.assertTrue(all("swap" in r and "swap_image" in r and "foil" in r for r in visual))

    def test_one_neighbour_alone_has_the_value(self):
        """Told from the set itself: no other neighbour that it knows has the value among its answers."""
        near = {row["iso"]: {a.lower() for a in row["answers"]} for row in self.rows if row["relation"] == "neighbour"}
        spoken = {row["subject"].lower(): {a.lower() for a in row["answers"]} for row in self.rows if row["relation"] == "language"}
        for row in self.each():
            if row["relation"] == "neighbour_language":
                value = row["constraints"][1]["text"].lower()
                having = {name for name in near[row["iso"]] if value in spoken.get(name, ())}
                self.assertEqual(having, {row["answers"][0].lower()} & set(spoken))

    def test_requests(self):
        lines = (self.out / "requests.jsonl").read_text(encoding="utf-8").splitlines()
        self.assertGreater(len(lines), 900)
        for row in map(json.loads, lines):
            self.assertNotIn(row["target"].lower(), {a.lower() for a in row["answers"]})
            images = [r["image"] for r in row["rephrasings"] if "image" in r]
            self.assertEqual(len(images), 3)
            self.assertEqual(len(row["rephrasings"]), 6)
            self.assertTrue(all(i != row["image"] and i.split("/")[1][:2] == row["iso"] for i in images))

    def test_the_same_seed_makes_the_same_bytes(self):
        again = self.folder / "again"
        result = run("dataset", "generate", "flagqa", "--flags", self.folder / "flags", "--out", again, "--threads", "3", "--quiet",
                     timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(digest(self.out), digest(again))


class Failures(ProgramTest):
    def generate(self, flags, *args, **kwargs):
        return self.program("dataset", "generate", "flagqa", "--flags", flags, "--out", self.folder / "out-1", "--quiet", *args, **kwargs)

    def test_the_line(self):
        self.misused(run("dataset", "generate"), "flagqa")
        self.misused(run("dataset", "generate", "flagqa"), "--flags")
        self.misused(run("dataset", "generate", "flagqa", "--flags", self.folder), "--out")
        self.misused(self.generate(self.folder, "--seed", "x"), "--seed")
        self.misused(self.generate(self.folder, "--seed", "-1"), "--seed")
        result = run("dataset", "generate", "cocoqa", "--flags", self.folder, "--out", self.folder / "x", "--quiet")
        self.assertEqual(result.returncode, 1)
        self.assertIn('there is no data set "cocoqa"', result.stderr)

    def test_flags_that_are_not_there(self):
        missing = self.folder / "no-flags"
        self.failed(self.generate(missing), f"{missing}: there is no such folder of flags")
        make_flags(self.folder / "flags")
        (self.folder / "flags/jp.png").unlink()
        self.failed(self.generate(self.folder / "flags"), "1 of 231 flags are missing; the first is jp.png")

    def test_a_flag_that_is_no_picture(self):
        make_flags(self.folder / "flags")
        (self.folder / "flags/ae.png").write_text("no picture")
        self.failed(self.generate(self.folder / "flags"), "ae.png: is no PNG picture")

    def test_a_folder_that_holds_something_is_left_alone(self):
        make_flags(self.folder / "flags")
        out = self.folder / "out-1"
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        result = self.generate(self.folder / "flags")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is there already, and not empty", result.stderr)
        self.assertEqual([p.name for p in out.iterdir()], ["notes.txt"])

    def test_a_full_disk_leaves_nothing(self):
        make_flags(self.folder / "flags")

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        self.failed(self.generate(self.folder / "flags", preexec_fn=limit), "flagqa.jsonl")

    def test_a_signal_leaves_nothing(self):
        make_flags(self.folder / "flags")
        out = self.folder / "out-1"
        process = subprocess.Popen([PROGRAM, "dataset", "generate", "flagqa", "--flags", str(self.folder / "flags"), "--out", str(out)],
                                   stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        for _ in range(600):
            if list(out.glob(".patchbay-*/pictures/*")):
                break
            time.sleep(.05)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        self.assertNotEqual(process.returncode, 0)
        self.assertFalse(out.exists())

    def failed(self, result, words):
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(words, result.stderr.split("\n")[0])
        self.assertEqual(result.stdout, "")
        self.assertFalse((self.folder / "out-1").exists())


if __name__ == "__main__":
    unittest.main()
