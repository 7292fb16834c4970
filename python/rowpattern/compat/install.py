"""Import hooks for `src...`: modules of this package under the names of the pure-Python system's modules."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from rowpattern.cache import api
from rowpattern.compat import configuration
from rowpattern.config import process as process_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

__all__ = ["install_as_src"]

_REPLACEMENTS = {
    "src.utils.pattern_cache": "rowpattern.pattern_cache",
    "src.monitoring.cache_monitor": "rowpattern.cache_monitor",
    configuration.NAME: "rowpattern.production_config",
}

# The engine's executor reaches the cache through this module and not by the one above: its functions are patched.
_PATCHED_MODULE = "src.utils.performance_optimizer"

_PACKAGES = frozenset({"src", "src.utils", "src.monitoring", "src.config"})


def install_as_src() -> None:
    """Make `src.utils.pattern_cache`, `src.monitoring.cache_monitor` and `src.config.production_config` this package's.

    They are then the modules of the same name in this package, whether or not a package `src` is installed. The rest of
    an installed `src` is left alone, but for the second way to its cache in `src.utils.performance_optimizer`, which
    then leads here too. Calling it again does nothing.

    Call it before the first import of `src`; in modules that were imported earlier, names are replaced as far as they
    go.
    """
    if any(isinstance(finder, _ReplacementFinder) for finder in sys.meta_path):
        return
    source = configuration.OriginalConfiguration()
    sys.meta_path.insert(0, _ReplacementFinder(source))
    sys.meta_path.append(_EmptyPackageFinder())
    importlib.invalidate_caches()
    process_config.read_from(source)
    replaced: _Replaced = {}
    for original, replacement in _REPLACEMENTS.items():
        if original not in sys.modules:
            continue
        if original == configuration.NAME and configuration.does_more(sys.modules[original]):
            source.follow(sys.modules[original])
        else:
            replaced.update(_replace(original, importlib.import_module(replacement)))
    if _PATCHED_MODULE in sys.modules:
        replaced.update(_patch(sys.modules[_PATCHED_MODULE]))
    for name, module in list(sys.modules.items()):
        if name == "src" or name.startswith("src."):
            for attribute, value in list(vars(module).items()):
                if id(value) in replaced:
                    setattr(module, attribute, replaced[id(value)][1])


# By the identity of what was replaced: that object (kept, so that no other one takes its identity) and its replacement.
_Replaced = dict[int, tuple[object, object]]


def _replace(name: str, replacement: ModuleType) -> _Replaced:
    """Put a module of this package in the place of an imported one."""
    original = sys.modules[name]
    sys.modules[name] = replacement
    same = {
        id(value): (value, getattr(replacement, attribute))
        for attribute, value in vars(original).items()
        if callable(value) and getattr(value, "__module__", None) == name and hasattr(replacement, attribute)
    }
    return {id(original): (original, replacement), **same}


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
    """Replace the functions by which the engine's executor reaches its cache."""
    replaced: _Replaced = {}
    for name, replacement in _PATCHES.items():
        if hasattr(module, name):
            original = getattr(module, name)
            replaced[id(original)] = (original, replacement)
            setattr(module, name, replacement)
    return replaced


class _ReplacementFinder(importlib.abc.MetaPathFinder):
    """Comes first: modules of this package under the other system's names."""

    def __init__(self, source: configuration.OriginalConfiguration) -> None:
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == configuration.NAME:
            spec = self._find_original(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _ConfigurationLoader(spec.loader, self._source)
                return spec
        if fullname in _REPLACEMENTS:
            return importlib.machinery.ModuleSpec(fullname, _ReplacementLoader(_REPLACEMENTS[fullname]))
        if fullname != _PATCHED_MODULE:
            return None
        spec = self._find_original(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader)
        return spec

    def _find_original(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module as if this finder did not exist."""
        specs = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        return next((spec for spec in specs if spec is not None), None)


class _EmptyPackageFinder(importlib.abc.MetaPathFinder):
    """Comes last: empty packages above those modules, where none are installed."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _PACKAGES:
            return None
        return importlib.machinery.ModuleSpec(fullname, None, is_package=True)


class _ReplacementLoader(importlib.abc.Loader):
    def __init__(self, replacement: str) -> None:
        self._replacement = replacement
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        module = importlib.import_module(self._replacement)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written its own over it.
        module.__spec__ = self._spec


class _OriginalLoader(importlib.abc.Loader):
    """Loads an installed module, as its own loader does."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._original.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._original.exec_module(module)


class _PatchingLoader(_OriginalLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _patch(module)


class _ConfigurationLoader(_OriginalLoader):
    """Loads the installed configuration, which stays where it does more than this package's."""

    def __init__(self, original: Any, source: configuration.OriginalConfiguration) -> None:
        super().__init__(original)
        self._source = source

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if configuration.does_more(module):
            self._source.follow(module)
        else:
            # The import system takes what stands here afterwards.
            sys.modules[configuration.NAME] = importlib.import_module(_REPLACEMENTS[configuration.NAME])
