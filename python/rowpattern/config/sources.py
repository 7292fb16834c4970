"""Where settings come from besides calls: a file of JSON or TOML, and the environment.

Both give `Given`: values by section and name, with where they stand. Section `""` has those that are in no section.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowpattern.config.performance import READERS, Origin
from rowpattern.config.values import mapping, not_a_setting, placed, shown
from rowpattern.errors import ConfigurationError, ConfigurationWarning, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIG_FILE", "SECTIONS", "VARIABLES", "Given", "given_by_environment", "given_by_file", "given_by_mapping"]

Given = dict[str, dict[str, Origin]]

SECTIONS = ("performance", "logging", "security", "monitoring", "resources")

#: The variable that names a file of settings.
CONFIG_FILE = "MR_CONFIG_FILE"

#: Section and name of what each variable sets.
VARIABLES = {
    **{f"MR_{name.upper()}": ("performance", name) for name in READERS},
    "MR_LOG_LEVEL": ("logging", "level"),
    "MR_LOG_FILE": ("logging", "log_file"),
    "MR_ENVIRONMENT": ("", "environment"),
    "MR_DEBUG": ("", "debug"),
}

# The pure-Python system's, for what only that system does.
_NOT_OURS = frozenset({"MR_MAX_PARTITION_SIZE", "MR_PARALLEL_PROCESSING"})


def given_by_environment(variables: Mapping[str, str]) -> Given:
    """Return what variables say, above what the file says that one of them names; warn of unknown ones.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    known = {*VARIABLES, CONFIG_FILE}
    for variable in variables:
        # A caller's mapping may have keys that are not text.
        if str(variable).startswith("MR_") and variable not in known | _NOT_OURS:
            warnings.warn(not_a_setting(variable, known), ConfigurationWarning, stacklevel=4)
    given: Given = {}
    if path := variables.get(CONFIG_FILE):
        try:
            given = given_by_file(path)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigurationError(f"{CONFIG_FILE} is {shown(path)}, which cannot be read: {reason}") from None
        except MissingDependencyError as error:
            raise ConfigurationError(f"{CONFIG_FILE} is {shown(path)}, which cannot be read: {error}") from error
    for variable, (section, name) in VARIABLES.items():
        if variable in variables:
            given.setdefault(section, {})[name] = Origin(variables[variable], "environment", variable)
    return given


def given_by_file(path: str | os.PathLike[str]) -> Given:
    """Return what a file says, TOML where its name ends with `.toml` and JSON otherwise.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigurationError: it is no such file, or has no such sections.
        MissingDependencyError: it is TOML, and this Python has no reader of it.
    """
    place = os.fspath(path)
    data = Path(path).read_bytes()
    with placed(place):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"it is not UTF-8 (byte {error.start})") from None
        try:
            value = _toml(text) if place.lower().endswith(".toml") else _json(text)
        except RecursionError:
            raise ConfigurationError("it is not a configuration: it is nested too deeply") from None
        return given_by_mapping(value, "file", place)


def given_by_mapping(data: object, source: str, place: str = "") -> Given:
    """Return what a mapping of sections says, as `{"performance": {"cache_size_limit": 1000}}`.

    Raises:
        ConfigurationError: it, or a section of it, is no mapping.
    """
    given: Given = {}
    for name, value in mapping("the configuration", data).items():
        if name in SECTIONS:
            given[name] = {each: Origin(item, source, place) for each, item in mapping(name, value).items()}
        else:
            given.setdefault("", {})[name] = Origin(value, source, place)
    return given


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"it is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None


def _toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError as error:
            message = "TOML needs Python 3.11, or the package tomli (pip install tomli); JSON needs neither"
            raise MissingDependencyError(message, name="tomli") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"it is not TOML: {error}") from None
