"""What the program leaves: whole files or none, and results on standard output only when they can be written there."""
import json
import os
import resource
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from common import LLAMA, LLAVA, PICTURE, PROGRAM, QUESTION, ProgramTest

FILES = {"trace.json", "trace.npz", "trace_attn.npz", "trace_mlp.npz", "trace.svg", "trace.html"}


def limit_files(size):
    """For a child: no file may grow beyond `size`; a write beyond it fails as on a full disk."""
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return apply


class Folders(ProgramTest):
    def names(self, folder):
        return {p.name for p in folder.iterdir()}

    def test_whole_sets(self):
        self.succeeds(self.trace(LLAVA))
        self.assertEqual(self.names(self.out), FILES)
        self.succeeds(self.trace(LLAVA, "--sites", "resid_pre"))
        self.assertLessEqual({"trace.json", "trace.svg", "trace.html"}, self.names(self.out))

    def test_files_are_replaced_and_others_left_alone(self):
        self.out.mkdir()
        (self.out / "trace.json").write_text("old")
        (self.out / "notes.txt").write_text("mine")
        out = self.out
        self.succeeds(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--out", out))
        self.assertEqual(self.names(out), FILES | {"notes.txt"})
        json.loads((out / "trace.json").read_text())

    def test_folders_above_are_made(self):
        out = self.folder / "a/b/c"
        self.succeeds(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--out", out))
        self.assertEqual(self.names(out), FILES)

    def test_a_failure_takes_its_new_folders_away(self):
        out = self.folder / "a/b/c"
        self.fails(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "that", "--out", out), "that")
        self.assertFalse((self.folder / "a").exists())

    def test_a_failure_leaves_what_was_there(self):
        out = self.folder / "kept"
        out.mkdir()
        (out / "trace.json").write_text("old")
        self.fails(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "that", "--out", out), "that")
        self.assertEqual((out / "trace.json").read_text(), "old")

    def test_the_default_folder(self):
        self.succeeds(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", cwd=self.folder))
        self.assertEqual(self.names(self.folder / "patchbay-trace"), FILES)

    def test_folders_that_cannot_be(self):
        blocker = self.folder / "file"
        blocker.write_text("")
        for out in (blocker, blocker / "below", "/proc/nothing", "/dev/null", "/dev/null/x", "", "/proc",
                    self.folder / ("x" * 300)):
            with self.subTest(out):
                arguments = ("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--out", out)
                self.fails(self.program(*arguments), Path(out).parent if "/" in str(out) else "folder")

    def test_a_folder_without_the_right(self):
        if os.geteuid() == 0:
            self.skipTest("root may write anywhere")
        self.out.mkdir(mode=0o555)
        self.assertEqual(self.trace(LLAVA).returncode, 1)

    def test_a_folder_in_a_files_place(self):
        out = self.folder / "taken"
        (out / "trace.html").mkdir(parents=True)
        result = self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--out", out)
        self.fails(result, out / "trace.html")
        self.assertEqual(self.names(out), {"trace.html"})


class FullDisks(ProgramTest):
    def test_no_room_for_a_file(self):
        """Each of the files in turn is the first that does not fit; none of the set stays."""
        self.succeeds(self.trace(LLAVA))
        sizes = sorted({p.stat().st_size for p in self.out.iterdir()})
        for size in [0, 1] + [s - 200 for s in sizes]:     # they differ a little from run to run: seconds
            with self.subTest(size=size):
                self.fails(self.trace(LLAVA, preexec_fn=limit_files(size)), self.out)

    def test_a_full_file_system(self):
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode:
            self.skipTest("mount is not permitted")
        try:
            result = self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--quiet", "--out",
                                  disk / "out")
            self.fails(result, disk)
            self.assertEqual(list(disk.iterdir()), [])
        finally:
            subprocess.run(["umount", disk], check=True)

    def test_standard_output_that_is_full(self):
        for arguments in (("info", LLAVA), ("info", LLAVA, "--json"), ("ask", LLAVA, QUESTION), ("--help",), ("--version",),
                          ("trace", "--help"), ("trace", LLAVA, "--question", QUESTION, "--constraint", "this", "--json")):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                result = self.program(*arguments, stdout=full)
                self.assertEqual(result.returncode, 1)
                self.assertIn("standard output", result.stderr)

    def test_standard_output_that_is_closed(self):
        for arguments in (("info", LLAVA), ("ask", LLAVA, QUESTION), ("trace", LLAVA, "--question", QUESTION,
                          "--constraint", "this country", "--out", self.folder / "closed")):
            with self.subTest(arguments):
                command = ["sh", "-c", 'exec "$@" >&-', "sh", PROGRAM, *map(str, arguments)]
                result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 1, result.stderr)
        json.loads((self.folder / "closed/trace.json").read_text())

    def test_everything_closed(self):
        command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", PROGRAM, "trace", str(LLAVA), "--question", QUESTION,
                   "--constraint", "this country", "--out", str(self.folder / "closed")]
        subprocess.run(command)
        for name in FILES:
            self.assertGreater((self.folder / "closed" / name).stat().st_size, 0)
        json.loads((self.folder / "closed/trace.json").read_text())

    def test_a_pipe_whose_reader_leaves(self):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            result = self.program("ask", LLAVA, QUESTION, stdout=writer)
        finally:
            os.close(writer)
        self.assertIn(result.returncode, (1, -signal.SIGPIPE))
        self.assertNotIn("Sanitizer", result.stderr)


class Streams(ProgramTest):
    def test_json_alone_writes_no_files(self):
        result = self.succeeds(self.program("trace", LLAVA, "--question", QUESTION, "--constraint", "this country", "--json",
                                            cwd=self.folder))
        self.assertEqual(json.loads(result.stdout)["schema"], "patchbay.trace/1")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_json_is_what_the_file_holds(self):
        result = self.succeeds(self.trace(LLAVA, "--json"))
        self.assertEqual(json.loads(result.stdout), json.loads((self.out / "trace.json").read_text()))

    def test_quiet_says_nothing(self):
        self.assertEqual(self.succeeds(self.trace(LLAVA)).stderr, "")
        self.assertEqual(self.succeeds(self.program("ask", LLAVA, QUESTION, "--quiet")).stderr, "")

    def test_schemas(self):
        info = json.loads(self.succeeds(self.program("info", LLAVA, "--json")).stdout)
        self.assertEqual(info["schema"], "patchbay.info/1")
        self.assertEqual({k: info[k] for k in ("family", "layers", "d_model", "d_ff", "heads", "kv_heads", "vocab")},
                         {"family": "llava", "layers": 4, "d_model": 32, "d_ff": 48, "heads": 4, "kv_heads": 2, "vocab": 571})
        self.assertEqual({k: info["image"][k] for k in ("size", "patch", "rows")}, {"size": 15, "patch": 5, "rows": 9})
        self.assertEqual(json.loads(self.program("info", LLAMA, "--json").stdout)["image"], None)
        ask = json.loads(self.succeeds(self.program("ask", LLAVA, "--image", PICTURE, QUESTION, "--json")).stdout)
        self.assertEqual(ask["schema"], "patchbay.ask/1")
        self.assertEqual(len(ask["top"]), 5)


class Demo(ProgramTest):
    def test_no_demo_model(self):
        self.fails(self.program("demo", "--out", self.folder / "out", env={"PATCHBAY_MODELS": str(self.folder)}), "demo",
                   hint="PATCHBAY_MODELS")

    def test_demo_as_a_model(self):
        models = self.folder / "models"
        shutil.copytree(LLAVA, models / "demo")
        self.succeeds(self.program("info", "demo", env={"PATCHBAY_MODELS": str(models)}))
        self.fails(self.program("demo", "--out", self.folder / "out-9", env={"PATCHBAY_MODELS": str(models)}), "pt.png")


if __name__ == "__main__":
    unittest.main()
