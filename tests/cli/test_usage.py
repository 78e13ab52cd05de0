"""Wrong usage is exit 2 and told in one line; help shows what works as pasted."""
import re
import shlex
import unittest

from common import LLAMA, LLAVA, PICTURE, QUESTION, ProgramTest

COMMANDS = ("info", "ask", "trace", "attribute", "edit", "flow", "lens", "dump", "bench", "demo")
PLANNED = ("serve",)


class Misuse(ProgramTest):
    def test_no_command(self):
        result = self.program()
        self.assertEqual(result.returncode, 2)

    def test_unknown_commands(self):
        for name in ("tracer", "", "--trace", "-x", "TRACE"):
            self.misused(self.program(name), "patchbay", name)

    def test_planned_commands_say_so(self):
        listed = self.program("--help").stdout
        for name in PLANNED:
            self.misused(self.program(name, LLAVA), name, "not there yet")
            self.misused(self.program(name, "--help"), name, "not there yet")
            self.assertNotIn(f"patchbay {name} ", listed)

    def test_unknown_options(self):
        for command in COMMANDS:
            for option in ("--nothing", "--nothing=3", "-x", "--", "---", "--Quiet", "--=x", "-"):
                if option in ("--", "-"):
                    continue
                self.misused(self.program(command, option), command, option)

    def test_options_of_other_commands(self):
        self.misused(self.program("info", LLAVA, "--image", PICTURE), "--image")
        self.misused(self.program("ask", LLAVA, QUESTION, "--sites", "mlp_out"), "--sites")
        self.misused(self.trace(LLAVA, "--max-tokens", 3), "--max-tokens")

    def test_values(self):
        for option, values in (
            ("--layers", ("", "3", "3:", ":3", "3:3", "3:2", "-1:3", "0:1:2", "a:b", "0:99999999999999999999", " 0:1")),
            ("--window", ("0", "-1", "1.5", "", "x", "1x", "99999999999999999999", "+1", " 1")),
            ("--radius", ("-1", "", "x")),
            ("--samples", ("0", "-3", "")),
            ("--blocks", ("0", "-1", "2x", "")),
            ("--verify", ("-1", "all")),
            ("--threads", ("0", "-1", "two")),
            ("--memory", ("0", "", "8Q", "-8G", "8GG", "9999999999T", "G")),
            ("--seed", ("-1", "x", "1e3", "")),
            ("--answer-id", ("-1", "x", "")),
            ("--direction", ("", "both", "denoise|noise", "den")),
            ("--answer-tokens", ("", "last")),
            ("--occurrences", ("", "none")),
            ("--freeze", ("", "head_out", "mlp_out")),
            ("--dtype", ("", "f16", "float32")),
        ):
            for value in values:
                with self.subTest(option=option, value=value):
                    self.misused(self.trace(LLAVA, option, value), option)
                    self.misused(self.trace(LLAVA, f"{option}={value}"), option)

    def test_values_that_are_missing_or_too_many(self):
        for option in ("--layers", "--image", "--corrupt", "--sites", "--window"):
            self.misused(self.trace(LLAVA, option), option)
        for option in ("--naive", "--group", "--json", "--quiet"):
            self.misused(self.trace(LLAVA, option + "=yes"), option)

    def test_what_excludes_each_other(self):
        self.misused(self.trace(LLAVA, "--window", 2, "--radius", 2), "--window", "--radius")
        self.misused(self.trace(LLAVA, "--answer", "x", "--answer-id", 2), "--answer")
        self.misused(self.trace(LLAVA, "a second question"), "QUESTION")
        self.misused(self.trace(LLAVA, "--freeze", "mlp"), "--freeze needs --freeze-span")
        self.misused(self.trace(LLAVA, "--freeze-span", "last"), "--freeze-span needs --freeze")
        self.misused(self.trace(LLAVA, "--prompt", "this country"), "--prompt", "--question")
        self.misused(self.trace(LLAVA, "--prompt", "this country", "--template", "plain", question=None), "--prompt",
                     "--template")

    def test_arguments(self):
        for command in ("info", "ask", "trace"):
            self.misused(self.program(command), command, "MODEL")
        self.misused(self.program("ask", LLAVA), "QUESTION")
        self.misused(self.trace(LLAVA, question=None), "--question")
        self.misused(self.program("info", LLAVA, LLAMA), "MODEL")
        self.misused(self.program("ask", LLAVA, "one", "two"), "QUESTION")
        self.misused(self.program("demo", LLAVA), "no arguments")

    def test_misuse_comes_before_work(self):
        self.misused(self.trace(self.folder / "nowhere", "--window", 0), "--window")


class Help(ProgramTest):
    def test_of_the_program(self):
        for arguments in (("--help",), ("-h",), ("help",)):
            result = self.succeeds(self.program(*arguments))
            self.assertEqual(result.stderr, "")
            for name in COMMANDS:
                self.assertIn(f"patchbay {name}", result.stdout)
        self.assertRegex(self.succeeds(self.program("--version")).stdout, r"^patchbay \d+\.\d+\.\d+\n$")

    def test_of_each_command(self):
        for name in COMMANDS:
            for option in ("--help", "-h"):
                result = self.succeeds(self.program(name, option))
                self.assertIn(f"usage: patchbay {name}", result.stdout)
                self.assertEqual(result.stderr, "")

    def test_each_command_can_be_quiet(self):
        for name in (*COMMANDS, "knockout", "sweep", "report", *(f"dataset {part}" for part in (
                "import", "check", "stats", "annotate", "generate"))):
            self.assertRegex(self.program(*name.split(), "--help").stdout, "(?m)^  --quiet ", name)

    def test_help_wins_over_what_is_missing(self):
        self.succeeds(self.program("trace", "--window", 3, "--help"))

    def test_examples_parse(self):
        """They are taken as pasted; here they end where there is no demo model."""
        for name in COMMANDS:
            text = self.program(name, "--help").stdout
            example = re.search(r"^example: patchbay (.*)$", text, re.M).group(1)
            result = self.program(*shlex.split(example), env={"PATCHBAY_MODELS": str(self.folder)}, cwd=self.folder)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("demo", result.stderr)

    def test_lines_fit(self):
        for name in COMMANDS:
            for line in self.program(name, "--help").stdout.split("\n"):
                if not line.startswith("example"):
                    self.assertLessEqual(len(line), 120, line)


class Spellings(ProgramTest):
    def test_equals_and_order(self):
        first = self.succeeds(self.program("ask", LLAVA, QUESTION, "--top", 3, "--json")).stdout
        for arguments in ((f"--question={QUESTION}", "--top=3", "--json", LLAVA), ("--json", LLAVA, "--top", 3, "--", QUESTION)):
            self.assertEqual(self.succeeds(self.program("ask", *arguments)).stdout, first)

    def test_a_question_that_looks_like_an_option(self):
        self.succeeds(self.program("ask", LLAVA, "--max-tokens", 1, "--", "--top"))
        self.succeeds(self.program("ask", LLAVA, "--max-tokens", 1, "--question", "--top"))


if __name__ == "__main__":
    unittest.main()
