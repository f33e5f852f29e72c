"""What a .skops file would have built, told before any of it is built.

skops trusts all of scikit-learn; a file of ours needs a few types of it. scikit-learn's Tree
believes the sizes it is given, so that those are compared with the arrays first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from zipfile import ZipFile

from cellclassifier.data.stored_arrays import claimed_shapes

SCHEMA = "schema.json"
# Kinds of entries and the types that they may build; those of models come from the caller.
PLAIN = {
    "DictNode": {"builtins.dict", "sklearn.utils._bunch.Bunch"},
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "JsonNode": {"builtins.str"},
    "TypeNode": {"builtins.str", "builtins.int"},
    "NdArrayNode": {"numpy.ndarray", "numpy.int64", "numpy.float64"},
    "TreeNode": {"sklearn.tree._tree.Tree"},
}
OBJECT = "ObjectNode"
PROTOCOL = 2  # other ones have other readers
LARGEST_SCHEMA = 2**24  # bytes; that of a forest has 2 % of it
FACTOR, HARMLESS = 50, 2**28  # times, and bytes, that an archive's content may be larger than it


def check_archive(archive: ZipFile, n_bytes: int, types: set[str]) -> None:
    """Raise ValueError, KeyError or TypeError for a file that must not be given to skops.

    n_bytes: of the file; types: full names of the types of objects that it may build.
    """
    content = sum(member.file_size for member in archive.infolist())
    if content > max(FACTOR * n_bytes, HARMLESS):
        raise ValueError(f"{n_bytes:,} bytes that would be {content:,} when unpacked")
    if archive.getinfo(SCHEMA).file_size > LARGEST_SCHEMA:
        raise ValueError(f"{SCHEMA} is larger than {LARGEST_SCHEMA:,} bytes")
    schema = json.loads(archive.read(SCHEMA))
    if schema["protocol"] != PROTOCOL:
        raise ValueError(f"protocol {schema['protocol']!r}"[:80])
    arrays = [member for member in archive.infolist() if member.filename != SCHEMA]
    _check_nodes(schema, claimed_shapes(archive, arrays), PLAIN | {OBJECT: types})


def _check_nodes(schema: dict, shapes: dict[str, tuple], allowed: dict[str, set[str]]) -> None:
    parts_of_trees = {}
    for node in _nodes(schema):
        kind, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if name not in allowed.get(kind, ()):
            raise ValueError(f"an unexpected {name}"[:120])
        if kind == "TreeNode":
            _check_tree(node, shapes)
            parts = _nodes([node["__reduce__"]["args"], node["content"]])
            parts_of_trees |= {part["__id__"]: _meaning(part) for part in parts}
    # skops takes entries of one id for the same thing, whichever it meets first.
    for node in _nodes(schema):
        id_ = node.get("__id__")
        if id_ in parts_of_trees and parts_of_trees[id_] != _meaning(node):
            raise ValueError("a part of a tree that is something else as well")


def _nodes(schema: dict | list) -> Iterator[dict]:
    """All entries of a schema."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        inner = value.values() if isinstance(value, dict) else value
        waiting += [one for one in inner if isinstance(one, dict | list)]
        if isinstance(value, dict) and "__loader__" in value:
            yield value


def _meaning(node: object) -> object:
    """An entry without the ids in it, and without the types of keys, which are text."""
    if isinstance(node, dict):
        ids = ("__id__", "key_types")
        return {name: _meaning(value) for name, value in node.items() if name not in ids}
    return [_meaning(value) for value in node] if isinstance(node, list) else node


def _check_tree(node: dict, shapes: dict[str, tuple]) -> None:
    """Whether the sizes that a tree is made with are those of its arrays."""
    arguments, state = node["__reduce__"]["args"], node["content"]
    if (arguments["__loader__"], state["__loader__"]) != ("TupleNode", "DictNode"):
        raise ValueError("a tree of other parts")
    n_features, n_types, n_outputs = arguments["content"]
    values = state["content"]
    n_nodes = _number(values["node_count"])
    fits = _number(n_features) > 0 and _number(n_outputs) == 1
    fits &= _shape(n_types, shapes) == (1,) and _number(values["max_depth"]) >= 0
    fits &= _shape(values["nodes"], shapes) == (n_nodes,) and n_nodes > 0
    if not fits or _shape(values["values"], shapes)[:2] != (n_nodes, 1):
        raise ValueError("a tree's sizes are not those of its arrays")


def _number(node: dict) -> int:
    value = json.loads(node["content"]) if node["__loader__"] == "JsonNode" else None
    if type(value) is not int:
        raise ValueError("a size that is no number")
    return value


def _shape(node: dict, shapes: dict[str, tuple]) -> tuple[int, ...]:
    if (node["__loader__"], node["__class__"], node["type"]) != ("NdArrayNode", "ndarray", "numpy"):
        raise ValueError("a tree without arrays")
    return shapes[node["file"]]
