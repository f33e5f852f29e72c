"""What --help says of an option: its docstring in whole lines, and a default that says something.

tyro breaks the lines of a docstring where the code does, and prints "(default: None)" where the
docstring says in words what happens without the option.
"""

from __future__ import annotations

import dataclasses
import inspect
from functools import partial
from typing import TYPE_CHECKING, Annotated, get_type_hints

if TYPE_CHECKING:
    from tyro.constructors import (
        ConstructorRegistry,
        StructConstructorSpec,
        StructFieldSpec,
        StructTypeInfo,
    )

SAYS_NOTHING = ("None", "False", "")  # as a default: the option is simply not given


def help_texts() -> ConstructorRegistry:
    """What ``tyro.cli`` is to know of dataclasses of options, as its ``registry``."""
    from tyro.constructors import ConstructorRegistry

    registry = ConstructorRegistry()
    registry.struct_rule(_options)
    return registry


def _options(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The fields of a dataclass; None of anything else, which tyro then knows itself.

    So it does its own wrapper of subcommands, whose field is of no type that could be named.
    """
    from tyro.constructors import StructConstructorSpec

    if not dataclasses.is_dataclass(info.type) or getattr(info.type, "__parameters__", ()):
        return None
    types, fields = get_type_hints(info.type), dataclasses.fields(info.type)
    specs = tuple(_option(info.type, field, types[field.name]) for field in fields)
    return StructConstructorSpec(instantiate=info.type, fields=specs)


def _option(options: type, field: dataclasses.Field, kind: type) -> StructFieldSpec:
    import tyro

    shown = tyro.conf.arg(help_behavior_hint=_default)
    required = field.default is dataclasses.MISSING
    return tyro.constructors.StructFieldSpec(
        name=field.name,
        type=Annotated[kind, shown],
        default=tyro.MISSING if required else field.default,
        helptext=partial(_docstring, options, field.name),
    )


def _default(value: str) -> str:
    return "" if value in SAYS_NOTHING else f"(default: {value})"


def _docstring(options: type, name: str) -> str | None:
    """What stands below a field, in the class that defines it, as one line."""
    import docstring_parser

    for kind in options.__mro__:
        if name in inspect.get_annotations(kind):
            found = docstring_parser.parse_from_object(kind).params
            texts = (param.description for param in found if param.arg_name == name)
            return " ".join((next(texts, None) or "").split()) or None
    return None
