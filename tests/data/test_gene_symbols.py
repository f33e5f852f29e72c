"""Gene names: the bundled table, a small server on loopback for mygene.info, and no network."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import anndata
import numpy
import pytest

from cellclassifier.data import mygene
from cellclassifier.data.gene_symbols import drop_unmapped, symbols_of
from cellclassifier.errors import InputError

SLOW_SECONDS = 30.0  # well beyond any wait of a busy machine, and of the time limit under test


def ids(n, start=1):
    """Ids that the bundled table does not know."""
    return [f"ENSG9{i:010d}" for i in range(start, start + n)]


class MyGene(ThreadingHTTPServer):
    """Speaks what is used of mygene's API: POST /v3/query/, at most 1,000 ids each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.how = ""
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
        asked = form["q"] = [gene_id.strip('"') for gene_id in form["q"][0].split(",")]
        self.server.requests.append((self.path, form))
        assert len(asked) <= 1000
        body = json.dumps([hit for g in asked for hit in self.server.answer(g)]).encode()
        how = self.server.how
        broken = {
            "json": b'[{"query": ',
            "object": b'{"error": "x"}',
            "null": b"null",
            "text": b'[""]',
        }
        body = broken.get(how, body)
        length = len(body) + 9 * (how == "cut")
        time.sleep(SLOW_SECONDS if how == "slow" else 0)
        status = 500 if how == "500" else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mygene, "SECONDS", 120.0)  # a busy machine starts a process slowly
    with MyGene() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ask(server, tmp_path, said):
    """Give a function that looks symbols up at the server; its `lines` give what was said."""

    def look_up(gene_ids, **options):
        options = {"cache_folder": tmp_path / "cache", "server": server.url, **options}
        return list(symbols_of(gene_ids, **{"ask": True, **options}))

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


# ---- the bundled table


def test_the_table_comes_before_mygene(ask, server):
    known = ["ENSG00000163220.7", "ENSG00000198899", "ACTB"]
    assert ask(known) == ["S100A9", "MT-ATP6", "ACTB"]
    assert server.requests == [] and ask.lines() == []
    assert ask([*known, *ids(1)]) == ["S100A9", "MT-ATP6", "ACTB", "S0001"]
    assert server.requests[0][1]["q"] == ids(1)


def test_without_being_asked_to_no_network_is_touched(ask, server):
    gene_ids = ["ENSG00000163220", *ids(2)]
    assert ask(gene_ids, ask=False) == ["S100A9", *ids(2)]
    assert server.requests == []
    assert "2 of 3 genes keep their Ensembl ids" in ask.lines()[0] and len(ask.lines()) == 1
    assert "--ask-mygene" in ask.lines()[0]
    ask(gene_ids)
    assert ask(gene_ids, ask=False) == ["S100A9", "S0001", "S0002"]  # known by now


def test_genes_of_other_species_are_not_asked_for(ask, server):
    mouse = ["ENSMUSG00000056054", "ENSMUSG00000025888"]
    assert ask(mouse) == mouse
    assert server.requests == [] and "of human genes" in ask.lines()[0]


# ---- mygene


def test_one_request_then_nothing_asked_twice(ask, server):
    gene_ids = [f"{gene_id}.2" for gene_id in ids(900)]
    assert ask(gene_ids) == [f"S{i:04d}" for i in range(1, 901)]
    ((path, form),) = server.requests
    assert path == "/v3/query/" and form["scopes"] == ["ensembl.gene"]
    assert form["fields"] == ["symbol"] and form["species"] == ["human"]
    assert len(ask.lines()) == 1 and "named 900 of 900" in ask.lines()[0]
    assert ask(gene_ids[::-1])[:2] == ["S0900", "S0899"]
    assert len(server.requests) == 1 and len(ask.lines()) == 1


def test_what_is_too_much_for_a_request_is_left_to_the_next_run(ask, server):
    named = [f"S{i:04d}" for i in range(1, 1501)]
    assert ask(ids(1500)) == named[:1000] + ids(1500)[1000:]
    assert "the next run asks for more" in ask.lines()[0] and len(server.requests) == 1
    assert ask(ids(1500)) == named
    assert len(server.requests) == 2


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
    assert [form["q"] for _, form in server.requests[1:]] == [["ENSG90000000003"]]


def test_the_client_is_silent(ask, server, capfd):
    server.answer = lambda g: [{"query": g, "notfound": True}] * 2
    ask(ids(2))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["500", "json", "object", "null", "text", "cut", "slow"])
def test_after_a_broken_answer_ids_stay(ask, server, how, monkeypatch):
    server.how = how
    with monkeypatch.context() as context:
        if how == "slow":
            context.setattr(mygene, "SECONDS", 2.0)
        start = time.monotonic()
        assert ask(ids(3)) == ids(3)
    if how == "slow":
        assert time.monotonic() - start < SLOW_SECONDS  # gave up, did not wait for the answer
    assert len(server.requests) <= 1  # no second try; a slow start may leave no time for the first
    assert len(ask.lines()) == 1 and "keep their Ensembl ids" in ask.lines()[0]
    assert "\n" not in ask.lines()[0]
    server.how = ""
    assert ask(ids(3)) == ["S0001", "S0002", "S0003"]


def test_symbols_that_are_not_text_are_a_broken_answer(ask, server):
    server.answer = lambda g: [{"query": g, "symbol": ["A", "B"]}]
    assert ask(ids(2)) == ids(2)
    assert "not text" in ask.lines()[0]


# ---- no network


def assert_offline(ask, server):
    assert ask(ids(1500), server=server) == ids(1500)
    assert len(ask.lines()) == 1 and "keep their Ensembl ids" in ask.lines()[0]


def test_a_refused_connection(ask, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert_offline(ask, f"http://127.0.0.1:{port}/v3")
    assert not (tmp_path / "cache").exists()


def test_a_name_that_is_not_found(ask):
    assert_offline(ask, "http://mygene.invalid/v3")
    assert "mygene.invalid" in ask.lines()[0]


def test_an_address_that_is_none(ask):
    assert_offline(ask, "mygene.invalid:v3")


def test_the_server_can_be_set_by_the_environment(ask, server, monkeypatch):
    monkeypatch.setenv("CELLCLASSIFIER_MYGENE", server.url + "/")
    assert ask(ids(2), server=None) == ["S0001", "S0002"]


# ---- the cache


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{", "[1]", '{"ENSG90000000001": 1}', "\x00", "[" * 10**5])
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
    monkeypatch.setattr(mygene.platformdirs, "user_cache_dir", lambda name, **_: tmp_path / name)
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
