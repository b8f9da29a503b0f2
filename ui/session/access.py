"""Who may come in, and what they may reach: an app that others can reach asks for a login and opens no path.

``MNEMOSCOPE_PASSWORD`` asks everybody for it; an ``[auth]`` section in Streamlit's secrets lets people in by OIDC. If
the server listens beyond this machine, one of the two is needed, or ``MNEMOSCOPE_LOGIN=off``.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import time
from pathlib import Path

import streamlit as st

from core import CoreError, given_path

SECONDS_AFTER_A_WRONG_PASSWORD = 1.0


def shared() -> bool:
    """Whether the server listens on an address that other machines reach."""
    address = str(st.get_option("server.address") or "")
    if address == "localhost":
        return False
    try:
        return not ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return True  # no address means all of them; a name may be anybody's


def server_path(text: str) -> Path:
    """A path of this machine that a visitor typed. Raises CoreError where visitors may come from elsewhere."""
    if shared():
        raise CoreError("This app is reached from other machines: paths on its own are not opened. Upload the file.")
    return given_path(text)


def no_folders(*places: str) -> None:
    """Raises CoreError where one of the places an engine comes from is a folder, and visitors come from elsewhere."""
    if shared() and any(p.startswith(("folder:", "/", "~", ".")) or given_path(p or "-").exists() for p in places):
        raise CoreError("This app is reached from other machines: folders of its own are not opened.")


def gate() -> None:
    """Let the visitor in, or ask for what is missing and draw nothing else."""
    password = os.environ.get("MNEMOSCOPE_PASSWORD", "")
    if password:
        _ask_password(password)
    elif _has_oidc():
        _ask_provider()
    elif shared() and os.environ.get("MNEMOSCOPE_LOGIN", "").lower() != "off":
        st.error(
            "This app can be reached from other machines, and nothing says who may come in. Whoever runs it sets "
            "MNEMOSCOPE_PASSWORD, or an [auth] section in Streamlit's secrets, or, to let everybody in, "
            "MNEMOSCOPE_LOGIN=off; or lets it listen on localhost.",
            icon=":material/lock:",
        )
        st.stop()


def _ask_password(password: str) -> None:
    if st.session_state.get("_entered"):
        return
    st.title("Mnemoscope", anchor=False)
    with st.form("login", width=420):
        typed = st.text_input("Password", type="password")
        if st.form_submit_button("Enter", type="primary"):
            if hmac.compare_digest(typed.encode(), password.encode()):
                st.session_state["_entered"] = True
                st.rerun()
            time.sleep(SECONDS_AFTER_A_WRONG_PASSWORD)
            st.error("That is not the password.")
    st.stop()


def _has_oidc() -> bool:
    return bool(st.secrets.load_if_toml_exists() and "auth" in st.secrets)


def _ask_provider() -> None:
    if st.user.is_logged_in:
        return
    st.title("Mnemoscope", anchor=False)
    st.button("Log in", on_click=st.login, type="primary", icon=":material/login:")
    st.stop()
