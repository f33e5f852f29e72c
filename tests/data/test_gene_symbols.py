"""Gene names: the real mygene client against a small server on loopback, and no network at all."""

import json
import pickle
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import anndata
import numpy
import pytest

from cellclassifier.data import gene_symbols as genes
from cellclassifier.data.gene_symbols import drop_unmapped, symbols_of
from cellclassifier.errors import InputError

SLOW_SECONDS = 5.0  # well beyond any wait of a busy machine, and of the time-out under test


def ids(n, start=1):
    return [f"ENSG{i:011d}" for i in range(start, start + n)]


class MyGene(ThreadingHTTPServer):
    """Speaks what the client uses of mygene's API: POST /v3/query, at most 1,000 ids each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.break_after = 10**9
        self.how = "500"
        self.answer = lambda gene_id: [
            {"query": gene_id, "_score": 9, "symbol": "S" + gene_id[-4:]}
        ]
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v3"

    def handle_error(self, request, client_address):
        """Keep quiet about clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.requests.append((self.path, form))
        asked = [gene_id.strip('"') for gene_id in form["q"][0].split(",")]
        body = json.dumps([hit for g in asked for hit in self.server.answer(g)]).encode()
        status, length = 200, len(body)
        if len(self.server.requests) > self.server.break_after:
            how = self.server.how
            status = 500 if how == "500" else 200
            body = {"json": b'[{"query": ', "object": b'{"error": "x"}', "null": b"null"}.get(
                how, body
            )
            length = len(body) + 9 * (how == "cut")
            time.sleep(SLOW_SECONDS if how == "slow" else 0)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with MyGene() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ask(server, tmp_path, said):
    """Give a function that looks symbols up at the server; its `lines` give what was said."""

    def look_up(gene_ids, **options):
        options = {"cache_folder": tmp_path / "cache", "server": server.url, **options}
        return list(symbols_of(gene_ids, dictionary_folder=tmp_path, **options))

    look_up.lines = said
    return look_up


def cells_of(gene_ids, symbols):
    cells = anndata.AnnData(numpy.arange(2.0 * len(gene_ids)).reshape(2, -1))
    cells.var_names = gene_ids
    cells.var["gene_symbol"] = symbols
    return cells


@pytest.mark.parametrize("gene_ids", [["CD3D", "CD3D", "MT-CO1"], ["915", "3122"], ["?", "!"]])
def test_anything_but_ensembl_ids_stays(ask, server, gene_ids):
    assert ask(gene_ids) == gene_ids
    assert server.requests == [] and ask.lines() == []


# ---- Geneformer's dictionary


def test_dictionary_comes_before_mygene(ask, server, tmp_path):
    content = {"CD3D": "ENSG00000000001", "ALIAS": "ENSG00000000001", "MT-CO1": "ENSG00000000002"}
    (tmp_path / "gene_name_id_dict_gc30M.pkl").write_bytes(pickle.dumps(content))
    assert ask(["ENSG00000000002.7", "ENSG00000000001", "ACTB"]) == ["MT-CO1", "CD3D", "ACTB"]
    assert server.requests == []
    assert ask(ids(3)) == ["CD3D", "MT-CO1", "S0003"]
    assert server.requests[0][1]["q"] == ['"ENSG00000000003"']


def test_shared_dictionary(shared, tmp_path):
    path = shared / "geneformer_files" / "gene_name_id_dict_gc30M.pkl"
    by_symbol = pickle.loads(path.read_bytes())
    gene_ids = list(by_symbol.values())
    named = symbols_of(gene_ids, path.parent, cache_folder=tmp_path, server="http://127.0.0.1:1")
    assert list(named) == [symbol or gene_id for symbol, gene_id in by_symbol.items()]


def test_a_damaged_dictionary_is_named(ask, tmp_path):
    path = tmp_path / "gene_name_id_dict_gc30M.pkl"
    for content in (b"nonsense", pickle.dumps(["CD3D"]), pickle.dumps({"CD3D": 1})):
        path.write_bytes(content)
        with pytest.raises(InputError, match=path.name):
            ask(ids(2))


# ---- mygene


def test_batches_then_nothing_asked_twice(ask, server):
    gene_ids = [f"{gene_id}.2" for gene_id in ids(2500)]
    assert ask(gene_ids) == [f"S{i:04d}" for i in range(1, 2501)]
    assert [form["q"][0].count(",") + 1 for _, form in server.requests] == [1000, 1000, 500]
    path, form = server.requests[0]
    assert path.rstrip("/") == "/v3/query" and form["scopes"] == ["ensembl.gene"]
    assert form["fields"] == ["symbol"] and form["species"] == ["human"]
    assert len(ask.lines()) == 1 and "2,500 of 2,500" in ask.lines()[0]
    assert ask(gene_ids[::-1])[:2] == ["S2500", "S2499"]
    assert len(server.requests) == 3 and len(ask.lines()) == 1
    assert ask(ids(2501))[-1] == "S2501"
    assert server.requests[3][1]["q"] == ['"ENSG00000002501"']


def test_unknown_partial_and_duplicate_answers(ask, server):
    answers = {
        "1": [{"notfound": True}],
        "2": [{"_score": 9}],  # known, without a symbol
        "3": [],  # left out of the answer
        "4": [{"_score": 9}, {"symbol": "SECOND"}, {"symbol": "THIRD"}],
        "5": [{"symbol": ""}],
        "6": [{"symbol": "TWIN"}],
        "7": [{"symbol": "TWIN"}],
    }
    server.answer = lambda g: [{"query": g, **hit} for hit in answers[g[-1]]]
    expected = [*ids(3), "SECOND", ids(1, 5)[0], "TWIN", "TWIN"]
    assert ask(ids(7)) == expected
    assert "3 of 7" in ask.lines()[0]
    assert ask(ids(7)) == expected
    assert [form["q"] for _, form in server.requests[1:]] == [['"ENSG00000000003"']]


def test_the_client_is_silent(ask, server, capfd):
    server.answer = lambda g: [{"query": g, "notfound": True}] * 2
    ask(ids(2))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["500", "json", "object", "null", "cut", "slow"])
def test_broken_answers_keep_finished_batches(ask, server, how, monkeypatch):
    if how == "slow":
        monkeypatch.setattr(genes, "ANSWER_SECONDS", 1.0)
    server.break_after, server.how = 2, how
    gene_ids = ids(2500)
    start = time.monotonic()
    named = ask(gene_ids)
    assert time.monotonic() - start < SLOW_SECONDS  # gave up, did not wait for the answer
    assert named == [f"S{i:04d}" for i in range(1, 2001)] + gene_ids[2000:]
    assert len(server.requests) == 3  # no second try
    assert len(ask.lines()) == 1 and "500 genes keep their Ensembl ids" in ask.lines()[0]
    assert "Names are labels" in ask.lines()[0] and "\n" not in ask.lines()[0]
    server.break_after = 10**9
    assert ask(gene_ids)[-1] == "S2500"
    assert server.requests[-1][1]["q"][0].count(",") + 1 == 500


def test_symbols_that_are_not_text_are_a_broken_answer(ask, server):
    server.answer = lambda g: [{"query": g, "symbol": ["A", "B"]}]
    assert ask(ids(2)) == ids(2)
    assert "not text" in ask.lines()[0]


# ---- no network


def assert_offline(ask, server, **options):
    start = time.monotonic()
    assert ask(ids(1500), server=server, **options) == ids(1500)
    assert len(ask.lines()) == 1 and "1,500 genes keep their Ensembl ids" in ask.lines()[0]
    return time.monotonic() - start


def silence_network(monkeypatch):
    """Let every connection time out; return the list of those that were tried."""
    tried = []

    def silent(address, timeout):
        tried.append((address, timeout))
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", silent)
    return tried


def test_refused_connection_is_found_at_once(ask, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert assert_offline(ask, f"http://127.0.0.1:{port}/v3") < 0.5
    assert not (tmp_path / "cache").exists()


def test_a_name_that_is_not_found(ask, monkeypatch):
    def fail(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert assert_offline(ask, "https://mygene.invalid/v3") < 0.5
    assert "mygene.invalid" in ask.lines()[0] and "name resolution" in ask.lines()[0]


def test_a_look_up_without_end_is_left_alone(ask, monkeypatch):
    monkeypatch.setattr(genes, "CONNECT_SECONDS", -0.8)  # which leaves 0.2 s in total
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(1) or [])
    assert assert_offline(ask, "https://mygene.invalid/v3") < 1


def test_an_address_that_says_nothing_costs_one_timeout(ask, monkeypatch):
    tried = silence_network(monkeypatch)
    assert_offline(ask, "https://mygene.invalid/v3")
    assert tried == [(("mygene.invalid", 443), 2.0)]


def test_a_proxy_is_tried_in_place_of_the_server(ask, monkeypatch):
    tried = silence_network(monkeypatch)
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert_offline(ask, "https://mygene.invalid/v3")
    assert tried == [(("proxy.invalid", 3128), 2.0)]


def test_the_server_can_be_set_by_the_environment(ask, server, monkeypatch):
    monkeypatch.setenv("CELLCLASSIFIER_MYGENE", server.url + "/")
    assert ask(ids(2), server=None) == ["S0001", "S0002"]


# ---- the cache


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"ENSG00000000001": 1}', "\x00", "[" * 10**5])
def test_a_corrupt_cache_is_rewritten(ask, server, tmp_path, content):
    path = tmp_path / "cache" / "gene_symbols.json"
    path.parent.mkdir()
    path.write_text(content)
    assert ask(ids(2)) == ["S0001", "S0002"]
    assert json.loads(path.read_text()) == dict(zip(ids(2), ["S0001", "S0002"], strict=True))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_unwritable_cache_folder(ask, server, tmp_path):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert ask(ids(2), cache_folder=tmp_path / "file" / "cache") == ["S0001", "S0002"]
    assert len(server.requests) == 2


def test_the_users_cache_folder_is_the_default(ask, server, tmp_path, monkeypatch):
    monkeypatch.setattr(genes.platformdirs, "user_cache_dir", lambda name, **_: tmp_path / name)
    ask(ids(2), cache_folder=None)
    assert (tmp_path / "cellclassifier" / "gene_symbols.json").exists()


# ---- --drop-unmapped-genes


def test_drop_unmapped():
    gene_ids = [*ids(4), "ACTB"]
    cells = cells_of(gene_ids, ["A", gene_ids[1], "C", gene_ids[3], "ACTB"])
    kept = drop_unmapped(cells)
    assert list(kept.var_names) == [gene_ids[0], gene_ids[2], "ACTB"]
    numpy.testing.assert_array_equal(kept.X, cells.X[:, [0, 2, 4]])
    assert cells.n_vars == 5 and not kept.is_view


def test_drop_unmapped_keeps_symbol_files():
    cells = cells_of(["CD3D", "MT-CO1"], ["CD3D", "MT-CO1"])
    assert drop_unmapped(cells).n_vars == 2


def test_drop_unmapped_refuses_to_drop_all():
    with pytest.raises(InputError, match="None of the 3 genes"):
        drop_unmapped(cells_of(ids(3), ids(3)))
