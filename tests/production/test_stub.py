"""`_core.pyi` has the docstrings of the built extension; that it says exactly what it offers, `make types` checks."""

from __future__ import annotations

from stub_docstrings import STUB, missing_docstrings


def test_the_stub_has_the_docstrings_of_what_is_public() -> None:
    """Editors show them; `python tests/helpers/stub_docstrings.py` writes them."""
    assert missing_docstrings(STUB.read_text(encoding="utf-8")) == []
