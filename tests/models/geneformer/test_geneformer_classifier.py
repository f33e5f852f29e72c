"""The classifier: it learns, stops, resumes, saves; what it does equals plain torch."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from conftest import make_cells
from geneformer_help import GENES, write_dictionaries, write_network
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, BertForSequenceClassification

from cellclassifier.errors import InputError
from cellclassifier.model_folder import seal
from cellclassifier.models.geneformer import inference, model, tasks
from cellclassifier.models.geneformer.batches import TokenCells
from cellclassifier.models.geneformer.classifier import GeneformerClassifier
from cellclassifier.models.geneformer.options import GeneformerOptions
from cellclassifier.models.neural import loop

TINY = GeneformerOptions(
    from_scratch=True, layers=2, width=16, epochs=3, batch_size=12, learning_rate=5e-3, device="cpu"
)

PRETRAINED = GeneformerOptions(epochs=3, batch_size=12, learning_rate=5e-3, device="cpu")


def classifier(options=TINY, **arguments) -> GeneformerClassifier:
    return GeneformerClassifier(options, **arguments)


def labels_of(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["cell_type"].to_numpy().astype(str)


def parts_of(cells: ad.AnnData) -> tuple:
    train, held_out = cells[:180].copy(), cells[180:].copy()
    return train, labels_of(train), (held_out, labels_of(held_out))


@pytest.fixture(scope="module")
def cells() -> ad.AnnData:
    return make_cells(240)


@pytest.fixture(scope="module")
def fitted(cells) -> GeneformerClassifier:
    options = replace(TINY, epochs=8, pretrain_epochs=2)
    return classifier(options).fit(*parts_of(cells))


def weights_of(fitted: GeneformerClassifier) -> np.ndarray:
    return torch.cat([p.detach().ravel() for p in fitted.model_.parameters()]).numpy()


def test_it_learns(fitted, cells):
    held_out = cells[180:].copy()
    probabilities = fitted.predict_proba(held_out)
    assert probabilities.shape == (60, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (fitted.predict(held_out) == labels_of(held_out)).mean() > 0.6  # majority: 1/3
    losses = fitted.history_.query("stage == 'fine-tuning'")["train_loss"]
    assert losses.iloc[-1] < 0.7 * losses.iloc[0]


def test_the_best_epoch_is_kept(fitted, cells):
    from sklearn.metrics import f1_score

    held_out = cells[180:].copy()
    ours = f1_score(labels_of(held_out), fitted.predict(held_out), average="macro")
    assert ours == pytest.approx(fitted.history_["val_macro_f1"].max(), abs=1e-6)


def test_order_of_cells_and_genes_changes_nothing(fitted, cells):
    some = cells[:50].copy()
    expected = fitted.predict_proba(some)
    order = np.random.default_rng(0).permutation(50)
    genes = np.random.default_rng(1).permutation(cells.n_vars)
    assert fitted.predict_proba(some[order][:, genes].copy()) == pytest.approx(
        expected[order], abs=1e-5
    )


def test_save_and_load(fitted, cells, tmp_path):
    fitted.save(tmp_path / "model", split=42)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    expected = {"README.md", "config.json", "model.json", "model.safetensors", "vocabulary.json"}
    assert names == expected | {"library_size.json", "novelty.npz", "type_profiles.npz"}
    loaded = GeneformerClassifier.load(tmp_path / "model")
    assert (loaded.predict_proba(cells) == fitted.predict_proba(cells)).all()
    description = tmp_path / "model" / "model.json"
    content = description.read_text()
    for old, new, sentence in (
        ('"max_tokens": 2048', '"max_tokens": 4096', "do not fit"),
        ('"max_tokens": 2048', '"tokens": 2048', "is damaged"),
        ('"NK",', '"NK", "other",', "do not fit"),
    ):
        assert old in content
        seal(tmp_path / "model", json.loads(content.replace(old, new)))
        with pytest.raises(InputError, match=sentence):
            GeneformerClassifier.load(tmp_path / "model")
    description.write_text(content)
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    seal(tmp_path / "model", json.loads(content))
    with pytest.raises(InputError, match="cannot be read"):
        GeneformerClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", -3),
        ("max_tokens", math.inf),
        ("max_tokens", "9"),
        ("prior", [math.nan] * 3),
        ("prior", [0, 0, 0]),
        ("prior", [-1, 1, 1]),
        ("prior", [math.inf, 1, 1]),
        ("prior", ["a", "b", "c"]),
        ("prior", None),
    ],
)
def test_sealed_numbers_that_are_none(fitted, tmp_path, key, value):
    fitted.save(tmp_path / "model")
    content = json.loads((tmp_path / "model" / "model.json").read_text())
    seal(tmp_path / "model", content | {key: value})
    with pytest.raises(InputError, match=r"model\.json is damaged"):
        GeneformerClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    "changed",
    [
        {"hidden_size": 10**9},
        {"vocab_size": 10**12},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": 1},
        {"intermediate_size": 10**12},
        {"max_position_embeddings": 10**12},
        {"num_attention_heads": -4},
        {"num_attention_heads": 3},
        {"layer_norm_eps": math.nan},
        {"layer_norm_eps": "small"},
        {"hidden_act": "os.system"},
        {"hidden_dropout_prob": -1},
        {"attention_probs_dropout_prob": 1.5},
        {"classifier_dropout": math.nan},
        {"classifier_dropout": "much"},
    ],
    ids=str,
)
def test_sizes_that_the_weights_do_not_have_allocate_nothing(fitted, tmp_path, changed):
    fitted.save(tmp_path / "model")
    content = json.loads((tmp_path / "model" / "model.json").read_text())
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changed))
    seal(tmp_path / "model", content)
    with pytest.raises(InputError, match=r"weights in .* cannot be read"):
        GeneformerClassifier.load(tmp_path / "model")


def test_no_index_is_followed_out_of_the_folder(fitted, tmp_path):
    """transformers would, where model.safetensors is missing."""
    fitted.save(tmp_path / "model")
    content = json.loads((tmp_path / "model" / "model.json").read_text())
    weights = tmp_path / "model" / "model.safetensors"
    names = load_file(weights)
    weights.rename(tmp_path / "elsewhere.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../elsewhere.safetensors")}
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps(index))
    seal(tmp_path / "model", content)
    with pytest.raises(InputError, match=r"weights in .* cannot be read"):
        GeneformerClassifier.load(tmp_path / "model")


def test_two_runs_are_equal_and_another_seed_is_not(cells):
    options = replace(TINY, epochs=1)
    first, second, other = (
        weights_of(classifier(options, seed=seed).fit(*parts_of(cells))) for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert (first != other).any()


class KilledError(Exception):
    """Stands for a process that is killed."""


def test_a_run_that_had_stopped_early_trains_no_further(cells, tmp_path, monkeypatch):
    options = replace(TINY, epochs=12, patience=1, learning_rate=2e-2)
    whole = classifier(options, checkpoints=tmp_path).fit(*parts_of(cells))
    assert len(whole.history_) < 12

    def die(*args):
        raise KilledError

    monkeypatch.setattr(loop.Loop, "step", die)
    resumed = classifier(options, checkpoints=tmp_path).fit(*parts_of(cells))
    assert (weights_of(resumed) == weights_of(whole)).all()
    pd.testing.assert_frame_equal(resumed.history_, whole.history_)


@pytest.mark.slow
@pytest.mark.parametrize("after", ["epoch", "step", "stage"])
def test_a_killed_run_resumes_to_the_same_result(cells, tmp_path, monkeypatch, after):
    """Killed after the first epoch, within the second, and between pretraining and fine-tuning."""
    options = replace(TINY, pretrain_epochs=1)
    whole = classifier(options).fit(*parts_of(cells))
    steps, last_step = [], {"epoch": 33, "step": 35, "stage": 14}[after]
    if after == "step":
        monkeypatch.setattr(loop, "SAVE_SECONDS", -1)  # a checkpoint after every step

    def count_and_die(self, *args, **kwargs):
        steps.append(1)
        if len(steps) > last_step:
            raise KilledError
        return original(self, *args, **kwargs)

    original = loop.Loop.step
    monkeypatch.setattr(loop.Loop, "step", count_and_die)
    checkpoints = {"checkpoints": tmp_path / "c"}
    with pytest.raises(KilledError):
        classifier(options, **checkpoints).fit(*parts_of(cells))
    n_before, last_step = len(steps), 10**9
    resumed = classifier(options, **checkpoints).fit(*parts_of(cells))
    # 14 batches an epoch: what was done is not done again.
    assert len(steps) - n_before == {"epoch": 28, "step": 21, "stage": 42}[after]
    assert (weights_of(resumed) == weights_of(whole)).all()
    pd.testing.assert_frame_equal(resumed.history_, whole.history_, rtol=0, atol=0)


@pytest.mark.slow
def test_out_of_memory_halves_the_budget_and_changes_no_result(cells, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    # Dropout draws other numbers for other shapes: without it the gradient is the same sum.
    options = replace(TINY, epochs=1, dropout=0.0)
    whole = classifier(options).fit(*parts_of(cells))
    expected = whole.predict_proba(cells)
    forward = model.CellBert.forward

    def small_memory(self, input_ids, **kwargs):
        if len(input_ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, input_ids, **kwargs)

    monkeypatch.setattr(model.CellBert, "forward", small_memory)
    halved = classifier(options).fit(*parts_of(cells))
    assert "1/2 of a batch" in caplog.text
    assert "1/4 of a batch" in caplog.text
    caplog.clear()
    halved.predict_proba(cells)
    # Whatever is left is halved together: 240 cells are one batch at first.
    assert 1 <= len(caplog.messages) <= 8
    assert halved.predict_proba(cells) == pytest.approx(expected, abs=1e-3)


def test_memory_for_no_cell_at_all_is_an_input_error(fitted, cells, monkeypatch):
    def no_memory(self, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(model.CellBert, "forward", no_memory)
    with pytest.raises(InputError, match=r"does not fit into the memory .*--max-tokens"):
        fitted.predict_proba(cells)
    with pytest.raises(InputError, match=r"memory of cpu is full .*--batch-size"):
        classifier(replace(TINY, epochs=1)).fit(*parts_of(cells))


def test_first_pooling_is_bert_for_sequence_classification():
    torch.manual_seed(0)
    config = model.random_config(62, layers=2, width=16, max_tokens=32)
    ours = model.new_classifier(config, 4, "first", seed=0).eval()
    reference = BertForSequenceClassification(ours.config).eval()
    reference.load_state_dict(ours.state_dict())
    inputs = batch_of([[5, 6, 7], [9, 8, 4, 3, 2], [11]])
    with torch.no_grad():
        assert ours(**inputs).numpy() == pytest.approx(reference(**inputs).logits.numpy(), abs=1e-6)


def test_mean_pooling_ignores_padding():
    config = model.random_config(62, layers=2, width=16, max_tokens=32)
    ours = model.new_classifier(config, 4, "mean", seed=0).eval()
    cells = [[5, 6, 7], [9, 8, 4, 3, 2], [11]]
    with torch.no_grad():
        together = ours(**batch_of(cells)).numpy()
        alone = np.concatenate([ours(**batch_of([cell])).numpy() for cell in cells])
        hidden = ours.bert(**batch_of(cells[:1])).last_hidden_state.mean(1, keepdim=True)
        by_hand = ours.classifier(ours.bert.pooler(hidden)).numpy()
    assert together == pytest.approx(alone, abs=1e-5)
    assert together[:1] == pytest.approx(by_hand, abs=1e-5)


def batch_of(cells: list[list[int]]) -> dict[str, torch.Tensor]:
    bounds = np.cumsum([0, *map(len, cells)])
    tokens = TokenCells.from_bounds(np.concatenate(cells), bounds)
    return inference.as_tensors(*tokens.padded(np.arange(len(cells))))


def masked_task(n_cells: int = 40) -> tasks.MaskedGeneTask:
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, n_cells)
    tokens = np.concatenate([rng.permutation(60)[:n] + 2 for n in lengths])
    cells = TokenCells.from_bounds(tokens, np.concatenate([[0], np.cumsum(lengths)]))
    return tasks.MaskedGeneTask(cells, cells, 12, seed=3, n_tokens=62)


def test_masked_genes_are_15_percent_80_10_10_and_hidden():
    task = masked_task(400)
    inputs = task.batch(0, np.arange(400))
    tokens, real = task.train.padded(np.arange(400))
    labels, ids = inputs["labels"].numpy(), inputs["input_ids"].numpy()
    chosen = labels != model.IGNORED
    assert (labels[chosen] == tokens[chosen]).all() and (ids[~chosen] == tokens[~chosen]).all()
    assert not chosen[~real].any()
    assert chosen.sum() / real.sum() == pytest.approx(0.15, abs=0.01)
    assert (ids[chosen] == 1).mean() == pytest.approx(0.8, abs=0.03)
    assert (ids[chosen] == tokens[chosen]).mean() == pytest.approx(0.1, abs=0.03)
    again = task.batch(0, np.arange(400)[::-1])["labels"].numpy()[::-1]
    assert (again == labels).all()  # whatever the batch
    assert (task.batch(1, np.arange(400))["labels"].numpy() != labels).any()


def test_loss_of_masked_genes_is_that_of_bert_for_masked_lm():
    config = model.random_config(62, layers=2, width=16, max_tokens=64)
    ours = model.new_masked_genes(config, seed=0).eval()
    reference = BertForMaskedLM(ours.config).eval()
    reference.load_state_dict(ours.state_dict())
    task = masked_task()
    inputs = task.batch(0, np.arange(40))
    n_masked = int((inputs["labels"] != model.IGNORED).sum())
    with torch.no_grad():
        loss = task.loss_sum(ours, inputs).item() / n_masked
        assert loss == pytest.approx(reference(**inputs).loss.item(), rel=1e-5)
    found = task.evaluate(ours)
    counts = np.bincount(task.train.tokens)
    assert task.most_frequent == counts.argmax()
    assert 0 <= found["masked_gene_accuracy"] < 0.2 and found["masked_gene_baseline_accuracy"] < 0.1


@pytest.mark.slow
def test_pretraining_learns_genes_that_go_together(tmp_path):
    """Cells hold one of two sets of genes: knowing the others tells more than frequency does."""
    rng = np.random.default_rng(0)
    sets = [np.arange(2, 8), np.arange(8, 14)]
    tokens = np.concatenate([rng.permutation(sets[i % 2]) for i in range(300)])
    cells = TokenCells.from_bounds(tokens, np.arange(301) * 6)
    task = tasks.MaskedGeneTask(cells, cells, 12, seed=0, n_tokens=14)
    options = replace(TINY.resolved(), learning_rate=1e-2, epochs=12)
    network = model.new_masked_genes(model.random_config(14, 2, 16, 6), 0)
    trained = loop.train(network, task, options, 0, torch.device("cpu"), tmp_path)
    last = trained.history[-1]
    assert last["val_masked_gene_accuracy"] > 3 * last["val_masked_gene_baseline_accuracy"]


def test_frozen_parts_stay_and_the_rest_moves(cells, tmp_path):
    for embeddings in (False, True):
        options = replace(TINY, epochs=1, freeze_layers=1, freeze_embeddings=embeddings)
        fitted = classifier(options).fit(*parts_of(cells))
        start = model.new_classifier(
            model.random_config(len(fitted.vocabulary_), 2, 16, 2048), 3, "first", seed=42
        )
        before, after = start.state_dict(), fitted.model_.state_dict()
        same = {name for name in before if (before[name] == after[name]).all()}
        assert {name for name in before if "layer.0." in name} <= same
        assert not any("layer.1." in name and "weight" in name for name in same)
        assert ("bert.embeddings.word_embeddings.weight" in same) == embeddings
    with pytest.raises(InputError, match="2 encoder layers"):
        classifier(replace(TINY, freeze_layers=3)).fit(*parts_of(cells))


def test_class_weights_weigh_the_loss():
    cells = masked_task(6).train
    cells = TokenCells(cells.tokens, cells.starts, cells.stops, np.array([0, 1, 1, 1, 2, 2]))
    config = model.random_config(62, layers=1, width=16, max_tokens=64)
    network = model.new_classifier(config, 3, "first", 0).eval()
    weights = np.array([2.0, 2 / 3, 1.0])
    inputs = tasks.CellTypes(cells, None, 6, 0).batch(0, np.arange(6))
    with torch.no_grad():
        weighted = tasks.CellTypes(cells, None, 6, 0, weights).loss_sum(network, inputs).item()
        log_p = torch.log_softmax(network(inputs["input_ids"], inputs["attention_mask"]), 1)
    by_hand = -sum(weights[y] * log_p[i, y].item() for i, y in enumerate(cells.labels))
    assert weighted == pytest.approx(by_hand, rel=1e-5)


@pytest.fixture
def published(tmp_path):
    """Dictionaries of 60 genes and weights for them, named as the published ones."""
    write_dictionaries(tmp_path)
    return tmp_path, write_network(tmp_path)


def ensembl(cells: ad.AnnData, names=GENES) -> ad.AnnData:
    cells = cells.copy()
    cells.var_names = list(names)
    return cells


def test_a_pretrained_start_has_the_published_weights_and_tokens(published, cells):
    folder, network = published
    options = replace(PRETRAINED, epochs=1, freeze_layers=None, max_tokens=2048)
    train, labels, (held_out, held_out_labels) = parts_of(cells)
    fitted = classifier(options, folder=folder)
    fitted.fit(ensembl(train), labels, (ensembl(held_out), held_out_labels))
    assert fitted.options_.freeze_layers == 3
    ours, theirs = fitted.model_.bert.encoder.layer, network.bert.encoder.layer
    for i in range(3):
        for a, b in zip(ours[i].parameters(), theirs[i].parameters(), strict=True):
            assert (a == b).all()
    assert (ours[3].output.dense.weight != theirs[3].output.dense.weight).any()
    assert fitted._max_tokens() == 40
    symbols = classifier(options, folder=folder)
    names = [f"SYM{i}" for i in range(60)]
    symbols.fit(ensembl(train, names), labels, (ensembl(held_out, names), held_out_labels))
    expected = fitted.predict_proba(ensembl(held_out))
    assert symbols.predict_proba(ensembl(held_out, names)) == pytest.approx(expected)
    symbols.save(folder / "saved")
    loaded = GeneformerClassifier.load(folder / "saved")
    assert loaded.predict_proba(ensembl(held_out, names)) == pytest.approx(expected)


def change_tensors(folder: Path, change) -> None:
    """Replace the dict of tensors in a model's folder by what ``change`` makes of it."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def only(*endings: str):
    return lambda tensors: {k: v for k, v in tensors.items() if k.endswith(endings)}


def renamed(tensors: dict) -> dict:
    return {name.replace("query", "querry"): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("change", [only("word_embeddings.weight"), renamed])
def test_weights_that_do_not_fit_are_no_pretrained_start(published, cells, change):
    folder, _ = published
    change_tensors(folder / "Geneformer-V1-10M", change)
    train, labels, _ = parts_of(cells)
    with pytest.raises(
        InputError, match=r"weights in .* (do not fit .*no fitting bert|cannot be read .*has none)"
    ):
        classifier(PRETRAINED, folder=folder).fit(ensembl(train), labels)


def test_what_is_new_on_pretrained_weights_is_said(published, caplog):
    """The head always; the pooler, which the published weights lack, unless it is there."""
    folder, network = published
    caplog.set_level(logging.INFO)
    model.pretrained_classifier(folder / "Geneformer-V1-10M", 3, "first", 0)
    assert "2 of bert.pooler" in caplog.text and "2 of classifier" in caplog.text
    with_pooler = model.new_classifier(network.config, 2, "first", 0)
    with_pooler.bert.save_pretrained(folder / "encoder")
    caplog.clear()
    ours = model.pretrained_classifier(folder / "encoder", 3, "first", 0)
    assert "bert.pooler" not in caplog.text and "2 of classifier" in caplog.text
    assert (ours.bert.pooler.dense.weight == with_pooler.bert.pooler.dense.weight).all()


@pytest.mark.parametrize(
    "change",
    [
        renamed,
        only("word_embeddings.weight"),
        lambda tensors: tensors | {"more": torch.ones(1)},
        lambda tensors: tensors | {"classifier.bias": torch.ones(2)},
    ],
    ids=["renamed", "missing", "more", "other shape"],
)
def test_a_saved_model_has_its_own_tensors_and_no_others(fitted, tmp_path, change):
    fitted.save(tmp_path / "model")
    change_tensors(tmp_path / "model", change)
    seal(tmp_path / "model", json.loads((tmp_path / "model" / "model.json").read_text()))
    with pytest.raises(InputError, match=r"weights in .* (do not fit|cannot be read .*has none)"):
        GeneformerClassifier.load(tmp_path / "model")


def test_what_does_not_fit_is_refused_before_training(published, cells):
    folder, _ = published
    options = PRETRAINED
    for name, value in (("layers", 3), ("width", 8), ("dropout", 0.5)):
        with pytest.raises(InputError, match=f"--{name} is for --from-scratch"):
            classifier(replace(options, **{name: value}), folder=folder).fit(*parts_of(cells))
    with pytest.raises(InputError, match=r"0 of 60 genes.*gene symbols.*gene_0.*Ensembl ids"):
        classifier(options, folder=folder).fit(*parts_of(cells))
    write_dictionaries(folder, genes=GENES[:50])
    train, labels, validation = parts_of(cells)
    with pytest.raises(InputError, match=r"52 entries.* 62.*different versions"):
        classifier(options, folder=folder).fit(ensembl(train), labels, validation)


def test_a_cell_without_known_genes_gets_the_shares_of_the_types(fitted, cells):
    some = cells[:4].copy()
    some = ad.concat([some, ad.AnnData(np.zeros((4, 1)), some.obs, None)], axis=1)
    counts = some.X.toarray()
    counts[1, :60], counts[1, 60] = 0, 3
    some.X = counts
    probabilities = fitted.predict_proba(some)
    assert probabilities[1] == pytest.approx(fitted.prior_)
    assert probabilities[[0, 2, 3]] == pytest.approx(
        fitted.predict_proba(cells[:4])[[0, 2, 3]], abs=1e-5
    )


def test_no_cell_of_a_chunk_needs_a_known_gene(fitted, cells):
    """Annotation comes in chunks: what one of them holds must not stop the others."""
    empty = cells[:2].copy()
    empty.X = sp.csr_matrix(empty.shape, dtype=np.float32)
    assert fitted.predict_proba(empty) == pytest.approx(np.tile(fitted.prior_, (2, 1)))
    assert fitted.predict_proba(cells[:0].copy()).shape == (0, 3)


def test_cells_without_known_genes_are_left_out_of_training(cells, caplog):
    caplog.set_level(logging.INFO)
    train, labels, validation = parts_of(cells)
    counts = np.hstack([train.X.toarray(), np.zeros((180, 1))])
    counts[3, :60], counts[3, 60] = 0, 3  # a gene that one cell alone expresses has no token
    odd = ad.AnnData(sp.csr_matrix(counts), obs=train.obs)
    odd.var_names = [*train.var_names, "rare"]
    classifier(replace(TINY, epochs=1)).fit(odd, labels, validation)
    assert "1 training cells express no known gene: left out of training." in caplog.messages


def test_types_missing_in_a_part(cells):
    train, labels, (held_out, held_out_labels) = parts_of(cells)
    without = held_out_labels != "NK"
    validation = (held_out[without].copy(), held_out_labels[without])
    one = classifier(replace(TINY, epochs=1)).fit(train, labels, validation)
    assert one.classes_.tolist() == ["B", "NK", "T/x"]
    kept = labels != "NK"
    with pytest.raises(InputError, match=r"no training cell has: NK; .*--min-cells-per-type"):
        classifier().fit(train[kept].copy(), labels[kept], (held_out, held_out_labels))
    with pytest.raises(InputError, match="expected labels of 2 or more, found B"):
        classifier().fit(train, np.full(180, "B"))


def test_early_stopping(cells):
    options = replace(TINY, epochs=30, patience=1, learning_rate=1e-6)
    fitted = classifier(options).fit(*parts_of(cells))
    assert fitted.history_["epoch"].max() < 15


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"from_scratch": True, "pretrained": "m"}, "contradict"),
        ({"epochs": 0}, "--epochs 0: expected at least 1"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"width": 18}, "multiple of 4"),
        ({"dropout": 1.0}, "--dropout"),
        ({"warmup_share": 2.0}, "--warmup-share"),
        ({"from_scratch": False, "pretrained": "m", "pretrain_epochs": 2}, "--pretrain-epochs"),
    ],
)
def test_options_are_checked(changed, sentence):
    with pytest.raises(InputError, match=sentence):
        replace(TINY, **changed).resolved()


def test_a_device_that_is_not_there_is_an_input_error(cells):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match=r"--device cuda: this machine .* none"):
        classifier(replace(TINY, device="cuda")).fit(*parts_of(cells))
