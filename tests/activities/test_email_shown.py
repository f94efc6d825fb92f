"""What a mail client shows of a letter, newer ones and old ones, and the bytes on the wire."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32

import pytest

from activities.notices.email import Attachment, Letter, MailSettings
from tests.activities.mail_samples import BUREAU, FILE_NAME, KEY, PDF, SENDER, Mailbox, letter, parsed, told
from worker.mail_sink import SmtpServer


async def received(sent: Letter, *, sender: str = SENDER) -> bytes:
    """Send a letter over the wire; return the bytes the server got."""
    box = Mailbox()
    async with SmtpServer(box) as server:
        failure = await told(MailSettings(host=server.host, port=server.port, sender=sender), sent)
    assert failure is None
    (content,) = box.taken
    return content


@pytest.mark.asyncio
async def test_a_mail_client_shows_sender_subject_both_texts_and_the_certificate_by_its_name() -> None:
    message = parsed(await received(letter()))
    assert message["Subject"] == letter().subject
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (BUREAU, SENDER)
    assert message["Date"].datetime == letter().written_at
    assert message["Message-ID"] == f"<{KEY}@mente.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == letter().plain
    assert html is not None
    assert html.get_content().strip() == letter().html
    assert message.get_body() is html, "a client shows the last alternative it can"
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == FILE_NAME
    assert attached.get_content() == PDF
    assert [defect for part in message.walk() for defect in part.defects] == []


@pytest.mark.asyncio
async def test_the_bytes_on_the_wire_keep_to_the_limits_of_mail() -> None:
    content = await received(letter(subject="门诊特殊疾病待遇生效通知" * 40))
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    assert max(map(len, lines)) <= 78
    bodies = [part.get_payload() for part in parsed(content).walk() if not part.is_multipart()]
    assert all(len(line) <= 76 for body in bodies for line in str(body).splitlines())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "subject",
    [
        "门诊特殊疾病待遇生效通知" * 40,
        "第2次 补正材料 通知 " * 20 + "END",
        "A plain subject that is long enough to be folded " * 4 + "。",
        "通知𠮷 é=?utf-8?b?5q==?= 完",
        "100% _下划线_ ? = “引号”",
    ],
)
async def test_a_long_subject_is_folded_as_rfc_2047_says_and_comes_back_whole(subject: str) -> None:
    whole = " ".join(subject.split())
    content = await received(letter(subject=whole))
    assert parsed(content)["Subject"] == whole
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    folded = head[head.index("Subject:") :].split("\r\nDate:")[0]
    words = [word for word in folded.split() if word.startswith("=?")]
    assert all(len(word) <= 75 for word in words)
    for word in words:  # each is whole characters of its own: clients decode them one by one
        str(make_header(decode_header(word))).encode("utf-8")


@pytest.mark.asyncio
async def test_a_client_older_than_rfc_2231_reads_the_file_name_too() -> None:
    content = await received(letter())
    (part,) = [each for each in message_from_bytes(content, policy=compat32).walk() if each.get_filename()]
    kept = part["Content-Disposition"].replace("\r\n", "")
    assert "filename*" in kept, "what RFC 2231 says"
    name = str(part.get_param("name"))
    assert name.startswith("=?utf-8?")
    assert str(make_header(decode_header(name.replace("\r\n", "")))) == FILE_NAME
    (modern,) = parsed(content).iter_attachments()
    assert modern.get_filename() == FILE_NAME
    assert modern.get_content_type() == "application/pdf"


@pytest.mark.asyncio
async def test_a_plain_file_name_is_written_plainly() -> None:
    content = await received(letter(attachment=Attachment(name="certificate.pdf", content=PDF)))
    assert content.count(b'name="certificate.pdf"') == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["攀枝花市东区医疗保障事务中心（门诊慢特病认定）" * 2, "慢特病认定, 酒泉 (APP)"])
async def test_a_long_or_punctuated_sender_name_is_decoded_whole(name: str) -> None:
    content = await received(letter(sender_name=name))
    raw = message_from_bytes(content, policy=compat32)["From"]
    assert str(make_header(decode_header(raw))) == f"{name} <{SENDER}>"
    assert parsed(content)["From"].addresses[0].addr_spec == SENDER
