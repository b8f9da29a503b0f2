"""The only room beside ``pages`` that knows Streamlit."""
