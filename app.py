"""Holds the door: the frame around every page, and the page inside it. ``streamlit run app.py``

Streamlit's server imports this file to learn what it adds to each answer, then runs it for each visitor.
"""

from __future__ import annotations

import streamlit as st

if __name__ == "__main__":
    from ui.shell import frame

    page = frame.open_app()
    with frame.drawing(page):
        page.run()
else:
    from ui.shell.headers import MIDDLEWARE

    app = st.App(__file__, middleware=MIDDLEWARE)
