"""The command line: one file a command, nothing heavy imported before it is needed."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from ..errors import UserError

# In the order of the help; each is a file here.
COMMANDS = ("run", "eval", "bench", "qualify", "plan", "inspect", "train", "export", "replay")

EXIT_FAILURE = 1
EXIT_BAD_ARGUMENTS = 2
EXIT_INTERRUPTED = 130


class BadArguments(Exception):
    """Arguments that parse, but that do not fit together or to the bundle."""


def parser() -> argparse.ArgumentParser:
    """The argument parser with every command."""
    root = argparse.ArgumentParser(
        prog="metaworld-rt",
        description="A sentence makes a humanoid walk: train in PyTorch, export one bundle, run it in C++ at 1 kHz.",
        epilog="exit status: 0 success, 1 failure, 2 bad arguments, 130 interrupted",
    )
    root.add_argument("--version", action=_Version, nargs=0, help="show versions and exit")
    commands = root.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f".{name}", __package__)
        command = commands.add_parser(
            name, help=module.HELP, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.execute)
    return root


class _Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        from .common import versions

        for name, version in versions().items():
            print(f"{name} {version}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status; a person's mistake is one line on stderr.

    METAWORLD_RT_DEBUG=1 in the environment shows the traceback instead.
    """
    args = parser().parse_args(arguments)
    try:
        return args.execute(args) or 0
    except BadArguments as error:
        return _fail(args.command, error, EXIT_BAD_ARGUMENTS)
    except KeyboardInterrupt as error:
        return _fail(args.command, error or "interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except (UserError, OSError, ValueError, RuntimeError, ImportError, MemoryError) as error:
        return _fail(args.command, error, EXIT_FAILURE)


def _fail(command: str, error: BaseException | str, status: int) -> int:
    if os.environ.get("METAWORLD_RT_DEBUG") and isinstance(error, BaseException):
        raise error
    message = " ".join(str(error).split()) or (error if isinstance(error, str) else type(error).__name__)
    if len(message) > 500:
        message = message[:497] + "..."
    print(f"metaworld-rt {command}: {message}", file=sys.stderr)
    return status
