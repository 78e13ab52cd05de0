"""A headless Chromium, driven over a pipe by its DevTools protocol, with the standard library alone.

    with Browser() as b:
        b.open(path)
        b.evaluate("document.title")
        b.errors                       # what scripts threw, what the console was told as an error

Chromium is found by the name in CHROMIUM, or as `chromium`, `chromium-browser`, `google-chrome`; find() is None without.
"""
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find():
    return next(filter(None, map(shutil.which, filter(None, [os.environ.get("CHROMIUM"), *NAMES]))), None)


class Browser:
    def __init__(self, width=1400, height=900):
        self.size, self.errors, self.requests, self.number = (width, height), [], [], itertools.count(1)

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="patchbay-browser-", ignore_cleanup_errors=True)
        there, self.write = os.pipe()
        self.read, back = os.pipe()

        def pipes():  # the protocol's: it reads at 3, writes at 4
            a, b = os.dup(there), os.dup(back)  # so that neither stands where the other belongs
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [find(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
             f"--user-data-dir={self.profile.name}", f"--window-size={self.size[0]},{self.size[1]}", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(back)
        self.pending, self.session = b"", None
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in pages if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.send("Browser.close")
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.read)
        os.close(self.write)
        self.profile.cleanup()

    # ---- the protocol ----

    def send(self, method, **params):
        message = {"id": next(self.number), "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        return message["id"]

    def receive(self):
        while b"\0" not in self.pending:
            more = os.read(self.read, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self.pending += more
        message, self.pending = self.pending.split(b"\0", 1)
        message = json.loads(message)
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif message.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))
        elif message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message

    def call(self, method, **params):
        number = self.send(method, **params)
        while True:
            message = self.receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    # ---- a page ----

    def open(self, path, fragment="", before=None):
        """Opens a file; `before` runs ahead of its scripts. Waits until it is loaded."""
        script = self.call("Page.addScriptToEvaluateOnNewDocument", source=before)["identifier"] if before else None
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=Path(path).resolve().as_uri() + fragment)
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")
        if script:
            self.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "it threw"))
        return result["result"].get("value")

    def wait(self, expression, seconds=240):
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            time.sleep(0.02)

    def media(self, scheme="light", kind=""):
        self.call("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def point_at(self, selector, x=0.5, y=0.5):
        """Moves the pointer to a place of the element, in shares of its box, which is scrolled into view."""
        where = self.evaluate(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
                              "const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")
        self.at = (where[0] + x * where[2], where[1] + y * where[3])
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=self.at[0], y=self.at[1])

    def click(self, selector):
        self.point_at(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=self.at[0], y=self.at[1], button="left", clickCount=1)

    def key(self, name):
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Home": 36, "End": 35}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=codes[name])

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path):
        import base64
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
