"""The page in a real browser: make test-browser."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from report_pages import hostile_folder

from cellclassifier.report import as_html, make_page

playwright = pytest.importorskip("playwright.sync_api", reason="make test-browser installs it")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here: apt-get install chromium"),
]
SIZES = [(1280, 720, "light"), (1280, 720, "dark"), (3840, 2160, "light"), (390, 844, "dark")]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    folder = hostile_folder(tmp_path_factory)
    (folder / "report.html").write_text(as_html(make_page(folder, folder)), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(**options)
        yield started
        started.close()


@pytest.fixture
def opened(browser, file):
    """Open the page; what it says on the console and asks for is checked in the end."""
    said, asked, contexts = [], [], []

    def open_page(width=1280, height=720, scheme="light", place=""):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri() + place)
        return page

    yield open_page
    for context in contexts:
        assert context.pages[0].evaluate("window.stolen") is None
        context.close()
    assert said == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == len(contexts)


SEEN = """() => [...document.images].map(image => {
  const box = image.getBoundingClientRect();
  return [image.naturalWidth > 0 && box.width > 50 && box.height > 30, box.left, box.right];
})"""


@pytest.mark.parametrize(("width", "height", "scheme"), SIZES)
def test_the_page_is_as_wide_as_the_screen(opened, width, height, scheme):
    page = opened(width, height, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = page.evaluate(SEEN)
    assert len(images) >= 4
    assert all(seen and left >= 0 and right <= width for seen, left, right in images)
    assert page.evaluate("getComputedStyle(document.querySelector('.move')).display") == "none"


OVERFLOW = """() => {
  const slide = document.querySelector('.slide.now');
  const image = slide.querySelector('img');
  const box = image && image.getBoundingClientRect();
  const body = slide.querySelector('.body');
  return {
    height: slide.scrollHeight - slide.clientHeight,
    width: slide.scrollWidth - slide.clientWidth,
    image: !box || (box.width > 80 && box.height > 80 && box.top >= 0
      && box.bottom <= innerHeight && box.right <= innerWidth),
    body: body && !slide.matches('.of-table') ? body.scrollHeight - body.clientHeight : 0,
  };
}"""


@pytest.mark.parametrize(("width", "height", "scheme"), SIZES[:3])
def test_every_slide_holds_what_is_on_it(opened, width, height, scheme):
    page = opened(width, height, scheme, "#slides")
    n_slides = page.evaluate("document.querySelectorAll('.slide').length")
    assert n_slides > 12
    for number in range(1, n_slides + 1):
        assert page.inner_text("#go-place") == f"{number} of {n_slides}"
        found = page.evaluate(OVERFLOW)
        assert found["image"], number
        assert max(found["height"], found["width"], found["body"]) <= 2, (number, found)
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#go-place") == f"{n_slides} of {n_slides}"


def test_headlines_are_above_what_they_tell(opened):
    """On the page, too: no rule for what is inside a part lays out the part itself."""
    page = opened()
    places = page.evaluate("""() => [...document.querySelectorAll('article.slide')].map(part => [
      part.querySelector('h3').getBoundingClientRect().bottom,
      part.querySelector('.body').getBoundingClientRect().top,
      part.querySelector('.body').getBoundingClientRect().bottom,
      part.querySelector('.how').getBoundingClientRect().top])""")
    assert all(h3 <= top and bottom <= how for h3, top, bottom, how in places)


def test_keys_move_through_the_slides(opened):
    page = opened()
    page.keyboard.press("p")
    assert page.evaluate("document.body.className") == "slides"
    for key, place in [("ArrowRight", 2), ("PageDown", 3), ("ArrowLeft", 2), (" ", 3), ("Home", 1)]:
        page.keyboard.press(key)
        assert page.inner_text("#go-place").startswith(f"{place} of")
    page.keyboard.press("n")
    page.goto(page.url.split("#")[0] + "#slides-3")
    assert page.inner_text("#go-place").startswith("3 of")
    page.keyboard.press("Escape")
    assert page.evaluate("document.body.classList.contains('slides')") is False
    page.click("#present")
    page.click("#go-on")
    assert page.evaluate("document.querySelectorAll('.slide.now').length") == 1


def test_notes_are_shown_when_they_are_asked_for(opened):
    page = opened(place="#slides-2")
    notes = page.locator(".slide.now details.notes")
    for _ in range(30):
        if notes.count():
            break
        page.keyboard.press("ArrowRight")
    assert not notes.is_visible()
    page.keyboard.press("n")
    assert notes.is_visible() and notes.locator("dd").first.is_visible()


def test_the_map_tells_of_the_cell_that_is_pointed_at(opened):
    page = opened()
    canvas = page.locator("#map")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    told = page.inner_text("#told")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        if page.inner_text("#told") != told:
            break
    assert "<b onclick" in page.inner_text("#told")
    page.check("#wrong")


def test_printing_gives_a_page_for_every_slide(opened, tmp_path):
    page = opened(place="#slides")
    n_slides = page.evaluate("document.querySelectorAll('.slide').length")
    content = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", content)) == n_slides
    sizes = {
        tuple(map(float, m.split()[2:])) for m in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", content)
    }
    assert all(width / height == pytest.approx(16 / 9, abs=0.01) for width, height in sizes)


def test_the_page_works_by_keyboard_alone(opened):
    """Every control can be reached, and shows that it was."""
    page = opened()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"A", "SUMMARY", "map", "wrong", "present"} <= reached
