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
exclude_patterns = ["_ext", "tests"]
myst_heading_anchors = 3
nitpicky = True
