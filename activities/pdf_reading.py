"""Opening a PDF that strangers sent: bounded in work, silent in logs, one error for whatever is wrong."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pypdf import PdfReader, apply_configuration

_MAX_STREAM_BYTES = 32 * 1024 * 1024
_MAX_DECODING_WORK_BYTES = 64 * 1024 * 1024

# pypdf reports damage by quoting the file, which may be a medical record: its loggers stay silent.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


class UnreadablePdf(Exception):
    """The bytes cannot be read as a PDF. Carries nothing of the file."""


class EncryptedPdf(UnreadablePdf):
    """The PDF is encrypted, be it with an empty password."""


@contextmanager
def opened_pdf(content: bytes) -> Iterator[PdfReader]:
    """Yield a reader over the bytes; everything pypdf raises inside the block becomes `UnreadablePdf`.

    A stream that is damaged or unpacks to more than 32 MiB ends the reading too: nothing is repaired.
    """
    try:
        with apply_configuration(
            zlib_maximum_output_length=_MAX_STREAM_BYTES,
            lzw_maximum_output_length=_MAX_STREAM_BYTES,
            run_length_maximum_output_length=_MAX_STREAM_BYTES,
            array_based_stream_maximum_output_length=_MAX_STREAM_BYTES,
            stream_decoding_work_maximum_length=_MAX_DECODING_WORK_BYTES,
            # repairing goes byte by byte through megabytes and drops what it cannot read without a word
            zlib_maximum_recovery_input_length=0,
            # jbig2dec is an outside program; nothing here needs the pixels of a page
            jbig2dec_binary=None,
            disable_legacy_handling=True,
        ):
            reader = PdfReader(io.BytesIO(content))
            if reader.is_encrypted:
                raise EncryptedPdf
            yield reader
    except UnreadablePdf:
        raise
    # pypdf documents that a broken file may raise anything: KeyError, RecursionError, zlib.error were seen
    except Exception:
        raise UnreadablePdf from None
