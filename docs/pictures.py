"""Remake the pictures in docs/pictures/ on the demo bank, light and dark: ``make pictures``."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "pictures"
SHOTS = {
    "recall": "/recall",
    "memory": "/memory?memory=demo/D2:3",
    "latents": "/latents?latent=9843",
    "microscope": "/latents?latents_view=pair",
    "atlas": "/atlas?atlas_field=category&atlas_value=Strong+Emotional&atlas_against=Routine",
    "atlas-beside": "/atlas?atlas_view=beside&atlas_colour=session&atlas_field=session&atlas_value=session_5",
    "timeline": "/timeline?latent=8975",
    "library": "/library",
}
HEIGHT = 1000
TALL = {"atlas": 1820, "timeline": 1400}
"""Pages whose lower half is part of the picture."""
BROWSER = shutil.which("chromium") or "chromium"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settled(page: Page) -> None:
    """Until the engine is warm and nothing on the page runs any more."""
    page.get_by_text("ready", exact=False).first.wait_for(timeout=90_000)
    page.wait_for_timeout(4000)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        port = free_port()
        environment = os.environ | {"MNEMOSCOPE_DATA": data}
        options = ["--server.port", str(port), "--server.headless", "true"]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        server = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            for _ in range(100):
                try:
                    urlopen(f"http://127.0.0.1:{port}/_stcore/health").read()
                    break
                except OSError:
                    time.sleep(0.2)
            with sync_playwright() as p:
                browser = p.chromium.launch(executable_path=BROWSER, args=FLAGS)
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": 1440, "height": HEIGHT}, color_scheme=scheme, device_scale_factor=1
                    )
                    page = context.new_page()
                    for name, address in SHOTS.items():
                        page.set_viewport_size({"width": 1440, "height": TALL.get(name, HEIGHT)})
                        page.goto(f"http://127.0.0.1:{port}{address}")
                        settled(page)
                        page.screenshot(path=OUT / f"{name}-{scheme}.png")
                        print(OUT.relative_to(ROOT) / f"{name}-{scheme}.png")
                    context.close()
                browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
