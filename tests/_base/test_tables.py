from __future__ import annotations

import numpy as np

from movieembed._base.arrays import object_array
from movieembed._base.tables import table_of


def test_text_that_utf_8_cannot_hold_is_kept() -> None:
    columns = {
        "item": np.array([3, 1]),
        "title": object_array(["half \udce9", "whole"]),
        "score": np.array([0.5, 0.25], dtype=np.float32),
    }
    table = table_of(columns)
    assert table["title"].tolist() == ["half \udce9", "whole"]
    assert [str(kind) for kind in table.dtypes] == ["int64", "object", "float32"]
    plain = table_of(columns | {"title": object_array(["one", "two"])})
    assert plain["title"].tolist() == ["one", "two"]
    assert plain["item"].tolist() == [3, 1]
