"""Imports of `src...`: our modules under the names of the pure-Python system's."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from rowpattern.cache import api

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["install"]

_OURS = {
    "src.utils.pattern_cache": "rowpattern.pattern_cache",
    "src.monitoring.cache_monitor": "rowpattern.cache_monitor",
    "src.config.production_config": "rowpattern.production_config",
}

# The engine's executor reaches the cache through this module, past the one above.
_OTHER_WAY = "src.utils.performance_optimizer"

_PACKAGES = frozenset({"src", "src.utils", "src.monitoring", "src.config"})


def install() -> None:
    """Do what `rowpattern.compat.install_as_src` says."""
    if any(isinstance(finder, _FindOurs) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _FindOurs())
    sys.meta_path.append(_FindPackages())
    importlib.invalidate_caches()
    replaced: _Replaced = {}
    for theirs, ours in _OURS.items():
        if theirs in sys.modules:
            replaced.update(_replace(theirs, importlib.import_module(ours)))
    if _OTHER_WAY in sys.modules:
        replaced.update(_patch(sys.modules[_OTHER_WAY]))
    for name, module in list(sys.modules.items()):
        if name == "src" or name.startswith("src."):
            for attribute, value in list(vars(module).items()):
                if id(value) in replaced:
                    setattr(module, attribute, replaced[id(value)][1])


# Theirs by identity, with theirs (so that no other object takes its identity) and ours.
_Replaced = dict[int, tuple[object, object]]


def _replace(name: str, ours: ModuleType) -> _Replaced:
    """Put our module in the place of an imported one."""
    theirs = sys.modules[name]
    sys.modules[name] = ours
    same = {
        id(value): (value, getattr(ours, attribute))
        for attribute, value in vars(theirs).items()
        if callable(value) and getattr(value, "__module__", None) == name and hasattr(ours, attribute)
    }
    return {id(theirs): (theirs, ours), **same}


def _smart_cache(_resource_profile: object = None) -> Any:
    """Return the cache; limits are those that are set, whatever the machine."""
    return api.get_pattern_cache()


def _caching_enabled() -> bool:
    return api.is_caching_enabled()


def _clear() -> None:
    api.clear_pattern_cache()


_PATCHES: dict[str, Callable[..., Any]] = {
    "get_smart_cache": _smart_cache,
    "clear_smart_cache": _clear,
    "is_smart_caching_enabled": _caching_enabled,
    "is_caching_enabled": _caching_enabled,
}


def _patch(module: ModuleType) -> _Replaced:
    """Lead the functions of the other way to the cache here."""
    replaced: _Replaced = {}
    for name, ours in _PATCHES.items():
        if hasattr(module, name):
            theirs = getattr(module, name)
            replaced[id(theirs)] = (theirs, ours)
            setattr(module, name, ours)
    return replaced


class _FindOurs(importlib.abc.MetaPathFinder):
    """Comes first: our modules under their names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in _OURS:
            return importlib.machinery.ModuleSpec(fullname, _LoadOurs(_OURS[fullname]))
        if fullname != _OTHER_WAY:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _LoadAndPatch(spec.loader)
                return spec
        return None


class _FindPackages(importlib.abc.MetaPathFinder):
    """Comes last: empty packages above our modules, where none are installed."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _PACKAGES:
            return None
        return importlib.machinery.ModuleSpec(fullname, None, is_package=True)


class _LoadOurs(importlib.abc.Loader):
    def __init__(self, ours: str) -> None:
        self._ours = ours
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        module = importlib.import_module(self._ours)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written its own over it.
        module.__spec__ = self._spec


class _LoadAndPatch(importlib.abc.Loader):
    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._theirs.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._theirs.exec_module(module)
        _patch(module)
