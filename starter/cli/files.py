"""Files a command is given: read whole or refused with a sentence that names the option, never the content."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from starter.cli.failing import refused

if TYPE_CHECKING:
    from domain.refusal import Refused


MAX_JSON_BYTES = 1024 * 1024
MAX_TABLE_BYTES = 64 * 1024 * 1024
MAX_DOCUMENT_BYTES = 8 * 1024 * 1024


def read_json(path: Path, *, field: str) -> object:
    """Return a JSON file's content. Raises `Refused`."""
    content = read_bytes(path, field=field, limit=MAX_JSON_BYTES)
    try:
        raw = json.loads(content.decode("utf-8-sig"))
        # Half a character or a NUL cannot be stored; nobody writes one on purpose.
        if "\\u0000" in json.dumps(raw, ensure_ascii=False).encode().decode():
            raise _not_json(field, "文件含有不能保存的控制字符。")
        return raw
    except json.JSONDecodeError as error:
        raise _not_json(field, f"第 {error.lineno} 行第 {error.colno} 列附近不是有效的 JSON。") from None
    except (UnicodeError, RecursionError):
        raise _not_json(field, "文件不是 UTF-8 编码的 JSON，或含有不完整的字符。") from None


def _not_json(field: str, message: str) -> "Refused":
    return refused(
        field=field,
        rule="文件须为一个 UTF-8 编码的 JSON 文档",
        remedy="请对照 docs/messages 中的格式更正文件",
        message=message,
    )


def read_table(path: Path, *, field: str) -> str:
    """Return a CSV file's text, UTF-8 or, as spreadsheets in China save it, GB 18030. Raises `Refused`."""
    content = read_bytes(path, field=field, limit=MAX_TABLE_BYTES)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise refused(
        field=field,
        rule="文件须为 UTF-8 或 GB 18030 编码的 CSV",
        remedy="请另存为 UTF-8 编码的 CSV 后重新导入",
        message="文件的文字编码无法识别。",
    )


def read_bytes(path: Path, *, field: str, limit: int) -> bytes:
    """Return a file's bytes. Raises `Refused` on a missing, unreadable or too large file."""
    if not path.is_file():
        raise refused(
            field=field, rule="须为可读取的文件", remedy="请核对文件路径", message="找不到该文件，或它不是一个文件。"
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError:
        raise refused(
            field=field, rule="须为可读取的文件", remedy="请检查文件的读取权限", message="文件无法读取。"
        ) from None
    if len(content) > limit:
        raise refused(
            field=field,
            rule=f"文件不超过 {limit // (1024 * 1024)} MB",
            remedy="请核对是否给错了文件",
            message="文件过大。",
        )
    return content


def write_bytes(path: Path, content: bytes, *, field: str) -> None:
    """Write a file. Raises `Refused` if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        raise refused(
            field=field, rule="须为可写入的文件", remedy="请检查路径和写入权限", message="文件无法写入。"
        ) from None


def existing_folder(path: Path, *, field: str) -> Path:
    """Return a folder that is there. Raises `Refused`."""
    if not path.is_dir():
        raise refused(field=field, rule="须为存在的文件夹", remedy="请核对文件夹路径", message="找不到该文件夹。")
    return path
