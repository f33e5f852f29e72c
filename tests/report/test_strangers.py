"""Labels, names of cells and of files are text on the page, whatever is in them."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser

import pytest
from report_pages import FILE, HOSTILE, hostile_folder

from cellclassifier.report import as_html, make_page


class Elements(HTMLParser):
    """Every tag with its attributes, what stands in script and style, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.raw, self.text, self.inside = [], {}, [], None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag if tag in ("script", "style") else None

    def handle_data(self, data):
        if self.inside:
            self.raw.setdefault(self.inside, []).append(data)
        else:
            self.text.append(data)

    def handle_endtag(self, tag):
        self.inside = None


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Elements:
    folder = hostile_folder(tmp_path_factory)
    return Elements(as_html(make_page(folder, folder / "no_records")))


def test_no_two_elements_have_one_id(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_tags_are_those_of_the_template(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 2 and tags.count("style") == 1
    assert "b" not in tags
    handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert handlers == []
    assert not any("style" in attributes for _, attributes in page.tags)  # the policy forbids it


def test_images_are_in_the_file_and_nothing_is_asked_for(page):
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    assert len(sources) >= 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = [a["href"] for tag, a in page.tags if "href" in a]
    assert all(link.startswith("#") or link == "data:," for link in links)


def test_the_policy_names_the_script_and_the_style_that_are_there(page):
    policy = next(a["content"] for tag, a in page.tags if "http-equiv" in a)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind in ("script", "style"):
        digest = hashlib.sha256(page.raw[kind][-1].encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_labels_are_read_as_they_are(page):
    """But for signs that turn others around, which are shown as escapes."""
    text = " ".join(" ".join(page.text).split())
    for label in HOSTILE:
        assert label.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c") in text
    assert "\u202e" not in text
    assert FILE in text and "{{ 7 * 7 }}" in text


def test_the_cells_of_the_map_are_json_without_markup(page):
    source = page.raw["script"][0]
    assert "<" not in source
    cells = json.loads(source)
    assert set(cells["types"]) == {
        label.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c") for label in HOSTILE
    }
    assert len(cells["names"]) == 90 and cells["names"][0].startswith("<b onclick")


def test_every_image_says_what_it_shows(page):
    texts = [a["alt"] for tag, a in page.tags if tag == "img"]
    assert all(len(text) > 40 for text in texts) and len(set(texts)) == len(texts)
