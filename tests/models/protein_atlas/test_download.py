"""The weights are fetched once, and what came is held against what the hub states."""

from __future__ import annotations

import hashlib
import json

import pytest

from cellclassifier.errors import InputError
from cellclassifier.models.protein_atlas import files

CONTENT = {"config.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture
def hub(monkeypatch):
    """A hub that states the digest of what it gives; returns the names that were fetched."""
    fetched = []

    def give(repository, name, *, revision, local_dir, endpoint):
        assert repository == files.REPOSITORY
        fetched.append((name, revision))
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / name).write_bytes(CONTENT[name])
        return str(local_dir / name)

    stated = hashlib.sha256(CONTENT["model.safetensors"]).hexdigest()
    monkeypatch.setattr(files, "_stated", lambda: ("c0ffee", stated))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", give)
    return fetched


def test_both_files_of_one_commit_once(tmp_path, hub):
    files.download(tmp_path)
    files.download(tmp_path)
    assert hub == [("config.json", "c0ffee"), ("model.safetensors", "c0ffee")]
    assert {path.name for path in tmp_path.iterdir()} == {*CONTENT, files.DIGESTS}
    kept = json.loads((tmp_path / files.DIGESTS).read_text(encoding="utf-8"))
    assert kept["commit"] == "c0ffee"
    assert kept["sha256"]["config.json"] == hashlib.sha256(b"{}").hexdigest()
    (tmp_path / "model.safetensors").write_bytes(b"changed")
    files.download(tmp_path)
    assert len(hub) == 4 and files.is_whole(tmp_path)


def test_other_weights_than_stated_are_not_kept(tmp_path, hub, monkeypatch):
    monkeypatch.setattr(files, "_stated", lambda: ("c0ffee", "0" * 64))
    with pytest.raises(InputError, match=r"came with SHA-256 .*, expected 0000"):
        files.download(tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_network_is_a_sentence(tmp_path, monkeypatch):
    def fail(url):
        raise ConnectionError("nobody answers")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", fail)
    with pytest.raises(InputError, match=r"could not be downloaded \(ConnectionError: nobody"):
        files.download(tmp_path)
