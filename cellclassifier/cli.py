"""From the shell to a ``main`` and back: options, remarks, errors as sentences, exit codes."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import cellclassifier
from cellclassifier.errors import InputError
from cellclassifier.options import CommonOptions, available_cores
from cellclassifier.output import stopping
from cellclassifier.output.help_texts import help_texts
from cellclassifier.output.processes import is_first
from cellclassifier.output.remarks import RESULT, remarks_on_stdout

Config = TypeVar("Config")

KEPT = "Finished parts are kept: the same command goes on from there."
# Subcommands of "cellclassifier": modules with a docstring, Config, main and WHEN_STOPPED.
COMMANDS = {"annotate": "cellclassifier.annotation.command"}
CONSOLE = (
    "Name cells' types from single-cell RNA counts. With --version, say which version this is."
)
NOBODY_READS = 128 + 13  # the exit code that shells give to a process that SIGPIPE ended
# Libraries that "pip install cellclassifier" leaves out, and the extra that has each.
EXTRA = dict.fromkeys(("torch",), "networks")
EXTRA |= dict.fromkeys(("jinja2",), "report")
EXTRA |= dict.fromkeys(("transformers", "datasets", "huggingface_hub"), "geneformer")
EXTRA |= dict.fromkeys(("skimage", "PIL"), "protein-atlas")

if stopping.is_started_here():  # scripts import this module first, before what takes a second
    stopping.end_at_once(f"Stopped. {KEPT}" if is_first() else "")


@dataclass(frozen=True)
class Subcommand:
    """What a script does instead of its main work where its first argument is the name of it."""

    main: Callable[[object], object]
    config_class: type
    description: str


def run(
    main: Callable[[Config], object],
    config_class: type[Config],
    description: str,
    when_stopped: str = KEPT,
    subcommands: Mapping[str, Subcommand] = MappingProxyType({}),
) -> None:
    """Parse the command line into ``config_class``, call ``main`` with it, and exit.

    when_stopped: what a person should know after Ctrl-C or SIGTERM; subcommands: by their names.
    Exit codes: 0 success; 2 bad input or options (one sentence, no traceback); 130 Ctrl-C; 143
    SIGTERM; 141 where nobody reads what it prints any more.
    """
    _print_anywhere()
    if "--version" in sys.argv[1:]:
        return _say_version()
    import tyro

    look = {"config": _markers(), "registry": help_texts()}
    name = next(iter(sys.argv[1:]), "")
    if name in subcommands:
        chosen = subcommands[name]
        main, config_class, description = chosen.main, chosen.config_class, chosen.description
        look |= {"args": sys.argv[2:], "prog": f"{Path(sys.argv[0]).name} {name}"}
    with _while_somebody_reads():
        config = tyro.cli(config_class, description=_shown(description), **look)
        _call(main, config, when_stopped)


def console() -> None:
    """Run the command "cellclassifier", which has a subcommand for each of ``COMMANDS``."""
    _print_anywhere()
    if "--version" in sys.argv[1:]:
        return _say_version()
    import tyro

    look = {"config": _markers(), "registry": help_texts()}
    app = tyro.extras.SubcommandApp()
    modules = {name: import_module(module) for name, module in COMMANDS.items()}
    for name, module in modules.items():
        chosen = sys.argv[1:2] == [name]  # in the list of subcommands one line is enough
        about = _shown(module.__doc__) if chosen else module.__doc__.splitlines()[0]
        app.command(module.Config, name=name, help=about)
    with _while_somebody_reads():
        config = app.cli(prog="cellclassifier", description=CONSOLE, **look)
        module = next(m for m in modules.values() if isinstance(config, m.Config))
        _call(module.main, config, module.WHEN_STOPPED)


def _print_anywhere() -> None:
    """Signs that a terminal does not know (PYTHONIOENCODING=ascii) are printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's has not
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _while_somebody_reads() -> Iterator[None]:
    """End without a word where the reader of what is printed has gone ("| head"), as others do."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        with open(os.devnull, "wb") as nowhere:
            for stream in (sys.stdout, sys.stderr):  # Python flushes both in the end
                os.dup2(nowhere.fileno(), stream.fileno())
        sys.exit(NOBODY_READS)


def _say_version() -> None:
    print(f"cellclassifier {cellclassifier.__version__}")


def _shown(description: str) -> str:
    """Print a description, its paragraphs as wide as the terminal, where help is asked for.

    Returns the empty text that tyro is given, which joins lines and leaves them to the terminal.
    """
    if {"-h", "--help"} & {*sys.argv[1:]}:
        width = min(shutil.get_terminal_size().columns, 100)
        for paragraph in description.strip().split("\n\n"):
            plain = paragraph.startswith(" ")  # commands and tables of files
            print(paragraph if plain else textwrap.fill(paragraph, width), end="\n\n")
        print("--version says which version this is.", end="\n\n")
    return ""


def _markers() -> tuple:
    import tyro

    # "--umap" without a "--no-umap", and "INT" where the default is None, which nobody gives.
    plain = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
    return tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, *plain


def _call(main: Callable[[Config], object], config: Config, when_stopped: str) -> None:
    try:
        _load_libraries()  # not stoppable: libraries take an exception in an import for their own
        with stopping.stoppable():
            _run(main, config)
    except BrokenPipeError:
        raise
    except InputError as error:
        sys.exit(_fail(f"error: {error}", 2))
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        need = f"pip install 'cellclassifier[{EXTRA[error.name]}]'"
        sys.exit(_fail(f"error: {error.name} is not installed, and this needs it: {need}", 2))
    except OSError as error:
        if error.errno is None:
            raise
        file = error.filename2 or error.filename or "an output file"  # of a copy, the new one
        sys.exit(_fail(f"error: {error.strerror}: {file}", 2))
    except MemoryError:
        fewer = "take fewer cells at a time (--chunk-cells, --max-cells) or genes (--n-genes)"
        sys.exit(_fail(f"error: the memory of this machine is full: {fewer}", 2))
    except KeyboardInterrupt as stop:
        code = stopping.exit_code(stop)
        sys.exit(_fail(f"Stopped. {when_stopped}", code) if is_first() else code)


def _run(main: Callable[[Config], object], config: Config) -> None:
    from threadpoolctl import threadpool_limits

    from cellclassifier.output.lock import only_run_in
    from cellclassifier.output.sweep import sweep

    jobs = getattr(config, "jobs", None) or available_cores()
    with threadpool_limits(jobs), remarks_on_stdout(_level_of(config)):
        if not isinstance(config, CommonOptions):  # it writes into no output folder of ours
            main(config)
            return
        with only_run_in(config.output):
            if is_first():
                sweep(config.output)
            main(config)


def _load_libraries() -> None:
    """Import what scripts import on demand, once the arguments are known to be right."""
    import anndata  # noqa: F401
    import matplotlib
    import sklearn  # noqa: F401 (threadpool_limits reaches only libraries that are loaded)

    matplotlib.use("Agg")  # figures are files here, on machines with and without a screen


def _level_of(config: Config) -> int:
    """What the screen shows: --verbose, --quiet or neither."""
    verbose, quiet = (getattr(config, name, False) for name in ("verbose", "quiet"))
    if verbose and quiet:
        raise InputError("--verbose and --quiet contradict each other: choose one")
    return logging.DEBUG if verbose else RESULT if quiet else logging.INFO


def say_where(folder: Path) -> None:
    """The last line of every script: where the outputs are."""
    print(f"Outputs: {Path(folder).resolve()}")


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
