"""Opening a PDF that strangers sent: bounded in work, silent in logs, one error for whatever is wrong."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pypdf import PdfReader, apply_configuration, filters
from pypdf.errors import LimitReachedError

MAX_STREAM_BYTES = 32 * 1024 * 1024
_DECODING_WORK = 2
"""How often a whole stream may be gone through, in and out, on its way through its filters."""

_MAX_PARSING_WORK = 2_000_000
"""Operators and operands of a page whose text is read."""

_MAX_READS = 1_000_000
"""Most calls that read on: pypdf reads strings and tables byte by byte, a million in half a second."""

_MAX_SLOWLY_DECODED_BYTES = 4 * 1024 * 1024
_SLOW_DECODERS = ((filters.ASCII85Decode, "decode"), (filters.FlateDecode, "_decode_png_prediction"))
"""What pypdf decodes byte by byte in Python without a bound of its own: seconds, and 90 bytes of memory for each."""

# pypdf reports damage by quoting the file, which may be a medical record: its loggers stay silent.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def _bounded(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    def bounded(data: Any, *args: Any, **kwargs: Any) -> bytes:
        if len(data) > _MAX_SLOWLY_DECODED_BYTES:
            raise LimitReachedError
        return decode(data, *args, **kwargs)

    return bounded


for _owner, _name in _SLOW_DECODERS:
    setattr(_owner, _name, staticmethod(_bounded(getattr(_owner, _name))))


class UnreadablePdf(Exception):
    """The bytes cannot be read as a PDF. Carries nothing of the file."""


class EncryptedPdf(UnreadablePdf):
    """The PDF is encrypted, be it with an empty password."""


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
    content: bytes, *, stream_bytes: int = MAX_STREAM_BYTES, parsing_work: int = _MAX_PARSING_WORK
) -> Iterator[PdfReader]:
    """Yield a reader over the bytes; everything pypdf raises inside the block becomes `UnreadablePdf`.

    A stream that is damaged or unpacks to more than `stream_bytes` ends the reading too: nothing is repaired.
    `parsing_work` bounds the operators and operands of a page whose text is read.
    """
    try:
        with apply_configuration(
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
        ):
            counted = _Counted(content)
            reader = PdfReader(counted)
            if reader.is_encrypted:
                raise EncryptedPdf
            yield reader
            counted.check()
    except UnreadablePdf:
        raise
    # pypdf documents that a broken file may raise anything: KeyError, RecursionError, zlib.error were seen
    except Exception:
        raise UnreadablePdf from None
