"""The text that a command is asked about: its argument, or standard input."""

from __future__ import annotations

import os
import sys

from rowpattern.errors import ConfigurationError

__all__ = ["given_text"]


def given_text(argument: str, usage: str) -> str:
    """Return the text that an argument gives; `-` means what is read from standard input.

    Args:
        argument: the argument.
        usage: the command and its arguments that reads standard input.

    Raises:
        ConfigurationError: standard input is closed, or no UTF-8, or the argument is the path of a file.
    """
    if argument == "-":
        if sys.stdin is None:
            raise ConfigurationError("standard input is closed, from which - reads the text; give it as an argument")
        try:
            return sys.stdin.read()
        except UnicodeDecodeError as error:
            found = error.object[error.start]
            message = f"standard input is not {error.encoding.upper()}: byte {error.start} (from 0) is 0x{found:02x}"
            raise ConfigurationError(f"{message}; save the text as UTF-8") from None
    # A row pattern has no point and no slash, and a file may be called A.
    if {".", "/"} & set(argument) and os.path.isfile(argument):  # noqa: PTH113 - of any text, it raises nothing
        raise ConfigurationError(f"{argument} is a file; its text is read by rowpattern {usage} < {argument}")
    return argument
