"""Dates in the spellings people, programs and spreadsheets have."""

from datetime import datetime

import pytest

from core.readers.dates import Order, read

NOON = datetime(2023, 5, 20, 14, 30)
DAY = datetime(2023, 5, 20)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2023-05-20T14:30:00Z", NOON),
        ("2023-05-20T14:30:00.123456789+02:00", datetime(2023, 5, 20, 12, 30, 0, 123456)),
        ("2023-05-20 14:30:00 +0000 UTC", NOON),
        ("20/05/2023 14:30", NOON),
        ("05/20/2023", DAY),
        ("20.05.2023", DAY),
        ("May 20, 2023", DAY),
        ("Sat, 20 May 2023 14:30:00 GMT", NOON),
        ("Sat, 20 May 2023 14:30:00 +0200", datetime(2023, 5, 20, 12, 30)),
        ("2023/05/20 (Sat) 02:21", datetime(2023, 5, 20, 2, 21)),
        ("4:04 pm on 20 January, 2023", datetime(2023, 1, 20, 16, 4)),
        ("March-15-2024", datetime(2024, 3, 15)),
        ("29.12.2023, 22:42:04", datetime(2023, 12, 29, 22, 42, 4)),
        ("2023-W20", datetime(2023, 5, 15)),
        (45066, DAY),
        ("45066.5", datetime(2023, 5, 20, 12)),
        (1_684_592_400, datetime(2023, 5, 20, 14, 20)),
        ("1684592400000", datetime(2023, 5, 20, 14, 20)),
        (1_684_592_400_000_000_000, datetime(2023, 5, 20, 14, 20)),
        (20230520, DAY),
        ("null", None),
        ("", None),
        (None, None),
    ],
)
def test_spellings(written: object, expected: datetime | None) -> None:
    assert read(written) == (expected, "")


@pytest.mark.parametrize(
    ("written", "day_first", "expected"),
    [
        ("05/06/2023", None, (datetime(2023, 5, 6), "order")),
        ("05/06/2023", True, (datetime(2023, 6, 5), "")),
        ("05/06/2023", False, (datetime(2023, 5, 6), "")),
        ("05.06.2023", None, (datetime(2023, 6, 5), "")),
        ("06/06/2023", None, (datetime(2023, 6, 6), "")),
        ("2023", None, (datetime(2023, 1, 1), "part")),
        ("May 2023", None, (datetime(2023, 5, 1), "part")),
    ],
)
def test_what_is_ambiguous_is_said(written: str, day_first: bool | None, expected: tuple[datetime, str]) -> None:
    assert read(written, day_first) == expected


@pytest.mark.parametrize("written", ["yesterday", "14:30", "May 20", "0000-00-00", "x" * 200, 1e300, True, [1]])
def test_what_nobody_can_read(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(written)


def test_one_date_shows_the_order_of_the_others() -> None:
    order = Order()
    for written in ("05/06/2023", "no date", None, "14/06/2023"):
        order.learn(written)
    assert order.day_first is True
