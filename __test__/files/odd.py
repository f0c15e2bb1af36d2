"""Makes odd.parquet and odd.arrow: `pip install pyarrow && python odd.py`."""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq

noon = datetime.datetime(2024, 2, 29, 12, 0, 0, 678901)
table = pa.table(
    {
        "id": pa.array([1, None, 9007199254740993], pa.int64()),
        "small": pa.array([1, -2, None], pa.int8()),
        "text": ['a "quote", and\nanother line', "", None],
        "unicode": ["日本語 🍎", "007", "true"],
        "number": pa.array([1.5, None, -0.25], pa.float64()),
        "flag": [True, False, None],
        "day": pa.array([noon.date(), None, datetime.date(1969, 12, 31)]),
        "time": pa.array([noon, None, datetime.datetime(1969, 12, 31)], pa.timestamp("us", "UTC")),
        "tags": [["a", "b, c"], [], None],
        "nested": [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}],
        "bytes": [b"\x00\xff", None, b"quiver"],
        "price": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], pa.decimal128(10, 2)),
        "vector": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32())),
    }
)
pq.write_table(table, "odd.parquet", compression="zstd")
with pa.ipc.new_file("odd.arrow", table.schema) as file:
    file.write_table(table)
