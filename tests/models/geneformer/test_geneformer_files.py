"""Files: both namings, what is missing or does not fit, downloads from a server on loopback."""

from __future__ import annotations

import hashlib
import http.server
import json
import logging
import math
import pickle
import struct
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from geneformer_help import GENES, write_dictionaries, write_model_header

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError
from cellclassifier.models.geneformer import files
from cellclassifier.models.geneformer.vocabulary import (
    Vocabulary,
    learn_vocabulary,
    read_vocabulary,
)


def str_of(value) -> str:
    """A short name of a parameter."""
    return repr(value)[:12]


CO1 = "ENSG00000198804"


@pytest.mark.parametrize("suffix", ["", "_gc30M"])
def test_both_namings_of_the_dictionaries_are_read(tmp_path, suffix):
    tokens, medians = write_dictionaries(tmp_path, suffix=suffix)
    vocabulary = read_vocabulary(tmp_path, symbols=True)
    assert len(vocabulary) == len(tokens) == 62
    for i, gene in enumerate(vocabulary.genes.tolist()):
        assert i + 2 == tokens[gene]
        assert vocabulary.medians[i] == medians[gene]
        assert vocabulary.symbols[i] == f"SYM{GENES.index(gene)}"
    assert read_vocabulary(tmp_path).symbols.tolist() == GENES
    var = pd.DataFrame(index=["SYM3", "ENSG00000000005.7", "other"])
    assert vocabulary.match(var).target.tolist() == [3, 4, -1]


@pytest.mark.parametrize("name", files.MODEL_FOLDERS)
def test_both_names_of_the_model_folder_are_found(tmp_path, name):
    assert files.find_model(tmp_path) is None
    model = write_model_header(tmp_path / name, 62)
    assert files.find_model(tmp_path) == model
    files.check_fit(62, model)


def test_a_missing_dictionary_is_named_with_the_command_that_gets_it(tmp_path):
    with pytest.raises(InputError, match=r"no token_dictionary_gc30M.pkl.*--download"):
        read_vocabulary(tmp_path)
    write_dictionaries(tmp_path)
    (tmp_path / "gene_median_dictionary_gc30M.pkl").unlink()
    with pytest.raises(InputError, match=r"gene_median_dictionary_gc30M.pkl.*--download"):
        read_vocabulary(tmp_path)


def test_dictionaries_of_another_version_are_refused(tmp_path):
    write_dictionaries(tmp_path, special=("<pad>", "<mask>", "<cls>", "<eos>"))
    with pytest.raises(InputError, match=r"<cls>.*V1 has <pad> and <mask> only"):
        read_vocabulary(tmp_path)


def test_tokens_and_medians_that_are_no_pair_are_refused(tmp_path):
    write_dictionaries(tmp_path)
    medians = {gene: 1.0 for gene in GENES[5:]}
    (tmp_path / "gene_median_dictionary_gc30M.pkl").write_bytes(pickle.dumps(medians))
    with pytest.raises(InputError, match=r"lacks 5 of 60 genes.*no pair"):
        read_vocabulary(tmp_path)


NO_NUMBERS = (None, "much", "1.5", [1], math.nan, math.inf, -math.inf, True)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, -1.5, np.float64("nan")], ids=str_of)
def test_medians_are_numbers_above_zero(tmp_path, value):
    """Of every gene, whether it has a token or not."""
    _, medians = write_dictionaries(tmp_path)
    for gene in (GENES[3], "ENSG00000099999"):
        path = tmp_path / "gene_median_dictionary_gc30M.pkl"
        path.write_bytes(pickle.dumps(medians | {gene: value}))
        with pytest.raises(InputError, match=rf"gene_median.* for {gene}, expected .*--download"):
            read_vocabulary(tmp_path)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 5.0, -1, np.float64(5)], ids=str_of)
@pytest.mark.parametrize("name", [GENES[3], "<pad>"])
def test_tokens_are_whole_numbers(tmp_path, name, value):
    tokens, _ = write_dictionaries(tmp_path)
    path = tmp_path / "token_dictionary_gc30M.pkl"
    path.write_bytes(pickle.dumps(tokens | {name: value}))
    with pytest.raises(InputError, match=r"token_dictionary.* for .*expected .*--download"):
        read_vocabulary(tmp_path)


@pytest.mark.parametrize("value", [None, 3, math.nan, ["ENSG00000000001"], b"ENSG"], ids=str_of)
def test_symbols_are_of_genes(tmp_path, value):
    write_dictionaries(tmp_path)
    path = tmp_path / "gene_name_id_dict_gc30M.pkl"
    path.write_bytes(pickle.dumps({"SYM0": GENES[0], "SYM1": value}))
    with pytest.raises(InputError, match=r"gene_name_id.* for SYM1, expected .*--download"):
        read_vocabulary(tmp_path, symbols=True)


@pytest.mark.parametrize(
    "medians", ["[1, Infinity]", "[1, NaN]", "[1, 1e999]", f"[1, {10**400}]", '[1, "2"]', "[1, 0]"]
)
def test_saved_medians_are_numbers_above_zero(tmp_path, medians):
    names = json.dumps(["a", "b"])
    text = f'{{"genes": {names}, "symbols": {names}, "medians": {medians}}}'
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(InputError, match="missing or damaged"):
        Vocabulary.load(tmp_path / "v.json")


def test_the_sentence_about_a_vocabulary_does_not_repeat_it(tmp_path):
    (tmp_path / "v.json").write_bytes(b'"' + b"ENSG" * 10**5 + b'\xff"')
    with pytest.raises(InputError, match="missing or damaged") as caught:
        Vocabulary.load(tmp_path / "v.json")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["[" * 100_000, "[[1], [2]]", "3"], ids=len)
def test_other_json_is_no_vocabulary(tmp_path, text):
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(InputError, match="missing or damaged"):
        Vocabulary.load(tmp_path / "v.json")


@pytest.mark.parametrize("text", ["[" * 100_000, "3", '{"vocab_size": "62"}', "{}"], ids=len)
def test_other_json_is_no_config(tmp_path, text):
    model = write_model_header(tmp_path / "m", 62)
    (model / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json.* is damaged"):
        files.check_fit(62, model)


@pytest.mark.parametrize("shape", [None, "ab", [62], [], [62, "8"], [62.0, 8], [1, 2, 3], {}])
def test_shapes_of_weights_are_two_numbers(tmp_path, shape):
    model = write_model_header(tmp_path / "m", 62)
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, 1984]}
    header = json.dumps({"bert.embeddings.word_embeddings.weight": tensor}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(1984)
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is damaged or no BERT model"):
        files.check_fit(62, model)


def test_a_model_of_another_size_is_refused(tmp_path):
    model = write_model_header(tmp_path / "m", 20_275)
    with pytest.raises(InputError, match=r"62 entries.*20,275.*different versions"):
        files.check_fit(62, model)
    write_model_header(tmp_path / "m", 20_275, config_tokens=62)
    with pytest.raises(InputError, match=r"weights are for 20,275 tokens.*config.json says 62"):
        files.check_fit(62, model)


def test_pickled_weights_are_not_read(tmp_path):
    model = write_model_header(tmp_path / "m", 62)
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no model.safetensors \(pytorch_model.bin is a pickle"):
        files.check_fit(62, model)


@pytest.mark.parametrize("content", [b"", b"12345678", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 40])
def test_damaged_weights_are_an_input_error(tmp_path, content):
    model = write_model_header(tmp_path / "m", 62)
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is damaged or no BERT model"):
        files.check_fit(62, model)


def test_a_dictionary_that_would_run_code_is_refused(tmp_path):
    write_dictionaries(tmp_path)
    (tmp_path / "token_dictionary_gc30M.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(InputError, match="Nothing was run"):
        read_vocabulary(tmp_path)


def test_the_published_dictionaries_are_the_expected_files(shared):
    folder = shared / "geneformer_files"
    for asset in files.ASSETS:
        if "/" not in asset.local:
            assert sha256(folder / asset.local) == asset.sha256
    vocabulary = read_vocabulary(folder, symbols=True)
    assert len(vocabulary) == 25_426
    found = [vocabulary.match(pd.DataFrame(index=[x])).target[0] for x in ("MT-CO1", CO1)]
    assert found[0] == found[1] >= 0


def test_a_vocabulary_survives_saving(tmp_path, small_cells):
    learned = learn_vocabulary(small_cells.X, small_cells.var_names.to_numpy())
    learned.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded.genes.tolist() == learned.genes.tolist()
    assert loaded.symbols.tolist() == learned.symbols.tolist()
    assert (loaded.medians == learned.medians).all()
    assert loaded.digest == learned.digest
    assert learned.digest != replace(learned, medians=learned.medians + 1e-9).digest
    for content in ("", "{}", '{"genes": ["a"], "medians": [], "symbols": ["a"]}'):
        (tmp_path / "v.json").write_text(content)
        with pytest.raises(InputError, match="missing or damaged"):
            Vocabulary.load(tmp_path / "v.json")


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of huggingface.co as a download asks for; may break one connection half-way."""

    contents: dict[str, bytes] = {}  # noqa: RUF012
    requests: list[str] = []  # noqa: RUF012
    break_next = False

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body: bool):
        path = self.path.removeprefix(f"/{files.REPOSITORY}/resolve/{files.REVISION}/")
        content = self.contents.get(path)
        if content is None:
            self.send_error(404)
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", files.REVISION)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            type(self).requests.append(f"{path} from {start}")
            stop = len(content) // 2 if self.break_next else len(content)
            type(self).break_next = False
            self.wfile.write(content[start:stop])
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch):
    """A loopback server with two files, and their assets."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 5000)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its own tries
    _Hub.contents = {"d/tokens.pkl": b"tokens" * 5000, "m/model.safetensors": b"weights" * 9000}
    _Hub.requests, _Hub.break_next = [], False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    serve = {"kwargs": {"poll_interval": 0.01}, "daemon": True}
    threading.Thread(target=server.serve_forever, **serve).start()
    assets = tuple(
        files.Asset(remote, remote.replace("d/", ""), hashlib.sha256(content).hexdigest())
        for remote, content in _Hub.contents.items()
    )
    yield f"http://127.0.0.1:{server.server_port}", assets
    server.shutdown()
    server.server_close()


def test_download_fetches_checks_and_fetches_nothing_twice(hub, tmp_path, caplog):
    endpoint, assets = hub
    caplog.set_level(logging.INFO, logger="cellclassifier")
    files.download(tmp_path, assets, endpoint)
    assert (tmp_path / "tokens.pkl").read_bytes() == _Hub.contents["d/tokens.pkl"]
    assert (tmp_path / "m/model.safetensors").read_bytes() == _Hub.contents["m/model.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "tokens.pkl"]
    n_requests = len(_Hub.requests)
    files.download(tmp_path, assets, endpoint)
    assert len(_Hub.requests) == n_requests
    (tmp_path / "tokens.pkl").write_bytes(b"cut short")
    files.download(tmp_path, assets, endpoint)
    assert _Hub.requests[n_requests:] == ["d/tokens.pkl from 0"]
    lines = [r.message for r in caplog.records if r.name.startswith("cellclassifier")]
    assert "Downloaded 2 files" in lines[0] and "all 2 files already" in lines[1]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub, tmp_path):
    endpoint, assets = hub
    _Hub.break_next = True
    files.download(tmp_path, assets[:1], endpoint)
    assert (tmp_path / "tokens.pkl").read_bytes() == _Hub.contents["d/tokens.pkl"]
    assert _Hub.requests == ["d/tokens.pkl from 0", "d/tokens.pkl from 15000"]


def test_another_content_is_refused_and_not_kept(hub, tmp_path):
    endpoint, assets = hub
    _Hub.contents["m/model.safetensors"] = b"something else"
    with pytest.raises(InputError, match=r"SHA-256 .* expected"):
        files.download(tmp_path, assets, endpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.pkl"]  # finished: kept


def test_no_answer_is_an_input_error(hub, tmp_path):
    _, assets = hub
    missing = (files.Asset("d/none", "none", "0" * 64),)
    with pytest.raises(InputError, match=r"d/none .* could not be downloaded"):
        files.download(tmp_path, missing, hub[0])
    with pytest.raises(InputError, match=r"could not be downloaded .*--download"):
        files.download(tmp_path, assets, "http://127.0.0.1:9")
