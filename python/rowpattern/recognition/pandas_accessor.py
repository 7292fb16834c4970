"""The accessor `rowpattern` of frames of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import pandas as pd

from rowpattern.recognition.recognize import recognize

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from rowpattern.recognition.arguments import RecognizeArguments
    from rowpattern.sql.kinds import Streamed

__all__ = ["FrameAccessor"]


@pd.api.extensions.register_dataframe_accessor("rowpattern")
class FrameAccessor:
    """Row patterns of a frame.

    Examples:
        >>> import pandas as pd
        >>> import rowpattern.pandas
        >>> prices = pd.DataFrame({"day": [1, 2, 3], "price": [3, 2, 4]})
        >>> prices.rowpattern.recognize(
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... )
           ended
        0      2
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        """Take the frame."""
        self._frame = frame

    @overload
    def recognize(self, *, stream: Streamed, **arguments: Unpack[RecognizeArguments]) -> pa.RecordBatchReader: ...
    @overload
    def recognize(self, *, stream: Literal[False] = False, **arguments: Unpack[RecognizeArguments]) -> pd.DataFrame: ...
    def recognize(self, *, stream: bool | Literal["in order"] = False, **arguments: Unpack[RecognizeArguments]) -> Any:
        """Find rows that match a pattern; see `rowpattern.recognize` for arguments, answers and errors.

        Returns:
            a frame of the class of the one given; with `stream` a `pyarrow.RecordBatchReader`.
        """
        return recognize(self._frame, stream=stream, **arguments)
