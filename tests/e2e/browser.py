# SPDX-License-Identifier: Apache-2.0
"""A real Chromium without a window, driven by WebDriver (W3C) over plain HTTP: no package but Debian's is needed."""

import base64
import http.client
import json
import shutil
import time

from servers import inside, wait_for

NEEDED = ("chromium", "chromedriver")
PORT = 9515
# Without the sandbox, for root; without whatever would speak to anybody else.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--hide-scrollbars"]
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Down": "\ue015", "Up": "\ue013", "Left": "\ue012",
        "Right": "\ue014", "Home": "\ue011", "End": "\ue010"}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver 11: the web element identifier


def missing():
    """Why there is no browser, or None."""
    lacking = [name for name in NEEDED if not shutil.which(name)]
    return f"{' and '.join(lacking)} not installed (Debian: chromium, chromium-driver)" if lacking else None


class Browser:
    """One tab, in a network namespace. dark, width and height are what the page is told."""

    def __init__(self, namespace, profile, width=1280, height=900, dark=False):
        self.namespace, self.session = namespace, None
        self.driver = namespace.start(shutil.which("chromedriver"), f"--port={PORT}")
        wait_for("chromedriver", 20, self.answers)
        options = {"args": [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"],
                   "binary": shutil.which("chromium")}
        found = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = f"/session/{found['sessionId']}"
        self.look(width, height, dark)

    def answers(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except OSError:
            return False

    def ask(self, method, path, body=None):
        with inside(self.namespace):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
            connection.connect()
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"})
            answer = json.load(connection.getresponse())["value"]
        finally:
            connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{answer['error']}: {answer['message']}")
        return answer

    def call(self, method, path, body=None):
        return self.ask(method, self.session + path, body)

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, width, height, dark=False, still=True):
        """The size of the page, and what the reader prefers."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of JavaScript; a promise is waited for."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def rows(self, selector="main table"):
        """The cells of a table's rows as texts."""
        return self.run("return [...document.querySelectorAll(arguments[0] + ' > tbody > tr')]"
                        ".map((row) => [...row.cells].map((cell) => cell.textContent))", selector)

    def focused(self):
        """(tag, text) of what has the focus."""
        return tuple(self.run("const one = document.activeElement; return [one.localName, one.textContent.trim()]"))

    def press(self, *keys):
        for key in keys:
            value = KEYS.get(key, key)
            self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
                {"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]}]})

    def write(self, selector, text):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[ELEMENT]}/value", {"text": text})

    def wait(self, what, condition, seconds=15):
        wait_for(what, seconds, condition)

    def log(self, kind="browser"):
        """What the console said (or, of kind performance, the protocol's events) since the last call."""
        return self.call("POST", "/se/log", {"type": kind})

    def requests(self):
        """Every address that was asked for, since the last call."""
        events = [json.loads(row["message"])["message"] for row in self.log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def picture(self, path, whole=True):
        """A PNG of the page; whole: beyond the window."""
        time.sleep(0.3)
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        if self.session:
            self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait(10)
