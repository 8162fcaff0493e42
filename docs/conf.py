"""Sphinx settings: ``sphinx-build -W docs site`` builds the documentation, warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

import movieembed

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "movieembed"
author = "movieembed contributors"
copyright = "movieembed contributors"
release = version = movieembed.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "mathml",
    "myst_parser",
    "numpydoc",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# No inventories are fetched: the build works offline.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme = "furo"
html_title = "movieembed"
exclude_patterns = ["site", "_build", "_ext"]
