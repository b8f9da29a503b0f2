"""Hard trials, run by ``make trials`` and not by ``make test``: they take minutes, and count."""
