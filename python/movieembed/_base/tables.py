"""Tables of whatever ids and titles there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from numpy.typing import NDArray


def table_of(columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Return a table of arrays; text that UTF-8 cannot hold, which Arrow refuses, as objects."""
    try:
        return pd.DataFrame(dict(columns))
    except UnicodeEncodeError:  # half of a surrogate pair, from pandas 3 on
        return pd.DataFrame(
            {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
        )
