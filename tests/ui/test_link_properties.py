"""Any link opens a page: a value is read, or told of in a sentence, and what was read is written as it can be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ui.address.fields import Field, Unknown
from ui.shell import addresses

FIELDS = list({field.key: field for page in addresses.PAGES for field in addresses.of(page)}.values())
VALUES = (
    st.text(max_size=60)
    | st.from_regex(r"[0-9:.,+-]{0,40}", fullmatch=True)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["true", "false", "dense", "sparse", "combined", "demo", "minilm"])
    | st.lists(st.text(max_size=8), max_size=4).map(json.dumps)
    | st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=5).map(json.dumps)
)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
@example(value="0" * 12 + "9" * 5000)
@example(value="9" * 5000)
@example(value="[" * 9000)
def test_a_value_is_read_or_told_and_comes_back(field: Field, value: str) -> None:
    try:
        read = field.read(value)
    except Unknown:
        return
    assert read == field.default() or field.read(field.write(read)) == read


@pytest.mark.parametrize("value", ["0000000000009999999", "0" * 12 + "9" * 5000])
def test_a_number_of_many_digits_is_still_held_to_its_limits(value: str) -> None:
    (k,) = (field for field in FIELDS if field.key == "recall_k")
    with pytest.raises(Unknown, match="a whole number from"):
        k.read(value)
