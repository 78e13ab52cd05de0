"""Sweeps that end in every way: killed, stopped, out of disk, one of several ranks gone. What they leave is whole, started again they
do what is missing, and in the end the store says what an undisturbed sweep's says.

The test suite runs a small form, on a tiny model. The full one, of 200 questions killed 200 times, on the demo model too:

    export PATCHBAY=build/patchbay PATCHBAY_TEST_DATA=tests/data PATCHBAY_SWEEP=200x200
    python3 tests/cli/test_sweep_ends.py -v
    PATCHBAY_SWEEP_MODEL=demo python3 tests/cli/test_sweep_ends.py -v
"""
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest
from contextlib import closing
from pathlib import Path

from common import DATA, LLAVA, PROGRAM, ProgramTest, run

QUESTIONS, KILLS = map(int, os.environ.get("PATCHBAY_SWEEP", "24x10").split("x"))
MODEL = os.environ.get("PATCHBAY_SWEEP_MODEL", str(LLAVA))
RANK_KILLS = max(3, KILLS // 10)
DEMO = DATA.resolve().parent.parent / "models/demo"
# What of the tables depends on the work alone: not what it took.
TABLES = {
    "about": "SELECT key, value FROM about ORDER BY key",
    "question": "SELECT * FROM question ORDER BY number",
    "result": "SELECT question, status, reason, answer, correct, clean_prob, corrupted_prob, detail FROM result ORDER BY question",
    "value": "SELECT * FROM value ORDER BY question, name",
    "curve": "SELECT * FROM curve ORDER BY question, name, class",
    "grid": "SELECT * FROM grid ORDER BY question, name",
}
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]


def no_ranks():
    """Why there are no sweeps by mpirun here; None: there are."""
    if not shutil.which("mpirun"):
        return "no mpirun here (apt-get install openmpi-bin)"
    if "libmpi" not in subprocess.run(["ldd", PROGRAM], stdout=subprocess.PIPE, encoding="utf-8").stdout:
        return "patchbay was built without MPI"
    return None


def write_rows(path, count):
    """The demo's questions, again and again, each with an id of its own."""
    lines = [line for line in (DEMO / "questions.jsonl").read_text().splitlines() if line.strip()]
    with path.open("w") as out:
        for i in range(count):
            line = lines[i % len(lines)].replace('"pictures/', f'"{DEMO.resolve()}/pictures/')
            out.write(line.replace('"id": "demo-', f'"id": "{i // len(lines)}-') + "\n")


def rank_processes(mpirun):
    """The processes that this mpirun started: [pid]."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == mpirun and "(patchbay" in name:
            found.append(int(stat.parent.name))
    return found


class SweepEnds(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = Path(subprocess.run(["mktemp", "-d"], stdout=subprocess.PIPE, encoding="utf-8").stdout.strip())
        cls.rows = cls.shared / "rows.jsonl"
        write_rows(cls.rows, QUESTIONS)
        began = time.monotonic()
        result = run(*cls.command(cls.shared / "undisturbed.db"), timeout=3600)
        cls.seconds = time.monotonic() - began
        assert result.returncode == 0, result.stderr
        cls.undisturbed = cls.contents(cls.shared / "undisturbed.db")
        assert len(cls.undisturbed["result"]) == QUESTIONS

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def setUp(self):
        super().setUp()
        self.store = self.folder / "results.db"
        self.random = random.Random(f"{self.id()} {QUESTIONS}x{KILLS}")

    @classmethod
    def command(cls, store, *more, method=("--method", "trace", "--corrupt", "image:@other", "--include-wrong")):
        return ["sweep", MODEL, str(cls.rows), *map(str, method), "--store", str(store), "--threads", "1", "--quiet",
                *map(str, more)]

    @staticmethod
    def contents(store):
        with closing(sqlite3.connect(store)) as db:
            return {name: db.execute(query).fetchall() for name, query in TABLES.items()}

    def started(self, store, *more, before=(), method=None, **kwargs):
        # Open MPI keeps what it allocates until the process ends. Leaks of ours are looked for in test_crew.c, where threads
        # are the ranks.
        kwargs["env"] = {**os.environ, **({"ASAN_OPTIONS": "detect_leaks=0"} if before else {})}
        command = self.command(store, *more, **({"method": method} if method else {}))
        return subprocess.Popen([*before, PROGRAM, *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **kwargs)

    def finish(self, store=None, **kwargs):
        return self.succeeds(run(*self.command(store or self.store), timeout=3600, **kwargs))

    def reported(self, store):
        """The CSVs of its report: {name: bytes}"""
        out = self.folder / f"report-{store.stem}"
        shutil.rmtree(out, ignore_errors=True)
        self.succeeds(run("report", store, "--out", out, timeout=3600))
        tables = {path.name: path.read_bytes() for path in out.glob("*.csv")}
        self.assertLessEqual({"questions.csv", "aie.csv"}, set(tables))
        return tables

    def assertUndisturbed(self, store=None):
        store = store or self.store
        contents = self.contents(store)
        for table in TABLES:
            self.assertEqual(contents[table], self.undisturbed[table], table)
        tables = self.reported(store)
        for name, table in self.reported(self.shared / "undisturbed.db").items():
            self.assertEqual(tables.pop(name), table, name)
        self.assertEqual(tables, {})

    def done(self, store=None):
        """Numbers of the questions that are done; also that the store is whole, as any program sees it."""
        store = store or self.store
        if not store.exists():
            return set()
        with closing(sqlite3.connect(store)) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
            self.assertEqual(db.execute("SELECT count(*) FROM result WHERE status = 'done' AND NOT EXISTS "
                                        "(SELECT * FROM curve WHERE curve.question = result.question)").fetchone(), (0,))
            return {number for number, in db.execute("SELECT question FROM result")}

    # ---- killed ----

    def test_killed_at_any_moment(self):
        kills = finished = 0
        before = set()
        while kills < KILLS:
            process = self.started(self.store)
            try:
                process.communicate(timeout=self.random.uniform(0, 2.5 * self.seconds / QUESTIONS + 0.15))
                self.assertEqual(process.returncode, 0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
            now = self.done()
            self.assertLessEqual(before, now)
            before = now
            if len(now) == QUESTIONS and kills < KILLS: # that one is through: another for the kills that are left
                self.finish()
                self.assertUndisturbed()
                self.store.unlink()
                finished, before = finished + 1, set()
        self.finish()
        self.assertUndisturbed()
        print(f"\n{kills} kills, {finished + 1} stores of {QUESTIONS} questions", flush=True)

    def test_stopped_by_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.started(self.store)
            while len(self.done()) < 2 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(number)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, -number)
        self.assertIn(len(self.done()), range(2, QUESTIONS))
        self.finish()
        self.assertUndisturbed()

    # Of edits that would take hours: so it is not their end that is waited for.
    ENDLESS = ("--method", "edit", "--target", "Rome", "--steps", 1000000, "--lr", 0.0001)

    def endless(self, **kwargs):
        process = self.started(self.store, method=self.ENDLESS, **kwargs)
        while not self.store.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(1) # the search has begun
        self.assertIsNone(process.poll())
        return process

    def assertNothingIsSaid(self):
        self.assertEqual(self.done(), set())
        self.assertFalse(any(self.folder.glob("*.db-*")))

    def test_a_signal_gives_up_what_is_in_hand(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.endless()
            process.send_signal(number)
            out, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, -number)
            self.assertIn(f"0 of {QUESTIONS} questions are done", out)
            self.assertIn(f"the same command goes on from here: {QUESTIONS} questions", errors)
            self.assertNothingIsSaid()

    # ---- several ranks ----

    @unittest.skipIf(no_ranks(), no_ranks())
    def test_all_ranks_give_up_what_they_have_in_hand(self):
        for which in (0, 1):
            process = self.endless(before=[*MPIRUN, "-n", "2"], start_new_session=True)
            ranks = {pid: Path(f"/proc/{pid}/environ").read_bytes() for pid in rank_processes(process.pid)}
            self.assertEqual(len(ranks), 2)
            for pid, environment in ranks.items():
                if f"OMPI_COMM_WORLD_RANK={which}\0".encode() in environment:
                    os.kill(pid, signal.SIGTERM)
            process.communicate(timeout=60)
            self.wait_until_gone(ranks)
            self.assertNothingIsSaid()

    def wait_until_gone(self, processes):
        """mpirun kills the other ranks and ends, perhaps before the last of them has."""
        until = time.monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in processes):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    @unittest.skipIf(no_ranks(), no_ranks())
    def test_one_of_four_ranks_is_killed(self):
        kills = 0
        while kills < RANK_KILLS:
            process = self.started(self.store, before=[*MPIRUN, "-n", "4"], start_new_session=True)
            try:
                process.communicate(timeout=self.random.uniform(0.3, 1 + 4 * self.seconds / RANK_KILLS))
            except subprocess.TimeoutExpired:
                ranks = rank_processes(process.pid)
                if len(ranks) == 4:
                    os.kill(self.random.choice(ranks), signal.SIGKILL)
                    kills += 1
                    process.communicate(timeout=60)
                    self.wait_until_gone(ranks)
                    if len(self.done()) < QUESTIONS: # else the rank may have been through with all it had to do
                        self.assertNotEqual(process.returncode, 0)
                else:
                    process.communicate(timeout=600)
            if len(self.done()) == QUESTIONS and kills < RANK_KILLS:
                self.assertUndisturbed()
                self.store.unlink()
        self.succeeds(run(*self.command(self.store), timeout=600)) # what four began, one may end
        self.assertUndisturbed()

    @unittest.skipIf(no_ranks(), no_ranks())
    def test_ranks_fill_the_same_store(self):
        for ranks in (2, 4):
            store = self.folder / f"{ranks}.db"
            process = self.started(store, before=[*MPIRUN, "-n", str(ranks)])
            out, errors = process.communicate(timeout=600)
            self.assertEqual(process.returncode, 0, errors)
            self.assertEqual(out.count("questions are done"), 1, out)
            self.assertUndisturbed(store)

    @unittest.skipIf(no_ranks(), no_ranks())
    def test_ranks_say_together_what_they_will_take(self):
        loud = [word for word in self.command(self.store, "--limit", 4) if word != "--quiet"]
        result = subprocess.run([*MPIRUN, "-n", "2", PROGRAM, *loud], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8", timeout=600,
                                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.succeeds(result)
        said = re.findall(r"^4 questions, (\S+) TFLOP, about \S+ s on 2 processes like this one\n\d+ waves? over the layers", result.stderr,
                          re.MULTILINE)
        self.assertEqual(len(said), 1, result.stderr)
        with closing(sqlite3.connect(self.store)) as db:
            counted = db.execute("select sum(flop) from result").fetchone()[0]
        self.assertTrue(0.6 < 1e12 * float(said[0]) / counted < 1.6, (said, counted))

    # ---- shards ----

    def test_shards_are_merged(self):
        parts = [self.folder / f"part-{i}.db" for i in range(3)]
        for i, part in enumerate(parts):
            self.succeeds(run(*self.command(part, "--shard", f"{i}/3"), timeout=600))
        sizes = [len(self.done(part)) for part in parts]
        self.assertEqual(sum(sizes), QUESTIONS)
        self.assertTrue(all(0 < n < QUESTIONS for n in sizes), sizes)
        self.succeeds(run("sweep", "--merge", *reversed(parts), "--store", self.store))
        self.assertUndisturbed()
        self.succeeds(run("sweep", "--merge", parts[0], self.store, "--store", parts[0])) # all there already
        self.assertUndisturbed(parts[0])

    # ---- the disk ----

    def test_files_that_may_not_grow(self):
        size = (self.shared / "undisturbed.db").stat().st_size

        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, resource.RLIM_INFINITY))

        result = run(*self.command(self.store), timeout=600, preexec_fn=limited)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(f"{self.store}: cannot be written: File too large", result.stderr)
        self.assertIn(len(self.done()), range(1, QUESTIONS))
        self.finish()
        self.assertUndisturbed()

    def test_a_disk_that_fills_up(self):
        disk = self.folder / "disk"
        disk.mkdir()
        size = (self.shared / "undisturbed.db").stat().st_size
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={6 * size}", "none", str(disk)],
                                               stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("a small disk cannot be mounted here")
        try:
            store, ballast = disk / "results.db", disk / "ballast"
            free = os.statvfs(disk)
            ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - size))
            for _ in range(2): # the second time there is no room from the start
                result = run(*self.command(store), timeout=600)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(f"{store}: cannot be ", result.stderr)
                self.assertIn("the disk is full", result.stderr)
            ballast.unlink()
            self.assertIn(len(self.done(store)), range(1, QUESTIONS))
            self.finish(store)
            self.assertUndisturbed(store)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    # ---- what is refused ----

    def refused(self, *words):
        before = self.store.read_bytes()
        for command in (self.command(self.store), ["report", str(self.store), "--out", str(self.folder / "report")]):
            result = run(*command)
            self.assertEqual(result.returncode, 1, result.stderr)
            for word in (str(self.store), *words):
                self.assertIn(word, result.stderr)
        self.assertEqual(self.store.read_bytes(), before)

    def test_two_sweeps_at_once(self):
        first = self.started(self.store)
        while not self.done() and first.poll() is None:
            time.sleep(0.01)
        second = run(*self.command(self.store))
        self.assertIsNone(first.poll(), "the first one was through too early")
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(f"{self.store}: is being written by process {first.pid} ", second.stderr)
        first.communicate(timeout=600)
        self.assertEqual(first.returncode, 0)
        self.assertUndisturbed()

    def test_a_newer_store(self):
        shutil.copy(self.shared / "undisturbed.db", self.store)
        with closing(sqlite3.connect(self.store)) as db:
            db.execute("PRAGMA user_version = 2")
        self.refused("is a store of version 2")

    def test_a_damaged_store(self):
        whole = (self.shared / "undisturbed.db").read_bytes()
        self.store.write_bytes(whole[:len(whole) // 2])
        self.refused("is damaged")
        page = 4096 * self.random.randrange(1, len(whole) // 4096)
        self.store.write_bytes(whole[:page] + b"\xee" * 64 + whole[page + 64:])
        self.refused("is damaged")
        self.store.write_bytes(b"")
        self.refused("is an empty file")
        self.store.write_bytes(b"id,answer\n")
        self.refused("is no store of results")

    def test_other_work(self):
        shutil.copy(self.shared / "undisturbed.db", self.store)
        result = run(*self.command(self.store, "--window", 2))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("holds results of another work: other options: its \"window\"", result.stderr)
        self.assertUndisturbed()


if __name__ == "__main__":
    unittest.main()
