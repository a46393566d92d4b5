"""dubwright: a local-first dubbing studio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dubwright.studio import Studio

__all__ = ["Studio", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazily, so that `import dubwright` (and the CLI's --help) loads no engine.
    if name == "Studio":
        from dubwright.studio import Studio

        return Studio
    raise AttributeError(name)
