"""A browser for tests: Debian's Chromium without a window, driven through its own protocol.

`Browser` opens pages from the disk with the internet switched off and notes what goes wrong on
them. Chrome DevTools Protocol, over the websocket that Jupyter brings.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120.0  # seconds; a busy machine with two cores is slow to start a browser


class Browser:
    """Use as a context. `errors` and `requests` are those of the page that was opened last."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        self._number = 0

    def __enter__(self):
        import websocket

        options = ["--headless=new", "--remote-debugging-port=0", "--remote-allow-origins=*"]
        options += ["--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--disable-component-update"]
        options += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self.folder}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium refuses to run as root otherwise
        self._process = subprocess.Popen(
            [PROGRAM, *options, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        port, path = self._wait_for(self._address)
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}", timeout=PATIENCE, suppress_origin=True
        )
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._session = None
        try:
            self.call("Browser.close")
        except Exception:  # it is gone already, or does not answer
            self._process.kill()
        self._socket.close()
        self._process.wait(timeout=PATIENCE)

    def _address(self):
        file = self.folder / "DevToolsActivePort"
        lines = file.read_text().split() if file.is_file() else []
        return lines if len(lines) == 2 else None

    def _wait_for(self, found):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := found():
                return value
            assert self._process.poll() is None, "Chromium has stopped"
            time.sleep(0.05)
        raise TimeoutError("Chromium does not answer")

    def call(self, method: str, **words):
        """Call a method of the protocol and return its result."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": words}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            told = self._receive()
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]

    def _receive(self) -> dict:
        told = json.loads(self._socket.recv())
        self._note(told.get("method", ""), told.get("params", {}))
        return told

    def _note(self, what: str, about: dict) -> None:
        if what == "Page.loadEventFired":
            self._loaded = True
        elif what == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif what == "Runtime.exceptionThrown":
            thrown = about["exceptionDetails"]
            self.errors.append(thrown.get("exception", {}).get("description") or thrown["text"])
        elif what == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(a.get("value", a)) for a in about["args"]))
        elif what == "Log.entryAdded" and about["entry"]["level"] == "error":
            entry = about["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    def open(self, address: str, width: int = 1280, height: int = 900) -> None:
        """Open a page and wait until it is loaded and its scripts have run."""
        self.resize(width, height)
        self.errors, self.requests, self._loaded = [], [], False
        self.call("Page.navigate", url=address)
        end = time.monotonic() + PATIENCE
        while not self._loaded and time.monotonic() < end:
            self._receive()
        assert self._loaded, f"{address} does not load"
        self.settle()

    def settle(self) -> None:
        """Wait for two frames to be drawn, and for formulas where the page has some."""
        self.run(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
            " (window.MathJax?.startup?.promise ?? Promise.resolve()).then(() => done(1)))))"
        )

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page another size, in CSS pixels; below 500 as a phone has it."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip

    def run(self, script: str):
        """Return the value of a JavaScript expression; promises are waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in found, found.get("exceptionDetails")
        return found["result"].get("value")

    def press(self, script: str) -> None:
        """Press, with a mouse's button, the middle of the element that an expression names."""
        place = self.run(
            f"(e => {{ e.scrollIntoView({{ block: 'center', behavior: 'instant' }});"
            " const box = e.getBoundingClientRect();"
            f" return [box.x + box.width / 2, box.y + box.height / 2]; }})({script})"
        )
        at = dict(x=place[0], y=place[1], button="left", clickCount=1)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def until(self, script: str):
        """Return the value of an expression once it is true; raises where it never is."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.1)
        raise TimeoutError(script)

    def picture(self, file: Path) -> Path:
        """Write what is seen as a PNG."""
        import base64

        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
        return file
