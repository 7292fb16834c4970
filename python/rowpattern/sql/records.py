"""Records: classes of named fields, as `dataclasses` makes them, which cost nearly nothing to define.

`dataclasses.dataclass` writes and compiles the methods of each class: 0.3 ms a class, of which a first query imports
sixty. Here all classes share their methods. They are compared and hashed by their class and fields.

>>> from rowpattern.sql.records import Record, replace
>>> class Point(Record):
...     x: int
...     y: int = 0
>>> replace(Point(1), y=2)
Point(x=1, y=2)
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Tell type checkers that classes are as dataclasses are; they read this, and nothing else does."""
        return lambda kind: kind


__all__ = ["Record", "field", "field_names", "replace"]

_MISSING = object()
# A class of which so many records were made gets a method of its own that makes one in a quarter of the time. Compiling
# it takes as long as making fifty, and most classes have fewer in all of a process.
_MANY = 500

_Kind = TypeVar("_Kind", bound="Record")


class _Field:
    """What is said of a field beside its type."""

    __slots__ = ("compare", "default", "default_factory", "kw_only")

    def __init__(
        self, default: object, default_factory: Callable[[], object] | None, compare: bool, kw_only: bool
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.compare = compare
        self.kw_only = kw_only


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    compare: bool = True,
    kw_only: bool = False,
) -> Any:
    """Say more of a field.

    Args:
        default: its value where none is given.
        default_factory: makes that value.
        compare: whether records are compared and hashed by it.
        kw_only: whether it is given by name only.
    """
    return _Field(default, default_factory, compare, kw_only)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """A class of named fields; `class Name(Record, frozen=False)` has fields that can be set."""

    # Names of fields by kind, and what stands for those that are not given.
    _fields: ClassVar[dict[str, _Field]] = {}
    _positional: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, object]] = {}
    _factories: ClassVar[dict[str, Callable[[], object]]] = {}
    _compared: ClassVar[staticmethod[[Any], object]] = staticmethod(lambda _: ())
    _made: ClassVar[int] = 0

    def __init_subclass__(cls, *, frozen: bool = True) -> None:
        """Find the fields."""
        fields = dict(cls._fields)
        for name in cls.__annotations__:
            said = cls.__dict__.get(name, _MISSING)
            fields[name] = said if isinstance(said, _Field) else _Field(said, None, compare=True, kw_only=False)
            if isinstance(said, _Field):
                delattr(cls, name)
        cls._fields = fields
        cls._made = 0
        # Not the one that was compiled for a class above.
        cls.__init__ = Record.__init__  # type: ignore[method-assign]
        cls._positional = tuple(name for name, each in fields.items() if not each.kw_only)
        cls._defaults = {name: each.default for name, each in fields.items() if each.default is not _MISSING}
        cls._factories = {
            name: each.default_factory for name, each in fields.items() if each.default_factory is not None
        }
        compared = [name for name, each in fields.items() if each.compare]
        cls._compared = staticmethod(attrgetter(*compared) if compared else lambda _: ())
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[assignment,method-assign] # its own
            cls.__hash__ = None  # type: ignore[assignment] # what may change has none

    def __init__(self, *values: object, **named: object) -> None:
        """Take the fields, in order or by name."""
        fields, positional = self._fields, self._positional
        held = self.__dict__
        if len(values) < len(fields):
            held.update(self._defaults)
        held.update(zip(positional, values))
        if named:
            held.update(named)
        for name, make in self._factories.items():
            if name not in held:
                held[name] = make()
        is_complete = held.keys() == fields.keys() if named else len(held) == len(fields)
        if not is_complete or len(values) > len(positional):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}")
        self._count()

    @classmethod
    def _count(cls) -> None:
        cls._made += 1
        if cls._made == _MANY:
            cls.__init__ = cls._compiled()  # type: ignore[method-assign] # that of this class

    @classmethod
    def _compiled(cls) -> Any:
        """Return what takes the fields as `__init__` does, for this class alone."""
        values: dict[str, object] = {"missing": _MISSING}

        def parameter(name: str) -> str:
            if name in cls._defaults:
                values[f"default_{name}"] = cls._defaults[name]
                return f"{name}=default_{name}"
            return f"{name}=missing" if name in cls._factories else name

        by_name = [name for name in cls._fields if name not in cls._positional]
        parameters = [*map(parameter, cls._positional), *(["*"] if by_name else []), *map(parameter, by_name)]
        lines = [f"def __init__(self, {', '.join(parameters)}):", " held = self.__dict__"]
        for name in cls._fields:
            made = ""
            if name in cls._factories:
                values[f"make_{name}"] = cls._factories[name]
                made = f" if {name} is not missing else make_{name}()"
            lines.append(f" held[{name!r}] = {name}{made}")
        exec("\n".join(lines), values)  # noqa: S102 - of the names of a class's fields
        return values["__init__"]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} of {type(self).__name__} cannot be set")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared(self) == self._compared(other)

    def __hash__(self) -> int:
        # Records stand in others, and are looked up often: each is asked once.
        held = self.__dict__
        found: int | None = held.get("_hash")
        if found is None:
            found = held["_hash"] = hash(self._compared(self))
        return found

    def __getstate__(self) -> dict[str, object]:
        # Texts have other hashes in another process.
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"


def field_names(kind: type[Record]) -> list[str]:
    """Return the names of a class's fields, in order."""
    return list(kind._fields)


def replace(record: _Kind, **changes: Any) -> _Kind:
    """Return a record of the same class, with other values of some fields."""
    kind = type(record)
    held = record.__dict__
    made = object.__new__(kind)
    if len(held) > len(kind._fields):
        # Nothing that was computed of the other's fields is taken over.
        held = {name: held[name] for name in kind._fields}
    fields = made.__dict__
    fields.update(held)
    fields.update(changes)
    if len(fields) != len(kind._fields):
        raise TypeError(f"{kind.__name__} has the fields {', '.join(kind._fields)}")
    return made
