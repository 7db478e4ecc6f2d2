"""From a `--semantic` argument to a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backend import BackendError, SemanticBackend

KINDS = "embedded | matcher | transformers:PATH | openai:URL"


def make_backend(spec: str = "embedded", **options: Any) -> SemanticBackend:
    """A backend from its name.

    Args:
        spec: `embedded` (the shipped model), `matcher` (keywords), `transformers:PATH` (a local image-text-to-text
            model folder) or `openai:URL` (an OpenAI-compatible server, e.g. `openai:http://localhost:8000/v1`).
        **options: passed to the backend (see its constructor).

    Raises:
        BackendError: no such backend, or it cannot be made here; the message says what to do.
    """
    kind, _, argument = spec.partition(":")
    makers: dict[str, Callable[..., SemanticBackend]] = {
        "embedded": _embedded,
        "matcher": _matcher,
        "transformers": _transformers,
        "openai": _openai,
    }
    if kind not in makers:
        raise BackendError(f"no semantic backend {spec!r}; there are: {KINDS}")
    if kind in ("transformers", "openai") and not argument:
        raise BackendError(f"{kind} needs an argument: {KINDS}")
    return makers[kind](argument, **options)


def _matcher(_: str, **options: Any) -> SemanticBackend:
    from .matcher import Matcher

    return Matcher(**options)


def _embedded(path: str, **options: Any) -> SemanticBackend:
    from .embedded import Embedded

    return Embedded(path or None, **options)


def _transformers(path: str, **options: Any) -> SemanticBackend:
    from .transformers_backend import TransformersBackend

    return TransformersBackend(path, **options)


def _openai(url: str, **options: Any) -> SemanticBackend:
    from .openai_backend import OpenAIBackend

    return OpenAIBackend(url, **options)
