"""The libraries that learn: wanted only when a model is trained or asked, so they are loaded then."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from lingque.core.errors import ConfigurationError

NAMES = ("lightgbm", "scikit-learn", "numpy")


def load(module: str) -> Any:
    """The module. Raises `ConfigurationError` that says what to install where it cannot be loaded."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"models need the library '{error.name or module}', which is not installed",
            next_step="install Lingque with its models: pip install 'lingque[models]'",
        ) from error
    except OSError as error:  # a shared library of the system is missing, mostly OpenMP's
        raise ConfigurationError(
            f"'{module}' is installed and cannot be loaded: {error}",
            next_step="install OpenMP: the package libgomp1 on Debian and Ubuntu, libgomp on Red Hat and openEuler",
        ) from error


def library_versions() -> dict[str, str]:
    """What a version of a model was trained with."""
    return {name: version(name) for name in NAMES}
