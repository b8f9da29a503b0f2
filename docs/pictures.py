"""Remake the pictures in docs/pictures/ on the demo bank, light and dark: ``make pictures``.

``python docs/pictures.py evaluate`` remakes one.
"""

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
    "compose": "/compose?terms=15520:1,4229:1,9843:-0.5",
    "memory": "/memory?memory=demo/D2:3",
    "latents": "/latents?latent=9843",
    "microscope": "/latents?latents_view=pair",
    "atlas": "/atlas?atlas_field=category&atlas_value=Strong+Emotional&atlas_against=Routine",
    "atlas-beside": "/atlas?atlas_view=beside&atlas_colour=session&atlas_field=session&atlas_value=session_5",
    "timeline": "/timeline?latent=8975",
    "overlap": "/overlap?overlap_by=session&overlap_threshold=90",
    "overlap-memories": "/overlap?conversation=demo&overlap_threshold=50",
    "separability": "/separability?sep_source=demo&sep_case=sep-001",
    "evaluate": "/evaluate",
    "library": "/library",
    "recall-smollm2": "/recall?engine=smollm2-135m",
    "lab": "/lab?lab_runs={lab}&lab_view=traces",
}
HEIGHT = 1000
TALL = {"atlas": 1820, "timeline": 1400, "lab": 1320}
"""Pages whose lower half is part of the picture."""
ASK = "from core import open_demo; from core.progress import finish; finish(open_demo().runs.run(name='as it comes'))"
"""Evaluate shows a run, and the demo comes without one."""
TRAIN = """from dataclasses import replace
from core import Lab
from core.lab.plan import BETAS, PHASES
from core.progress import finish
print(",".join(finish(Lab().train(replace(PHASES[5], beta=beta, seeds=5))).head.id for beta in BETAS))"""
"""The lab shows runs: the three β that the source compares."""
STILL = """document.querySelector("[data-testid=stApp]").dataset.testScriptState === "notRunning"
    && !document.querySelector("[data-testid=stSpinner], [data-testid=stSkeleton], [data-testid=stAppSkeleton]")"""
BROWSER = shutil.which("chromium") or "chromium"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settled(page: Page) -> None:
    """Until the engine is warm and nothing on the page runs any more."""
    page.locator(".mn-state", has_text="ready").wait_for(timeout=90_000)
    for _ in range(2):  # a page that stands still may run once more: its parts come one after another
        page.wait_for_timeout(2000)
        page.wait_for_function(STILL, timeout=90_000)


def main() -> None:
    wanted = sys.argv[1:] or list(SHOTS)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        port = free_port()
        environment = os.environ | {"MNEMOSCOPE_DATA": data}
        options = ["--server.port", str(port), "--server.headless", "true"]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        if "evaluate" in wanted:
            subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=environment, check=True)
        if "lab" in wanted:
            made = [sys.executable, "-c", TRAIN]
            runs = subprocess.run(made, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
            SHOTS["lab"] = SHOTS["lab"].format(lab=runs.strip())
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
                    for name in wanted:
                        page.goto(f"http://127.0.0.1:{port}{SHOTS[name]}")
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
