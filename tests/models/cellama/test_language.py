"""A model of language reads sentences as transformers does; files that are none are refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from trained_models import known_cells
from transformers import BertConfig, BertModel

from cellclassifier.errors import InputError
from cellclassifier.interface import Classifier
from cellclassifier.models.cellama import minilm_files, token_encoder
from cellclassifier.models.cellama.classifier import CellamaClassifier
from cellclassifier.models.cellama.encoder import Lesson
from cellclassifier.models.cellama.language import LanguageModel
from cellclassifier.models.cellama.options import CellamaOptions
from cellclassifier.models.cellama.sentences import CellSentences

SYMBOLS = np.array(["CD3E", "CD79A", "LYZ", "NKG7"])
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cd", "##3", "##e", "##79", "##a", "l", "##y", "##z"]
PIECES += ["nk", "##g", "##7", "top", "genes", "gene", "are", "is", "and", ",", ".", "a", "no"]
PIECES += ["expressed", "sex", "of", "this", "cell", "f", "m"]


def sentences(n_cells: int = 40, n_top: int = 4) -> CellSentences:
    rng = np.random.default_rng(0)
    ranked = np.argsort(rng.random((n_cells, 4)), axis=1).astype(np.int32)[:, :n_top]
    ranked[3, 2:] = -1
    ranked[5] = -1
    return CellSentences(ranked, SYMBOLS, pd.DataFrame(index=range(n_cells)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A random BERT of two layers that knows few word pieces."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"vocab_size": len(PIECES)}
    config = BertConfig(**sizes, intermediate_size=32, max_position_embeddings=40)
    BertModel(config).save_pretrained(folder)
    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def learned(folder: Path, lesson: Lesson | None = None, **chosen) -> LanguageModel:
    options = CellamaOptions(encoder=str(folder), frozen_layers=1, **{"n_top": 4} | chosen)
    encoder = LanguageModel(options.decided(), seed=1)
    encoder.learn(lesson or Lesson(sentences()))
    return encoder


def one_by_one(folder: Path, ids: list[list[int]]) -> np.ndarray:
    """Mean pooling and L2 norm around transformers' own forward pass, without any padding."""
    network = BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        means = [network(torch.tensor([own])).last_hidden_state[0].mean(dim=0) for own in ids]
    return np.array([(mean / mean.norm()).numpy() for mean in means])


@pytest.mark.parametrize("style", ["bare", "template"])
def test_texts_are_read_as_transformers_reads_them(folder, style):
    encoder = learned(folder, words="pieces", style=style)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [tokenizer.encode(text).ids for text in sentences().texts(style)]
    found = encoder.vectors(sentences())
    np.testing.assert_allclose(found, one_by_one(folder, ids), atol=2e-6)


def test_a_gene_is_the_mean_of_its_pieces(folder):
    encoder = learned(folder)
    table = BertModel.from_pretrained(folder).embeddings.word_embeddings.weight.detach().numpy()
    own = encoder.network_.embeddings.word_embeddings.weight.detach().numpy()
    np.testing.assert_allclose(own[1], table[[4, 5, 6]].mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(own[[5, 6]], table[[2, 3]], atol=1e-7)
    assert encoder.rows(sentences()).tokens[3].tolist()[4:] == [0, 0]
    assert encoder.rows(sentences()).tokens[5].tolist() == [5, 6, 0, 0, 0, 0]


@pytest.mark.parametrize("words", ["genes", "pieces"])
def test_saved_and_loaded(folder, tmp_path, words):
    encoder = learned(folder, words=words)
    known = encoder.save(tmp_path)
    again = LanguageModel.load(tmp_path, encoder.options, known, len(SYMBOLS))
    np.testing.assert_array_equal(again.vectors(sentences()), encoder.vectors(sentences()))


@pytest.mark.parametrize(
    ("size", "claim", "message"),
    [
        ("num_hidden_layers", 40, "fewer weights than are claimed"),
        ("intermediate_size", 2**20, "fewer weights than are claimed"),
        ("max_position_embeddings", 2**20, "fewer weights than are claimed"),
        ("type_vocab_size", 2**20, "fewer weights than are claimed"),
        ("num_hidden_layers", [2], "a network whose num_hidden_layers is"),
        ("intermediate_size", "32", "a network whose intermediate_size is"),
    ],
)
def test_sizes_that_a_file_does_not_hold_are_refused_before_any_is_made(
    folder, tmp_path, monkeypatch, size, claim, message
):
    encoder = learned(folder)
    known = encoder.save(tmp_path)
    lying = known | {"sizes": known["sizes"] | {size: claim}}
    monkeypatch.setattr(token_encoder, "of_sizes", lambda sizes: pytest.fail("it was made"))
    with pytest.raises(ValueError, match=message):
        LanguageModel.load(tmp_path, encoder.options, lying, len(SYMBOLS))


def test_a_damaged_file_of_weights_is_a_sentence(folder, tmp_path):
    encoder = learned(folder)
    known = encoder.save(tmp_path)
    (tmp_path / "network.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"network\.safetensors"):
        LanguageModel.load(tmp_path, encoder.options, known, len(SYMBOLS))


def test_a_whole_model_names_cells_and_is_read_back(folder, tmp_path):
    cells = known_cells(120, 0)
    cells.var["gene_symbol"] = np.resize(["CD3E", "CD79A", "LYZ", "NKG7"], cells.n_vars)
    options = CellamaOptions(encoder=str(folder), n_top=8, frozen_layers=1, head="neighbours")
    model = CellamaClassifier(options, seed=1).fit(cells, cells.obs["cell_type"].to_numpy(str))
    model.save(tmp_path / "model")
    again = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(cells), model.predict_proba(cells))


@pytest.mark.parametrize("fine_tune", ["labels", "pca"])
def test_fine_tuning_changes_the_upper_layers_alone(folder, fine_tune, tmp_path):
    rng = np.random.default_rng(1)
    lesson = Lesson(sentences(), np.arange(40) % 3, rng.normal(size=(40, 5)))
    chosen = {"fine_tune": fine_tune, "learning_rate": 0.01, "batch_size": 8}
    before, after = learned(folder), learned(folder, lesson, **chosen)
    frozen = [name for name, _ in before.network_.named_parameters() if "upper" not in name]
    own, other = before.network_.state_dict(), after.network_.state_dict()
    assert frozen
    assert all(torch.equal(own[name], other[name]) for name in frozen)
    assert not torch.equal(
        own["upper.layers.0.output.dense.weight"], other["upper.layers.0.output.dense.weight"]
    )
    assert after.history_[-1]["train_loss"] > 0
    twin = learned(folder, lesson, **chosen)
    np.testing.assert_array_equal(twin.vectors(sentences()), after.vectors(sentences()))


def test_vectors_in_bf16_are_rounded(folder):
    exact = learned(folder).vectors(sentences())
    rounded = learned(folder, bf16=True).vectors(sentences())
    assert rounded.dtype == np.float32 and not np.array_equal(rounded, exact)
    assert (rounded * exact).sum(axis=1).min() > 0.999
    with pytest.raises(InputError, match="--bf16: bag is no network"):
        CellamaOptions(bf16=True).check()


def test_a_sentence_that_is_too_long_says_how_many_genes_fit(folder):
    encoder = learned(folder, words="pieces")
    encoder.most_pieces_ = 12
    with pytest.raises(InputError, match=r"up to \d+ word pieces, and .* reads 12: 3 genes fit"):
        encoder.vectors(sentences())


def test_a_folder_that_is_no_encoder(tmp_path, folder):
    with pytest.raises(InputError, match=r"model.safetensors is not there"):
        learned(tmp_path)
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="is no tokenizer"):
        learned(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read"):
        learned(tmp_path)


def test_weights_of_another_hash_are_refused(folder, monkeypatch):
    monkeypatch.setenv(minilm_files.PLACE, str(folder))
    with pytest.raises(InputError, match=r"model.safetensors has SHA-256 .*, expected 53aa5117"):
        minilm_files.find_minilm()


def test_no_weights_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv(minilm_files.PLACE, str(tmp_path))
    with pytest.raises(InputError, match=r"fetch it with python cellama\.py --download"):
        minilm_files.find_minilm()


def test_download_checks_what_came(folder, tmp_path, monkeypatch):
    content = {name: (folder / name).read_bytes() for name in minilm_files.FILES}
    right = {name: hashlib.sha256(content[name]).hexdigest() for name in minilm_files.DIGESTS}

    def give(repository, name, *, revision, local_dir, endpoint):
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / name).write_bytes(content[name])
        return str(local_dir / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", give)
    with pytest.raises(InputError, match=r"came with SHA-256 .*, expected .*cellama\.py"):
        minilm_files.download(tmp_path / "files")
    assert not list((tmp_path / "files").iterdir())
    monkeypatch.setattr(minilm_files, "DIGESTS", right)
    minilm_files.download(tmp_path / "files")
    assert {path.name for path in (tmp_path / "files").iterdir()} == set(content)


def the_real_model() -> Path:
    try:
        return minilm_files.find_minilm()
    except InputError:
        pytest.skip(f"needs all-MiniLM-L6-v2: say in {minilm_files.PLACE} where it is")


@pytest.mark.slow
def test_the_real_model_on_whole_sentences(monkeypatch):
    """As AutoModel has it; and genes that occur together in texts are no nearer for it."""
    folder = the_real_model()
    monkeypatch.setenv(minilm_files.PLACE, os.fspath(folder))
    options = CellamaOptions(encoder="minilm", words="pieces", style="template", n_top=4)
    encoder = LanguageModel(options.decided(), seed=1)
    encoder.learn(Lesson(sentences(6)))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = [tokenizer.encode(text).ids for text in sentences(6).texts("template")]
    np.testing.assert_allclose(encoder.vectors(sentences(6)), one_by_one(folder, ids), atol=2e-6)
