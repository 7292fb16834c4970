"""The keys of a node of the parser's tree: each is known, or the query is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rowpattern.errors import UnsupportedQueryError

__all__ = ["Fields", "Json"]

Json = dict[str, Any]

# Values of keys that change nothing.
_NOTHING: tuple[Any, ...] = (None, False, "", [], {}, "STANDARD_HANDLING")

# A node that stands nowhere in the text.
_NOWHERE = (1 << 64) - 1


class Refusing(Protocol):
    """What reads nodes, and says where one stands that it does not know."""

    def unknown(self, what: str, keys: Fields) -> UnsupportedQueryError:
        """Make the error for what is not known."""


class Fields:
    """The keys of one node of the parser's tree; each is taken once, and what is left over is refused."""

    def __init__(self, node: Json, reader: Refusing) -> None:
        """Take the keys of a node; where it stands in the text is kept apart."""
        self._left = dict(node)
        self._reader = reader
        self.location = self._left.pop("query_location", _NOWHERE)
        self.length = self._left.pop("query_location_length", 0)

    def take(self, name: str, default: Any = None) -> Any:
        """Return the value of a key; it is known from now on."""
        return self._left.pop(name, default)

    def node(self, name: str) -> Json:
        """Return the value of a key that must be a node."""
        found = self._left.pop(name, None)
        if not isinstance(found, dict):
            raise self._reader.unknown(f"a tree without {name}", self)
        return found

    def nodes(self, name: str) -> list[Json]:
        """Return the value of a key that must be a list of nodes, or nothing."""
        found = self._left.pop(name, None) or []
        if not isinstance(found, list):
            raise self._reader.unknown(f"a tree with another {name}", self)
        for each in found:
            if not isinstance(each, dict):
                raise self._reader.unknown(f"a tree with another {name}", self)
        return found

    def end(self) -> None:
        """Refuse keys that were not taken and say something."""
        for name, value in self._left.items():
            if value not in _NOTHING:
                raise self._reader.unknown(f"{name.replace('_', ' ')} {str(value)[:40]}", self)
