"""One page of all that was run, to read and to present.

    python report.py                                      # model_output/report.html
    python report.py --output elsewhere

Open the page from disk: it asks nothing of any other place. Key p (or the address ending in
#slides) turns it into slides, arrow keys move, n shows what an expert will ask, and printing makes
a PDF of them. Reads the records, tables and figures of the scripts that were run, and says which
were not. Output, under model_output/:

    report.html
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from cellclassifier import cli, report
from cellclassifier.options import CommonOptions
from cellclassifier.output.files import write_text

RECORDS = Path(__file__).parent / "docs" / "records"
PAGE = "report.html"
log = logging.getLogger("cellclassifier.report")


@dataclass(frozen=True)
class Config(CommonOptions):
    """Options of the page."""

    title: str = "Naming cells by their RNA"
    """what stands on the first slide"""

    records: Path | None = None
    """figures that were measured beforehand; default: docs/records beside this script"""


def main(config: Config) -> Path:
    """Write the page; returns where it is."""
    log.info("Reading what was run ...")
    page = report.make_page(config.output, config.records or RECORDS, config.title)
    path = config.output / PAGE
    write_text(path, report.as_html(page))
    print(f"Page: {path.resolve()} ({path.stat().st_size / 1e6:.1f} MB)")
    return path


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
