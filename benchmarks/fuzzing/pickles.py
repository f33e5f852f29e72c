"""Good pickles, as cells.npy and as dictionaries, and damage to their programs and values."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from random import Random

import numpy as np
import scipy.sparse as sp

from benchmarks.fuzzing.child import RAN
from benchmarks.fuzzing.h5ad import N_GENES, small_counts
from benchmarks.fuzzing.values import ODD, changed_array, changed_json, damaged_bytes

FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
SMALL = 18, 9  # cells, genes: some layouts are pickled entry by entry
IDS = [f"ENSG{i:011d}" for i in range(1, N_GENES + 1)]
# Programs that leave a file where they are run.
PAYLOADS = (
    b"cposix\nsystem\n(S'touch %s'\ntR." % RAN.encode(),
    b'cbuiltins\nexec\n(S\'open("%s","w")\'\ntR.' % RAN.encode(),
    b'cbuiltins\neval\n(S\'open("%s","w")\'\ntR.' % RAN.encode(),
    b"cbuiltins\nopen\n(S'%s'\nS'w'\ntR." % RAN.encode(),
    b"(S'touch %s'\niposix\nsystem\n." % RAN.encode(),
    b"cnumpy\nsave\n(S'%s'\nI1\ntR." % RAN.encode(),
)
NAMES = (
    (b"posix", b"system"),
    (b"builtins", b"eval"),
    (b"builtins", b"getattr"),
    (b"builtins", b"bytearray"),
    (b"numpy", b"load"),
    (b"numpy", b"ndarray"),
    (b"numpy", b"dtype"),
    (b"numpy", b"matrix"),
    (b"copyreg", b"_reconstructor"),
    (b"_codecs", b"encode"),
    (b"numpy._core.multiarray", b"_reconstruct"),
    (b"numpy._core.multiarray", b"scalar"),
    (b"scipy.sparse._csr", b"csr_matrix"),
    (b"scipy.sparse._dok", b"dok_matrix"),
    (b"numpy._core.numeric", b"_frombuffer"),
)
OPCODES = [op.code.encode("latin1") for op in pickletools.opcodes]


def cells_content(matrix) -> dict:
    """What a cells.npy holds."""
    n_cells, n_genes = matrix.shape
    return {
        "UMI": matrix,
        "classes": np.array(["B", "NK", "T"] * (n_cells // 3)),
        "gene_ids": np.array([f"g{i}" for i in range(n_genes)]),
        "cell_names": np.array([f"cell{i}" for i in range(n_cells)]),
    }


def write_npy(folder: Path) -> None:
    """A small file of every layout and of every protocol of pickles."""
    counts = small_counts(*SMALL)
    for i, layout in enumerate(FORMATS):
        kind = getattr(sp, f"{layout}_{'array' if i % 2 else 'matrix'}")
        content = npy_of(cells_content(kind(counts)), protocol=i % 6)
        (folder / f"{layout}.npy").write_bytes(content)
    dense = cells_content(counts.astype("i4"))
    dense["classes"] = dense["classes"].astype(object)
    (folder / "dense.npy").write_bytes(npy_of(dense, 4))


def npy_of(content, protocol: int) -> bytes:
    """What ``numpy.save`` writes, with any protocol; bytes are taken for a pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    if not isinstance(content, bytes):
        array = np.empty((), object)
        array[()] = content
        content = pickle.dumps(array, protocol)
    return file.getvalue() + content


def damage_npy_bytes(rng: Random, path: Path) -> None:
    """Bytes of the file."""
    path.write_bytes(damaged_bytes(rng, path.read_bytes()))


def damage_npy_program(rng: Random, path: Path) -> None:
    """Opcodes and names of the pickle behind the header."""
    path.write_bytes(npy_of(_other_program(rng, path.read_bytes()[len(npy_of(b"", 0)) :]), 0))


def damage_npy_values(rng: Random, path: Path) -> None:
    """Arrays, the matrices' own arrays and shapes, and entries of the dict."""
    content = np.load(path, allow_pickle=True)[()]
    matrix = content["UMI"]
    for _ in range(rng.choice([1, 1, 2])):
        if rng.random() < 0.6 and sp.issparse(matrix):
            name = rng.choice(list(matrix.__dict__))
            matrix.__dict__[name] = _other_value(rng, matrix.__dict__[name])
        else:
            name = rng.choice(list(content))
            content[name] = _other_value(rng, content[name])
    path.write_bytes(npy_of(content, rng.randrange(6)))


def write_dictionaries(folder: Path) -> None:
    """A folder with Geneformer's three dictionaries, as published, and one by protocol 0."""
    rng = np.random.default_rng(0)
    tokens = {"<pad>": 0, "<mask>": 1} | {gene: np.int16(2 + i) for i, gene in enumerate(IDS)}
    medians = dict(zip(IDS, map(np.float64, rng.gamma(4, 1, N_GENES)), strict=True))
    names = {f"SYM{i}": gene for i, gene in enumerate(IDS)}
    for protocol in (0, 2, 4):
        (folder / f"protocol_{protocol}").mkdir()
        for name, content in (
            ("token_dictionary", tokens),
            ("gene_median_dictionary", medians),
            ("gene_name_id_dict", names),
        ):
            path = folder / f"protocol_{protocol}" / f"{name}_gc30M.pkl"
            path.write_bytes(pickle.dumps(content, protocol))


def _one_of(rng: Random, folder: Path) -> Path:
    return rng.choice(sorted(folder.iterdir()))


def damage_dictionary_bytes(rng: Random, folder: Path) -> None:
    """Bytes of one of them."""
    path = _one_of(rng, folder)
    path.write_bytes(damaged_bytes(rng, path.read_bytes()))


def damage_dictionary_program(rng: Random, folder: Path) -> None:
    """Opcodes and names."""
    path = _one_of(rng, folder)
    path.write_bytes(_other_program(rng, path.read_bytes()))


def damage_dictionary_values(rng: Random, folder: Path) -> None:
    """Keys and values."""
    path = _one_of(rng, folder)
    content = pickle.loads(path.read_bytes())  # noqa: S301 (written here)
    for _ in range(rng.choice([1, 1, 3])):
        key = rng.choice(list(content))
        how = rng.random()
        if how < 0.2:
            content[rng.choice([None, 1, "", "x", ("a",), b"x", 1.5])] = content.pop(key)
        elif how < 0.9:
            content[key] = rng.choice([*ODD, np.nan, np.array([1.0]), content])
        else:
            content = rng.choice([list(content), list(content.items()), {}, None, [content]])
            break
    path.write_bytes(pickle.dumps(content, rng.randrange(6)))


def _other_value(rng: Random, value):
    if isinstance(value, np.ndarray) and rng.random() < 0.8:
        return changed_array(rng, value)
    if isinstance(value, tuple) and rng.random() < 0.8:
        parts = [_other_value(rng, part) if rng.random() < 0.7 else part for part in value]
        return tuple(parts[: rng.choice([len(parts), len(parts), 1])])
    if isinstance(value, int) and rng.random() < 0.8:
        return changed_json(rng, [value])
    return rng.choice([*ODD, value, [value], np.array(value, dtype=object)])


def _other_program(rng: Random, program: bytes) -> bytes:
    """Operations removed, doubled, exchanged or renamed, or a payload among them."""
    parts = _operations(program)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        how = rng.randrange(7)
        if how == 0:
            del parts[at]
        elif how == 1:
            parts.insert(other, parts[at])
        elif how == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif how == 3:
            parts[at] = rng.choice(OPCODES) + parts[at][1:]
        elif how == 4:
            parts.insert(at, rng.choice(PAYLOADS)[:-1])
        elif how == 5:
            parts[at] = parts[at][:1] + damaged_bytes(rng, parts[at][1:])
        else:
            parts[at] = _global(rng)
        if not parts:
            return b"."
    return b"".join(parts)


def _operations(program: bytes) -> list[bytes]:
    """The program in pieces, without frames, whose lengths would no longer be right."""
    found = list(pickletools.genops(program))
    ends = [place for _, _, place in found[1:]] + [len(program)]
    return [
        program[start:end]
        for (op, _, start), end in zip(found, ends, strict=True)
        if op.name != "FRAME"
    ]


def _global(rng: Random) -> bytes:
    module, name = rng.choice(NAMES)
    if rng.random() < 0.5:
        return b"c" + module + b"\n" + name + b"\n"
    return b"X%s%sX%s%s\x93" % (len(module).to_bytes(4, "little"), module,
                                 len(name).to_bytes(4, "little"), name)  # fmt: skip
