from __future__ import annotations

import pytest

from movieembed._base.progress import HiddenBar, progress_bar


@pytest.mark.parametrize(("progress", "there"), [(True, True), (False, False), (None, False)])
def test_a_bar_is_shown_where_it_is_wanted(
    progress: bool | None, there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar(4, "steps", "it", progress) as bar:
        bar.update(3)
        bar.set_postfix_str("cost 5")
        bar.update()
    shown = capsys.readouterr().err
    assert ("steps: " in shown and "0/4" in shown) == there
    assert isinstance(bar, HiddenBar) != there
