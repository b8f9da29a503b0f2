"""Asking: the form, its settings, marks."""
