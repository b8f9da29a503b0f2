"""Holds the door: the frame around every page, and the page inside it. ``streamlit run app.py``"""

from __future__ import annotations

from ui.shell import frame

page = frame.open_app()
with frame.drawing(page):
    page.run()
