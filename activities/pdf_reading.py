"""Opening a PDF that strangers sent: bounded in work, silent in logs, one error for whatever is wrong."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from pypdf import PageObject, PdfReader, apply_configuration, filters
from pypdf.errors import LimitReachedError
from pypdf.generic import ArrayObject, EncodedStreamObject, IndirectObject, PdfObject, StreamObject

MAX_STREAM_BYTES = 32 * 1024 * 1024
MAX_FILE_WORK = 256 * 1024 * 1024
"""Bytes all streams of a file may unpack to: twenty pages of A4 at 300 dpi in grey are 174 MB, were they laid into
the pages themselves. Pictures of their own, as scanners write them, are not unpacked here and count for nothing."""
_SLOWLY = 32
"""As so many bytes counts one that pypdf goes through one by one, in Python: 8 MB of a file, some seconds."""
_RAW_COPIES = 2
"""How often a file's bytes may lie in its streams: once, unless streams overlap to be copied again and again."""
_RAW_SPARE_BYTES = 1024 * 1024
_MOST_PARTS = 10_000
_DECODING_WORK = 2
"""How often a whole stream may be gone through, in and out, on its way through its filters."""

_MAX_PARSING_WORK = 2_000_000
"""Operators and operands of a page whose text is read."""

_MAX_READS = 1_000_000
"""Most calls that read on: pypdf reads strings and tables byte by byte, a million in half a second."""

_MAX_SLOWLY_DECODED_BYTES = 1024 * 1024
_SLOW_DECODERS = ((filters.ASCII85Decode, "decode"), (filters.FlateDecode, "_decode_png_prediction"))
"""What pypdf decodes byte by byte in Python without a bound of its own: seconds, and 90 bytes of memory for each."""

# pypdf reports damage by quoting the file, which may be a medical record: its loggers stay silent.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


class UnreadablePdf(Exception):
    """The bytes cannot be read as a PDF. Carries nothing of the file."""


class EncryptedPdf(UnreadablePdf):
    """The PDF is encrypted, be it with an empty password."""


class _Budget:
    """What one file may still cost, over all its streams: pypdf bounds each of them alone, and keeps them all."""

    def __init__(self, *, work: int, raw: int) -> None:
        self._work, self._raw = work, raw

    def spend(self, work: int) -> None:
        """Pay for bytes that were unpacked. Raises `LimitReachedError`."""
        self._work -= work
        self.check()

    def copy(self, size: int) -> None:
        """Pay for bytes of the file that are copied. Raises `LimitReachedError`."""
        self._raw -= size
        self.check()

    def check(self) -> None:
        """Raise `LimitReachedError` once more was spent than there was: pypdf goes on after some errors."""
        if self._work < 0 or self._raw < 0:
            raise LimitReachedError


_budget: ContextVar[_Budget | None] = ContextVar("pdf_budget", default=None)


def _spend(work: int) -> None:
    budget = _budget.get()
    if budget is not None:
        budget.spend(work)


def _bounded(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    def bounded(data: Any, *args: Any, **kwargs: Any) -> bytes:
        if len(data) > _MAX_SLOWLY_DECODED_BYTES:
            raise LimitReachedError
        _spend(_SLOWLY * len(data))
        return decode(data, *args, **kwargs)

    return bounded


def _slow(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    def paid(data: Any, *args: Any, **kwargs: Any) -> bytes:
        _spend(_SLOWLY * len(data))
        return _paid(decode)(data, *args, **kwargs)

    return paid


def _paid(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    def paid(data: Any, *args: Any, **kwargs: Any) -> bytes:
        found = decode(data, *args, **kwargs)
        _spend(len(found))
        return found

    return paid


def _read_whole(decode: Callable[[StreamObject], bytes]) -> Callable[[StreamObject], bytes]:
    def paid(stream: StreamObject) -> bytes:
        found = decode(stream)
        # Of these pypdf makes objects, all at once, and keeps them.
        if stream.get("/Type") in ("/ObjStm", "/XRef"):
            _spend(_SLOWLY * len(found))
        return found

    return paid


def _copied(make: Callable[[dict[str, Any]], StreamObject]) -> Callable[[dict[str, Any]], StreamObject]:
    def paid(data: dict[str, Any]) -> StreamObject:
        budget = _budget.get()
        if budget is not None:
            budget.copy(len(data["__streamdata__"]))
        return make(data)

    return paid


_PAID: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    *((owner, name, _bounded) for owner, name in _SLOW_DECODERS),
    (filters.FlateDecode, "decode", _paid),
    (filters.ASCII85Decode, "decode", _paid),
    (filters.RunLengthDecode, "decode", _slow),
    (filters.ASCIIHexDecode, "decode", _slow),
    (filters.LZWDecode, "decode", _slow),
    (StreamObject, "initialize_from_dictionary", _copied),
)
for _owner, _name, _wrap in _PAID:
    setattr(_owner, _name, staticmethod(_wrap(getattr(_owner, _name))))
_module: Any = filters
_module.decode_stream_data = _read_whole(filters.decode_stream_data)


class _Counted(io.BytesIO):
    """The bytes of a file, for so many reads: a bound in work that is the same however busy the machine is."""

    _left = _MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        self.check()
        return super().read(size)

    def check(self) -> None:
        """Raise `UnreadablePdf` once there were too many: pypdf goes on after some errors with what it has."""
        if self._left < 0:
            raise UnreadablePdf


@contextmanager
def opened_pdf(
    content: bytes,
    *,
    stream_bytes: int = MAX_STREAM_BYTES,
    file_work: int = MAX_FILE_WORK,
    parsing_work: int = _MAX_PARSING_WORK,
) -> Iterator[PdfReader]:
    """Yield a reader over the bytes; everything pypdf raises inside the block becomes `UnreadablePdf`.

    A stream that is damaged or unpacks to more than `stream_bytes` ends the reading too: nothing is repaired. So does
    a file whose streams unpack to more than `file_work` bytes together, or lie over one another.
    `parsing_work` bounds the operators and operands of a page whose text is read.
    """
    budget = _Budget(work=file_work, raw=_RAW_COPIES * len(content) + _RAW_SPARE_BYTES)
    token = _budget.set(budget)
    try:
        with _within(stream_bytes, parsing_work):
            counted = _Counted(content)
            reader = PdfReader(counted)
            if reader.is_encrypted:
                raise EncryptedPdf
            yield reader
            counted.check()
            budget.check()
    except UnreadablePdf:
        raise
    # pypdf documents that a broken file may raise anything: KeyError, RecursionError, zlib.error were seen
    except Exception:
        raise UnreadablePdf from None
    finally:
        _budget.reset(token)


def _within(stream_bytes: int, parsing_work: int) -> AbstractContextManager[object]:
    return apply_configuration(
        zlib_maximum_output_length=stream_bytes,
        lzw_maximum_output_length=stream_bytes,
        run_length_maximum_output_length=stream_bytes,
        array_based_stream_maximum_output_length=stream_bytes,
        stream_decoding_work_maximum_length=_DECODING_WORK * stream_bytes,
        stream_parsing_work_maximum_count=parsing_work,
        # repairing goes byte by byte through megabytes and drops what it cannot read without a word
        zlib_maximum_recovery_input_length=0,
        # jbig2dec is an outside program; nothing here needs the pixels of a page
        jbig2dec_binary=None,
        disable_legacy_handling=True,
    )


def unpack_pages(pages: Iterator[PageObject], *, most: int = MAX_STREAM_BYTES) -> None:
    """Unpack what pages are drawn by, once each and without keeping it; their pictures stay packed.

    To be called while the file is open. Raises what pypdf raises where something is damaged, or where one page
    unpacks to more than `most` bytes.
    """
    sizes: dict[tuple[int, int], int] = {}
    for page in pages:
        # A box may be written from any two corners that lie across from one another (ISO 32000-1, 7.9.5).
        if not page.mediabox.width or not page.mediabox.height:
            raise UnreadablePdf
        parts = _parts(page)
        if len(parts) > _MOST_PARTS or sum(_unpacked_size(part, sizes) for part in parts) > most:
            raise LimitReachedError


def _parts(page: PageObject) -> list[PdfObject]:
    if "/Contents" not in page:
        return []
    whole = page.raw_get("/Contents")
    found = whole.get_object()
    return list(found) if isinstance(found, ArrayObject) else [whole]


def _unpacked_size(part: PdfObject, sizes: dict[tuple[int, int], int]) -> int:
    known = (part.idnum, part.generation) if isinstance(part, IndirectObject) else None
    if known in sizes:
        return sizes[known]
    stream = part.get_object()
    if not isinstance(stream, StreamObject):
        return 0
    size = len(stream.get_data())
    if isinstance(stream, EncodedStreamObject):
        stream.decoded_self = None
    if known is not None:
        sizes[known] = size
    return size
