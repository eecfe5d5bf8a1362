"""Sphinx: the book. Built with Debian's python3-sphinx, furo and python3-myst-parser."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Pagoda"
author = "Pagoda contributors"
copyright = author  # noqa: A001
extensions = ["myst_parser", "symbols"]
html_theme = "furo"
html_title = "Pagoda"
html_static_path = ["_static"]
html_css_files = ["book.css"]
# handout-NAME.md brings in labs/NAME/README.md, of the labs that this tree has come to.
handouts = [page.name for page in Path(__file__).parent.glob("handout-*.md")]
exclude_patterns = ["_ext", "tests", *(name for name in handouts if not (Path(__file__).parents[1] / "labs" / name[8:-3] / "README.md").is_file())]
myst_heading_anchors = 3
nitpicky = True
