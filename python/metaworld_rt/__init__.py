"""A hierarchical humanoid controller: one bundle, a C++ loop at 1 kHz, an instruction in plain words.

    import metaworld_rt as mw

    bundle = mw.load("h1-locomotion")
    controller = mw.Controller(bundle)
    controller.post({"walk": 1.0}, t_ns=t_ns)
    command = controller.step(t_ns, observation)  # command.q: joint position targets, rad

Names are imported when they are first used: training and tasks need no compiled extension.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import (
        Bundle,
        Command,
        CommandMode,
        Error,
        Goal,
        Mode,
        Network,
        RealtimeLoop,
        SkillCommand,
        Stage,
        Status,
        Until,
        __version__,
    )
    from .controller import Controller, load, skill_command
    from .errors import UserError

__all__ = [
    "Bundle",
    "Command",
    "CommandMode",
    "Controller",
    "Error",
    "Goal",
    "Mode",
    "Network",
    "RealtimeLoop",
    "SkillCommand",
    "Stage",
    "Status",
    "Until",
    "UserError",
    "__version__",
    "load",
    "skill_command",
]

_HOMES = {
    "Controller": "controller",
    "UserError": "errors",
    "load": "controller",
    "skill_command": "controller",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES.get(name, '_core')}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
