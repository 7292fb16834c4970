"""Numbers with a fraction and times from pandas: NaN and NaT are NULL, as pyarrow has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rowpattern.errors import QueryError
from rowpattern.sql.tables.pandas_values import from_pandas

FLOATS = ["float32", "float64", "float16"]


@given(arrays.arrays(st.sampled_from(FLOATS), st.integers(0, 40), elements=st.floats(width=16)), st.integers(1, 3))
def test_as_pyarrow(values: Any, step: int) -> None:
    # Strided, too.
    values = values[::step]
    expected = pa.array(values, from_pandas=True)
    found = from_pandas(values, "x")
    assert found.type == expected.type
    assert found.null_count == expected.null_count
    found.validate(full=True)
    assert found.to_pylist() == expected.to_pylist()


@given(
    st.sampled_from(["datetime64", "timedelta64"]),
    st.sampled_from(["s", "ms", "us", "ns", "m", "25us"]),
    st.lists(st.integers(-(2**40), 2**40) | st.just(np.iinfo(np.int64).min), max_size=20),
)
def test_times_as_pyarrow(kind: str, unit: str, numbers: list[int]) -> None:
    values = np.array(numbers, np.int64).view(f"{kind}[{unit}]")
    try:
        expected = pa.array(values, from_pandas=True)
    except pa.ArrowException:
        with pytest.raises(QueryError, match="column x"):
            from_pandas(values, "x")
        return
    found = from_pandas(values, "x")
    assert found.equals(pa.chunked_array([expected]))
    found.validate(full=True)


@pytest.mark.parametrize("last", [0.0, np.inf, np.nan])
def test_numbers_are_not_copied(last: float) -> None:
    values = np.array([1.5, -0.0, last])
    (chunk,) = from_pandas(values, "x").chunks
    assert chunk.buffers()[1].address == values.ctypes.data
    assert chunk.null_count == np.isnan(last)
