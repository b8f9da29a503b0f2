"""Labels, their trust and bookmarks of an engine's latents, as a bank keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from core.store.tables import Cursor


def labels(cursor: Cursor, engine: str, latents: Sequence[int] | None = None) -> list[tuple[int, str, str, float]]:
    """(latent, source, text, score) of every stored label, or of some latents."""
    return cursor.execute(
        """select latent, source, text, coalesce(score, 'nan'::float) from labels
           where engine = ?1 and (?2::integer[] is null or latent in (select unnest(?2::integer[])))
           order by latent, source""",
        [engine, None if latents is None else list(latents)],
    ).fetchall()


def set_labels(cursor: Cursor, engine: str, rows: Sequence[tuple[int, str, str, float | None]]) -> None:
    """Store (latent, source, text, score); a label of the same source is replaced, an empty text removes it."""
    names = ("latent", "source", "text", "score")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    if not columns:
        return
    table = pa.table({n: list(columns[n]) for n in names})
    cursor.register("incoming", table.set_column(3, "score", table["score"].cast(pa.float32())))
    cursor.execute(
        "delete from labels where engine = ? and (latent, source) in (select (latent, source) from incoming)", [engine]
    )
    cursor.execute(
        """insert into labels (engine, latent, source, text, score)
           select ?, latent, source, text, score from incoming where text <> ''""",
        [engine],
    )
    cursor.unregister("incoming")


def trust(cursor: Cursor, engine: str, latents: Sequence[int] | None = None) -> list[tuple[int, str, float, int]]:
    """(latent, label, AUROC, memories a side) as last measured in this bank."""
    return cursor.execute(
        """select latent, label, auroc, a_side from label_trust
           where engine = ?1 and (?2::integer[] is null or latent in (select unnest(?2::integer[])))""",
        [engine, None if latents is None else list(latents)],
    ).fetchall()


def set_trust(cursor: Cursor, engine: str, rows: pa.Table, whole: bool) -> None:
    """Store measured trust: columns latent, label, auroc, a_side. whole: of every label, among all memories of
    now; what was measured before is forgotten."""
    if whole:
        cursor.execute("delete from label_trust where engine = ?", [engine])
        cursor.execute("update engines set judged = ? where fingerprint = ?", [judged(cursor, engine)[0], engine])
    cursor.register("incoming", rows)
    cursor.execute(
        """insert or replace into label_trust (engine, latent, label, auroc, a_side)
           select ?, latent, label, auroc, a_side from incoming""",
        [engine],
    )
    cursor.unregister("incoming")


def judged(cursor: Cursor, engine: str) -> tuple[int, int]:
    """(encoded memories, how many of them there were when trust was measured last)"""
    found: tuple[int, int] | None = cursor.execute(
        """select (select count(*) from codes where engine = ?1),
                  coalesce((select judged from engines where fingerprint = ?1), 0)""",
        [engine],
    ).fetchone()
    return found or (0, 0)


def bookmarks(cursor: Cursor, engine: str) -> dict[int, str]:
    """Notes of the bookmarked latents, oldest first."""
    rows = cursor.execute(
        "select latent, note from bookmarks where engine = ? order by added, latent", [engine]
    ).fetchall()
    return dict(rows)


def set_bookmark(cursor: Cursor, engine: str, latent: int, note: str | None) -> None:
    """None takes the bookmark away."""
    if note is None:
        cursor.execute("delete from bookmarks where engine = ? and latent = ?", [engine, latent])
    else:
        cursor.execute(
            """insert into bookmarks (engine, latent, note) values (?1, ?2, ?3)
               on conflict (engine, latent) do update set note = ?3""",
            [engine, latent, note],
        )
