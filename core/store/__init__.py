"""DuckDB's only home: one file is a bank, and the truth."""

from core.store.database import Database

__all__ = ["Database"]
