"""The files of deploy/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["DEPLOY", "MANIFESTS", "ROOT"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "service.yaml").read_text()))
