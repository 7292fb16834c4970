"""The accessor `rowpattern` of frames of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rowpattern.recognition.recognize import recognize

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rowpattern.recognition.arguments import RecognizeArguments

__all__ = ["FrameAccessor"]


@pd.api.extensions.register_dataframe_accessor("rowpattern")
class FrameAccessor:
    """Row patterns of a frame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """Take the frame."""
        self._frame = frame

    def recognize(self, **arguments: Unpack[RecognizeArguments]) -> Any:
        """Find rows that match a pattern; see `rowpattern.recognize` for arguments, answers and errors.

        Returns:
            a frame of the class of the one given; with `stream` a `pyarrow.RecordBatchReader`.
        """
        return recognize(self._frame, **arguments)
