"""Which encoding the bytes of a text file are in: by its mark, by its form, and by charset-normalizer."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import BinaryIO

from charset_normalizer import from_bytes

from core.errors import CoreError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte order marks; that of UTF-32 begins as that of UTF-16 does, so it is asked for first."""
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "koi8_r": "KOI8-R (Cyrillic)",
    "gb18030": "GBK / GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp932": "Shift-JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "cp949": "EUC-KR (Korean)",
}
SINGLE = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r")
"""Of equally likely ones, the earlier."""
COMMON = {
    "cp932": (r"[\u3041-\u30ff]", 0.3),
    "euc_jp": (r"[\u3041-\u30ff]", 0.3),
    "gb18030": (
        "[的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里喜欢]",
        0.08,
    ),
    "big5": (
        "[的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡喜歡]",
        0.08,
    ),
    "cp949": ("[이다는의에을가고하지은를니도로한사서어아나있그것]", 0.2),
}
"""Signs that any real text in a two-byte encoding is full of, and the least share of them among its foreign signs."""
SAMPLE = 256 * 1024
READ_AT_MOST = 32 * 2**20
MAX_STRANGE_SHARE = 0.3
"""Above this share of control characters a file counts as binary. One broken row stays below."""


def sample(file: BinaryIO) -> bytes:
    """The beginning of a file, and its first lines that are not plain ASCII, wherever they stand."""
    head = file.read(SAMPLE)
    if b"\0" in head or not head.isascii():
        return head
    kept, size, read = [head[:4096]], 0, len(head)
    while size < SAMPLE and read < READ_AT_MOST and (block := file.read(2**20)):
        read += len(block)
        if not block.isascii():
            block += file.readline(2**16)
            foreign = [line for line in block.split(b"\n") if not line.isascii()]
            kept += foreign
            size += sum(map(len, foreign))
    return b"\n".join(kept) if size else head


def found(head: bytes, source: str) -> str:
    """The codec of a text by a sample of its bytes. Raises CoreError where they are no text in any encoding known."""
    for mark, codec in MARKS:
        if head.startswith(mark):
            return codec
    if head.count(0) > 0.1 * len(head) and (wide := _wide(head)):
        return wide
    if _utf8(head):
        _refuse_binary(head.decode("utf-8", errors="surrogateescape"), source)
        return "utf-8"
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    foreign = b"\n".join(lines)[:65536]
    codec = _two_byte(foreign) or _single(foreign)
    _refuse_binary(head.decode(codec, errors="surrogateescape"), source, MAX_STRANGE_SHARE / 10)
    return codec


def _wide(head: bytes) -> str:
    """UTF-32 or UTF-16 without a mark, told by where its zeros stand; empty for neither."""
    for width, codecs_ in ((4, ("utf-32-le", "utf-32-be")), (2, ("utf-16-le", "utf-16-be"))):
        zeros = [head[i::width].count(0) * width / max(1, len(head)) for i in range(width)]
        low = 0 if zeros[0] < zeros[-1] else width - 1
        if zeros[low] > 0.01 or zeros[width - 1 - low] < 0.1:
            continue
        codec = codecs_[low != 0]
        text = head[: len(head) // width * width].decode(codec, errors="replace")
        if _strange(text) + text.count("\ufffd") < 0.02 * len(text):
            return codec
    return ""


def _utf8(head: bytes) -> bool:
    """Whether it is UTF-8, though a row or two may be broken: whole signs outnumber stray bytes."""
    text = head.decode("utf-8", errors="surrogateescape")
    # A sample may end within a sign; a whole file does not.
    stray = len(re.findall(r"[\udc80-\udcff]", text[:-3] if len(head) >= SAMPLE else text))
    return not stray or len(re.findall(r"[^\x00-\x7f\udc80-\udcff]", text)) >= stray


def _two_byte(foreign: bytes) -> str:
    """The East Asian encoding whose commonest signs the text is full of; empty for none."""
    best, codec = 1.0, ""
    for name, (signs, least) in COMMON.items():
        text = foreign.decode(name, errors="replace")
        strange = [c for c in text if c > "\x7f"]
        if not strange or text.count("\ufffd") > 0.05 * len(strange):
            continue
        share = len(re.findall(signs, text)) / len(strange) / least
        if share >= best:
            best, codec = share, name
    return codec


def _single(foreign: bytes) -> str:
    """The one-byte encoding that charset-normalizer likes best; of those it cannot tell apart, the commonest."""
    best = list(from_bytes(foreign, cp_isolation=list(SINGLE)))
    # Encodings that give the same text come as one match, under the name of the first.
    matches = {name: match for match in best for name in match.could_be_from_charset}
    if not matches:
        return "cp1252"
    least = min(match.chaos for match in matches.values())
    likely = [name for name in SINGLE if name in matches and matches[name].chaos <= least + 0.02]
    # A stable order: the first of SINGLE wins unless another's words are plainer by more than chance.
    return max(likely, key=lambda name: (round(matches[name].coherence, 1), -SINGLE.index(name)))


def _refuse_binary(text: str, source: str, most: float = MAX_STRANGE_SHARE) -> None:
    if text and _strange(text) > most * len(text):
        raise CoreError(
            f"{source} is binary or in an unknown encoding: save it as UTF-8, or choose the format it is in."
        )


def _strange(text: str) -> int:
    """How many control signs and undecodable bytes there are in a text."""
    return len(re.findall(r"[\x00-\x08\x0e-\x1f\ud800-\udfff]", text))


def checked(codec: str) -> str:
    """A codec that somebody named, as Python calls it."""
    try:
        return codecs.lookup(codec).name
    except (LookupError, ValueError):
        raise CoreError(f"There is no encoding “{codec[:40]}”: name one such as {', '.join(_some())}.") from None


def _some() -> Iterable[str]:
    return ("utf-8", "utf-16", "cp1252", "latin-1", "gb18030", "shift_jis")
