"""A saved model in the hands of transformers: the same network, or refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_cells
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from cellclassifier.interface import Classifier
from cellclassifier.models.geneformer import inference
from cellclassifier.models.geneformer.classifier import GeneformerClassifier
from cellclassifier.models.geneformer.options import GeneformerOptions

TINY = GeneformerOptions(
    from_scratch=True, layers=2, width=16, epochs=1, batch_size=12, device="cpu"
)
# What strangers call their types: JSON, markup, other scripts, a name like a number's.
NAMES = ('a"b\\', "NA\nB|<b>", "\u202e{{x}}", "0", "T\u2028é🧬")


def saved_model(folder, pooling: str) -> GeneformerClassifier:
    cells = make_cells(150)
    labels = np.resize(np.array(NAMES), 150)
    model = GeneformerClassifier(replace(TINY, pooling=pooling)).fit(cells, labels)
    model.save(folder)
    return model


def test_a_first_pooling_model_gives_the_same_scores_there(tmp_path):
    model = saved_model(tmp_path / "model", "first")
    there, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    cells = model._tokens(model.align(make_cells(30, seed=3)))
    inputs = inference.as_tensors(*cells.padded(np.arange(30)))
    with torch.no_grad():
        logits = there.eval()(**inputs).logits.numpy()
    ours, _ = inference.scores_and_features(model.model_, cells)
    np.testing.assert_allclose(logits, ours, atol=1e-5)
    assert np.ptp(logits) > 0.01
    assert [there.config.id2label[i] for i in range(len(model.classes_))] == model.classes_.tolist()


@pytest.mark.parametrize("auto", [AutoConfig, AutoModel, AutoModelForSequenceClassification])
def test_a_mean_pooling_model_is_refused_there(tmp_path, auto):
    """There it would be another network with the same weights; here it is what it was."""
    model, cells = saved_model(tmp_path / "model", "mean"), make_cells(30, seed=3)
    with pytest.raises(ValueError, match=r"cellclassifier_bert.*does not recognize"):
        auto.from_pretrained(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(cells), model.predict_proba(cells))


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_config_json_names_the_types_after_every_save(tmp_path, pooling):
    types = saved_model(tmp_path / "model", pooling).classes_.tolist()
    Classifier.load(tmp_path / "model").save(tmp_path / "again")
    for name in ("model", "again"):
        content = json.loads((tmp_path / name / "config.json").read_text(encoding="ascii"))
        assert content["id2label"] == {str(i): name for i, name in enumerate(types)}
        assert content["label2id"] == {name: i for i, name in enumerate(types)}
        assert content["architectures"] == [
            {"first": "BertForSequenceClassification", "mean": "CellBert"}[pooling]
        ]
