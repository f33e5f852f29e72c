"""From the shell to a script's ``main`` and back: options, errors as sentences, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import matplotlib
import tyro
from threadpoolctl import threadpool_limits

from cellclassifier.errors import InputError
from cellclassifier.options import available_cores, require_positive  # noqa: F401 (for scripts)

Config = TypeVar("Config")


KEPT = "Finished parts are kept: the same command goes on from there."


def run(
    main: Callable[[Config], object],
    config_class: type[Config],
    description: str,
    when_stopped: str = KEPT,
) -> None:
    """Parse the command line into ``config_class``, call ``main`` with it, and exit.

    when_stopped: what a person should know after Ctrl-C.
    Exit codes: 0 success; 2 bad input or options (one sentence, no traceback); 130 Ctrl-C.
    """
    config = tyro.cli(config_class, description=description, config=(tyro.conf.OmitArgPrefixes,))
    matplotlib.use("Agg")  # figures are files here, on machines with and without a screen
    try:
        with threadpool_limits(getattr(config, "jobs", None) or available_cores()):
            main(config)
    except InputError as error:
        sys.exit(_fail(f"error: {error}", 2))
    except OSError as error:
        if error.errno is None:
            raise
        file = error.filename2 or error.filename or "an output file"  # of a copy, the new one
        sys.exit(_fail(f"error: {error.strerror}: {file}", 2))
    except MemoryError:
        fewer = "take fewer cells at a time (--chunk-cells, --max-cells) or genes (--n-genes)"
        sys.exit(_fail(f"error: the memory of this machine is full: {fewer}", 2))
    except KeyboardInterrupt:
        sys.exit(_fail(f"Stopped. {when_stopped}", 130))


def say_where(folder: Path) -> None:
    """The last line of every script: where the outputs are."""
    print(f"Outputs: {Path(folder).resolve()}")


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
