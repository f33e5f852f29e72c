"""A page as one HTML file: no request to anywhere, and nothing of a stranger's becomes markup.

Every text is escaped by Jinja2; beside that, the page's own policy lets a browser run and apply
nothing but the script and the style that it was written with, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from cellclassifier.report.parts import Page

TEMPLATES = files(__package__) / "templates"


def as_html(page: Page) -> str:
    """The whole file as text."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = (_read(name) for name in ("report.css", "report.js"))
    template = environment.from_string(_read("report.html"))
    own = {"style": style, "script": script, "policy": policy(style, script)}
    return template.render(page=page, slides=_slides(page), **own)


def policy(style: str, script: str) -> str:
    """A Content-Security-Policy: images that are in the file, this style, this script."""
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _slides(page: Page) -> int:
    """How many slides: the title, a slide per part, and one per section of text alone."""
    return 1 + sum(len(s.parts) + bool(s.paragraphs or not s.parts) for s in page.sections)
