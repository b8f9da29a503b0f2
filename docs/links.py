"""Write docs/links.md, every field of every page's address, from their declarations: ``make links``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ui.address.fields import FRAME, Field, Scope
from ui.shell.addresses import PAGES

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# The fields of a link

Every choice on a page is a field of its address, so that a link opens exactly that view: `/recall?recall_text=lake`. A
field that has its default is left out. One that belongs to a bank, an engine or a run is forgotten when another is
chosen. Written from the declarations by `make links`; a test keeps both equal.
"""


def written() -> str:
    """The page: what every address may say, then what each page adds."""
    parts = [HEAD, "\n## Every page\n", *_table(FRAME)]
    for page, fields in PAGES.items():
        if own := [field for field in fields if field not in FRAME]:
            parts += [f"\n## /{page}\n", *_table(own)]
    return "".join(parts)


def _table(fields: Iterable[Field]) -> Iterable[str]:
    yield "\n| field | default | belongs to |\n|---|---|---|\n"
    for field in fields:
        default = field.write(field.default()) if field.default() not in (None, "", [], ()) else ""
        belongs = ", ".join(str(one.name).lower() for one in Scope if one in field.scope)
        yield f"| `{field.key}` | {f'`{default}`' if default else ''} | {belongs} |\n"


if __name__ == "__main__":
    (ROOT / "docs" / "links.md").write_text(written())
