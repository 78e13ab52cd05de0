"""Reads reports over many questions as people do, in a browser: check_sweep_page.py WRITER

WRITER (sweep_samples.c) writes made-up reports. Their SVG files and pages are looked at with the standard library; where there
is a Chromium, the pages are opened, searched and pointed at, in light and dark, with and without DecompressionStream."""
import base64
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
import zlib

import browser

WRITER = sys.argv.pop() if __name__ == "__main__" else None
SVG = "{http://www.w3.org/2000/svg}"
SMALL = ["trace", "windows", "flow", "knockout", "edits", "ask"]


def unpack(page: str, name: str):
    """What a packed script element holds."""
    found = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', page)
    return zlib.decompress(base64.b64decode(found.group(1))) if found else None


def parts_of(page: str, store: int, chunk: int):
    """[question][part] = (name, first layer, rows, values[row][layer]): an unpacking of its own, by question_list.h."""
    data, levels = unpack(page, f"traces-{store}-{chunk}"), int(re.search(r'"levels":(\d+)', page).group(1))
    json_size, ranges_size = struct.unpack_from("<II", data)
    head, at = json.loads(data[8:8 + json_size]), 8 + json_size
    values_at, questions = at + ranges_size, []
    for kinds in head["of"]:
        parts = []
        for kind in kinds:
            name, first, layers, rows, unit = head["kinds"][kind]
            low, high = (v / 65535 for v in struct.unpack_from("<HH", data, at)) if unit else struct.unpack_from("<ff", data, at)
            at += 4 if unit else 8
            grid = []
            for _ in rows:
                q, row = 0, []
                for layer, byte in enumerate(data[values_at:values_at + layers]):
                    q = (q + byte) & 255 if layer else byte
                    row.append(None if q == 255 else low + (high - low) * q / levels)
                values_at += layers
                grid.append(row)
            parts.append((name, first, rows, grid))
        questions.append(parts)
    return questions


class SweepPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name in SMALL:
            subprocess.run([WRITER, cls.folder.name, name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name, file="report.html"):
        return os.path.join(self.folder.name, name, file)

    def page(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    # ---- without a browser ----

    def test_figures_are_sound(self):
        for name in SMALL:
            figures = [f for f in os.listdir(os.path.join(self.folder.name, name)) if f.endswith(".svg")]
            self.assertGreater(len(figures), 0)
            for figure in figures:
                root = xml.parse(self.path(name, figure)).getroot()
                _, _, width, height = map(float, root.get("viewBox").split())
                with self.subTest(name=name, figure=figure):
                    self.assertEqual(root.tag, SVG + "svg")
                    for text in root.iter(SVG + "text"):
                        self.assertGreaterEqual(float(text.get("font-size")), 6)
                        if text.get("transform") is None:
                            self.assertTrue(-1 <= float(text.get("x")) <= width and -1 <= float(text.get("y")) <= height, text.text)
                    self.assertIn(f'id="{figure[:-4]}"', self.page(name))

    def test_figures_that_are_there(self):
        there = {name: set(os.listdir(os.path.join(self.folder.name, name))) for name in SMALL}
        for name, wanted in {"trace": ["aie-maps", "aie-curves", "aie-control", "aie-recovered", "groups", "answers", "accuracy"],
                             "windows": ["compare", "contrast", "aie-maps-3"], "flow": ["flows", "source-rows"],
                             "knockout": ["knockouts"], "edits": ["edits", "edits-layers"], "ask": ["answers"]}.items():
            self.assertLessEqual({w + ".svg" for w in wanted}, there[name])

    def test_pages_need_nothing_else(self):
        for name in SMALL:
            page = self.page(name)
            without_names = page.replace("http://www.w3.org/2000/svg", "")
            self.assertNotRegex(without_names, r"https?:|url\(|@import|<link|<iframe|\bsrc=\"(?!data:)")
            self.assertNotIn("window.hacked", page)  # hostile texts are packed, or escaped

    def test_rows_hold_every_question(self):
        rows = json.loads(unpack(self.page("trace"), "rows-0"))
        self.assertEqual(len(rows["id"]), 200)
        self.assertEqual({len(v) for k, v in rows.items() if k != "valueNames"}, {200})
        self.assertEqual(set(rows["status"]), {"done", "wrong", "failed", "pending"})
        self.assertEqual(rows["status"][20], "pending")
        self.assertEqual((rows["right"][5], rows["right"][50]), (0, None))
        self.assertEqual(rows["question"][0], "</script><script>window.hacked = 1</script>")
        self.assertIn("\u23ce", rows["question"][2])  # a newline is shown as one

    def test_traces_are_all_there_and_near(self):
        page, rows = self.page("trace"), json.loads(unpack(self.page("trace"), "rows-0"))
        questions = parts_of(page, 0, 0) + parts_of(page, 0, 1)
        self.assertEqual(len(questions), 200)
        for i, parts in enumerate(questions):
            self.assertEqual(bool(parts), rows["status"][i] == "done", i)
        name, first, tokens, grid = questions[0][2]
        self.assertEqual((name, first, len(tokens), len(grid[0])), ("resid_post/prob", 0, 12, 24))
        self.assertEqual(tokens[6], [" token6", "constraint:0"])
        self.assertEqual([t[0] for t in tokens[1:3]], ["</b>\u23ce", "\u2400"])
        clean, corrupted = rows["clean"][0], rows["corrupted"][0]  # the constraint's effect at layer 0, from sweep_made_up.c
        wanted = corrupted + (clean - corrupted) * 0.7 * 0.95 / (1 + 2.718281828 ** (18 * -0.45))
        self.assertAlmostEqual(grid[6][0], wanted, delta=0.004)
        self.assertAlmostEqual(grid[2][5], corrupted, delta=0.004)

    def test_each_measure_has_a_range_of_its_own(self):
        parts = parts_of(self.page("flow"), 0, 0)[0]
        self.assertEqual([p[0] for p in parts], [pair for pair in ["image>constraint", "image>last", "constraint>last"] for _ in range(4)])
        self.assertEqual([p[2] for p in parts[:4]], [["sum_norm"], ["norm_sum"], ["share"], ["relative"]])

    def test_ten_thousand_questions_fit(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([WRITER, folder, "large"], check=True)
            path = os.path.join(folder, "large", "report.html")
            self.assertLess(os.path.getsize(path), 5_000_000)
            with open(path, encoding="utf-8") as file:
                page = file.read()
            self.assertEqual(len(json.loads(unpack(page, "rows-0"))["id"]), 10_000)
            self.assertIsNotNone(unpack(page, "traces-0-78"))
            self.assertRegex(page, r"rounded here, to 1/\d+ of the range")
            if browser.find():
                self.look_at_large(path)

    # ---- in a browser ----

    def look_at_large(self, path):
        with browser.Browser() as b:
            b.open(path)
            b.wait("document.documentElement.dataset.ready === '1'")
            self.assertLess(b.evaluate("document.querySelectorAll('#sheet .row').length"), 60)
            b.evaluate("document.getElementById('rows').scrollTop = 1e9")
            b.wait("[...document.querySelectorAll('#sheet .row')].some(r => r.id === 'row-9999')")
            b.click("#row-9999")
            b.wait("document.querySelectorAll('#one svg').length === 3")
            self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_pages_render_without_errors(self):
        with browser.Browser() as b:
            for name in SMALL:
                for scheme in ("light", "dark"):
                    with self.subTest(name=name, scheme=scheme):
                        b.media(scheme)
                        b.open(self.path(name))
                        b.wait("document.documentElement.dataset.ready === '1'")
                        self.assertEqual(b.errors, [])
                        self.assertTrue(all(u.startswith(("file:", "data:", "about:", "blob:")) for u in b.requests), b.requests)
                        self.assertFalse(b.evaluate("'hacked' in window"))
                        dark = b.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 21, 26)"
                        self.assertEqual(dark, scheme == "dark")
                        self.assertTrue(b.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_search_filters_and_sorts(self):
        with browser.Browser() as b:
            b.open(self.path("trace"))
            b.wait("document.documentElement.dataset.ready === '1'")
            self.assertEqual(b.evaluate("document.getElementById('found').textContent"), "200 of 200")
            b.click("#find")
            b.type("currency PERU")
            b.wait("document.getElementById('found').textContent !== '200 of 200'")
            rows = "[...document.querySelectorAll('#sheet .row')].map(r => r.textContent)"
            self.assertTrue(all("currency" in row for row in b.evaluate(rows)))
            self.assertGreater(len(b.evaluate(rows)), 0)
            b.evaluate("document.getElementById('find').value = ''; document.getElementById('right').value = '0';"
                       "document.getElementById('right').dispatchEvent(new Event('change'))")
            wrong = json.loads(unpack(self.page("trace"), "rows-0"))["right"].count(0)
            self.assertEqual(b.evaluate("document.getElementById('found').textContent"), f"{wrong} of 200")
            b.evaluate("document.getElementById('right').value = ''; document.getElementById('right').dispatchEvent(new Event('change'))")
            b.click(".head .c-clean")
            b.click(".head .c-clean")
            self.assertEqual(b.evaluate("document.querySelector('.head .c-clean').getAttribute('aria-sort')"), "descending")
            shown = [float(v) for v in b.evaluate("[...document.querySelectorAll('#sheet .c-clean')].map(e => e.textContent)")]
            self.assertEqual(shown, sorted(shown, reverse=True))
            self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_a_question_opens_its_trace(self):
        for before in (None, "delete window.DecompressionStream"):
            with self.subTest(before=before), browser.Browser() as b:
                b.open(self.path("trace"), before=before)
                b.wait("document.documentElement.dataset.ready === '1'")
                self.assertEqual(b.evaluate("typeof DecompressionStream"), "undefined" if before else "function")
                b.click("#row-0")
                b.wait("document.querySelectorAll('#one svg').length === 3")
                self.assertEqual(b.evaluate("document.querySelector('#one h3').textContent"), "</script><script>window.hacked = 1</script>")
                self.assertEqual(b.evaluate("document.querySelectorAll('#one h3 *').length"), 0)
                b.point_at("#one svg rect.line", 0.5 / 24, 6.5 / 12)
                b.wait("!document.getElementById('tip').hidden")
                self.assertRegex(b.evaluate("document.getElementById('tip').textContent"), r"token6 \(constraint:0\)\nlayer 0: 0\.\d+\nrecovered \d")
                self.assertFalse(b.evaluate("'hacked' in window"))
                self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_links_and_keys_lead_to_questions(self):
        with browser.Browser() as b:
            b.open(self.path("flow"), "#q=capital-00012")
            b.wait("document.querySelectorAll('#one svg').length === 4")
            b.evaluate("document.getElementById('rows').focus()")
            b.key("ArrowDown")
            b.key("Enter")
            b.wait("document.getElementById('one').dataset.question === 'currency-00013'")
            self.assertEqual(b.evaluate("location.hash"), "#q=currency-00013")
            b.key("Home")
            self.assertEqual(b.evaluate("document.getElementById('rows').getAttribute('aria-activedescendant')"), "row-0")
            self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_figures_tell_their_values(self):
        with browser.Browser() as b:
            b.open(self.path("trace"))
            b.point_at("#aie-maps svg .cells rect:nth-of-type(100)")
            b.wait("!document.getElementById('tip').hidden")
            self.assertRegex(b.evaluate("document.getElementById('tip').textContent"),
                             r"layer \d+: \S+ \[\S+, \S+\], \d+ questions, 31 subjects")
            b.evaluate("document.querySelector('#aie-curves svg').focus()")
            b.key("ArrowRight")
            first = b.evaluate("document.getElementById('tip').textContent")
            b.key("ArrowRight")
            second = b.evaluate("document.getElementById('spoken').textContent")
            self.assertRegex(second, r"layer \d+: \S+ \[")
            self.assertNotEqual(first, second)
            b.open(self.path("ask"))
            b.point_at("#answers svg .bin:nth-of-type(18)")
            b.wait("!document.getElementById('tip').hidden")
            self.assertRegex(b.evaluate("document.getElementById('tip').textContent"), r"P 0\.\d+ to .*right answers")
            self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_stores_are_switched(self):
        with browser.Browser() as b:
            b.open(self.path("windows"), "#q=language-00002")
            b.wait("document.querySelectorAll('#one svg').length === 3")
            b.evaluate("document.getElementById('store').value = '2'; document.getElementById('store').dispatchEvent(new Event('change'))")
            b.wait("document.querySelectorAll('#one svg').length === 3 && document.getElementById('store').value === '2'")
            self.assertIn("undecided", b.evaluate("document.getElementById('depths').textContent"))
            self.assertEqual(b.errors, [])

    @unittest.skipUnless(browser.find(), "no Chromium is installed")
    def test_paper_has_the_figures_and_not_the_list(self):
        with browser.Browser() as b:
            b.open(self.path("trace"))
            b.wait("document.documentElement.dataset.ready === '1'")
            b.media("light", "print")
            hidden = "getComputedStyle(document.querySelector('.grid-of-questions')).display === 'none'"
            self.assertTrue(b.evaluate(hidden))
            self.assertTrue(b.evaluate("getComputedStyle(document.querySelector('.on-paper')).display !== 'none'"))
            pdf = base64.b64decode(b.call("Page.printToPDF")["data"])
            self.assertTrue(pdf.startswith(b"%PDF"))
            self.assertEqual(b.errors, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
