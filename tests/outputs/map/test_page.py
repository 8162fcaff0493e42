"""The page: nothing in it leaves its place, and it is written whole or not at all."""

from __future__ import annotations

import os
import re

import pytest

import movieembed as me
from map_cases import EVIL, data_of, made_up, page_of


def test_titles_cannot_leave_the_script_or_the_heading(tmp_path):
    titles = [EVIL, "{{DATA}} <!-- (2000)", *(f"Film {i}" for i in range(38))]
    evil = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    page = page_of(evil, tmp_path, title=EVIL, genres=["</script>|<b>"] * 40)
    plain = page_of(me.MovieEmbedding(4, random_state=0).fit(made_up()), tmp_path)
    for mark in ("<script", "</script", "<!--", "<img", "<b>"):
        assert page.lower().count(mark) == plain.lower().count(mark), mark
    assert data_of(page)[0]["titles"][:2] == [EVIL.removesuffix(" (1999)"), "{{DATA}} <!--"]


def test_nothing_in_the_page_asks_the_network(model, tmp_path):
    page = page_of(model, tmp_path)
    assert "default-src 'none'" in page
    assert not re.search(r"<(link|script|img)[^>]+(src|href)=\"(?!data:)", page)
    assert "{{" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)


def test_a_failed_write_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "map.html"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        me.map_html(model, path, method="pca")
    assert [file.name for file in tmp_path.iterdir()] == ["map.html"]
    assert path.read_text() == "old"


def test_the_same_model_makes_the_same_page(model, tmp_path):
    assert page_of(model, tmp_path) == page_of(model, tmp_path)
