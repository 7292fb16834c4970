"""The namespace `rowpattern` of frames of Polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl

from rowpattern.recognition.recognize import recognize

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from rowpattern.recognition.arguments import RecognizeArguments
    from rowpattern.sql.kinds import Streamed

__all__ = ["FrameNamespace", "LazyFrameNamespace"]


@pl.api.register_dataframe_namespace("rowpattern")
class FrameNamespace:
    """Row patterns of a frame.

    Examples:
        >>> import polars as pl
        >>> import rowpattern.polars
        >>> prices = pl.DataFrame({"day": [1, 2, 3], "price": [3, 2, 4]})
        >>> prices.rowpattern.recognize(
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": pl.col("price") < pl.col("price").shift()},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... ).to_dicts()
        [{'ended': 2}]
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        """Take the frame."""
        self._frame = frame

    @overload
    def recognize(self, *, stream: Streamed, **arguments: Unpack[RecognizeArguments]) -> pa.RecordBatchReader: ...
    @overload
    def recognize(self, *, stream: Literal[False] = False, **arguments: Unpack[RecognizeArguments]) -> pl.DataFrame: ...
    def recognize(self, *, stream: bool | Literal["in order"] = False, **arguments: Unpack[RecognizeArguments]) -> Any:
        """Find rows that match a pattern; see `rowpattern.recognize` for arguments, answers and errors.

        Returns:
            a `polars.DataFrame`; with `stream` a `pyarrow.RecordBatchReader`.
        """
        return recognize(self._frame, stream=stream, **arguments)


@pl.api.register_lazyframe_namespace("rowpattern")
class LazyFrameNamespace:
    """Row patterns of a lazy frame.

    Examples:
        >>> import polars as pl
        >>> import rowpattern.polars
        >>> prices = pl.LazyFrame({"day": [1, 2, 3], "price": [3, 2, 4]})
        >>> prices.rowpattern.recognize(
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... ).collect().to_dicts()
        [{'ended': 2}]
    """

    def __init__(self, frame: pl.LazyFrame) -> None:
        """Take the frame."""
        self._frame = frame

    @overload
    def recognize(self, *, stream: Streamed, **arguments: Unpack[RecognizeArguments]) -> pa.RecordBatchReader: ...
    @overload
    def recognize(self, *, stream: Literal[False] = False, **arguments: Unpack[RecognizeArguments]) -> pl.LazyFrame: ...
    def recognize(self, *, stream: bool | Literal["in order"] = False, **arguments: Unpack[RecognizeArguments]) -> Any:
        """Find rows that match a pattern, now; see `rowpattern.recognize` for arguments, answers and errors.

        Returns:
            a `polars.LazyFrame` over the answer; with `stream` a `pyarrow.RecordBatchReader`.
        """
        return recognize(self._frame, stream=stream, **arguments)
