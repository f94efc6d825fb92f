"""The rows of a CSV file, numbered as a spreadsheet numbers them."""

import csv
import io

BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet reads UTF-8 as something else."""


class NotATable(Exception):
    """Text that is no CSV from row `line` on."""

    def __init__(self, line: int) -> None:
        super().__init__(f"no CSV from row {line} on")
        self.line = line


def numbered_rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with its number, 1 the first. Raises `NotATable`."""
    reader = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                rows.append((number, cells))
    except csv.Error:
        raise NotATable(number + 1) from None
    return rows
