import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from activities.notice_contract import NoticeState
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from activities.notices.providers import calling
from activities.notices.providers.calling import code_of, id_of, open_client
from activities.notices.providers.port import SmsProvider
from activities.notices.providers.signatures import acs3_query
from activities.notices.sms import SmsAnswer
from tests.activities.sms_servers import KEY_ID, KEY_SECRET, Fault, TencentCloud, serving
from tests.activities.sms_sides import AT, MESSAGE, NAMES, NO_HARM, PHONE, REFERENCE, Side, failure_of, told, trace

WRONG_TIME = timedelta(hours=1)


@pytest_asyncio.fixture(params=NAMES)
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    found = Side(request.param)
    async with serving(found.cloud) as found.url:
        yield found


@pytest_asyncio.fixture
async def provider(side: Side) -> AsyncIterator[SmsProvider]:
    client = side.client()
    yield client
    await client.close()


@pytest.mark.asyncio
async def test_a_message_is_taken_with_template_values_and_our_reference(side: Side, provider: SmsProvider) -> None:
    answer = await provider.send(MESSAGE)
    (taken,) = side.cloud.taken
    assert (taken.reference, taken.phone) == (REFERENCE, side.taken_phone())
    assert (taken.signature, taken.template) == ("攀枝花医保", "SMS_480000001")
    values = dict(MESSAGE.parameters)
    assert taken.parameters == (values if side.name == "aliyun" else list(values.values()))
    assert answer == SmsAnswer(state=NoticeState.SENT, provider=side.name, provider_id=taken.provider_id)
    assert (answer.provider, answer.provider_id) == (side.name, taken.provider_id)
    assert side.cloud.refused == []


@pytest.mark.asyncio
async def test_every_request_of_a_client_is_signed_anew(side: Side, provider: SmsProvider) -> None:
    for _ in range(3):
        await provider.send(MESSAGE)
    side.time += timedelta(minutes=20)
    await provider.send(MESSAGE)
    signatures = [asked.headers["authorization"] for asked in side.cloud.asked]
    # Tencent's signature has no nonce: the same request in the same second is the same
    assert len(set(signatures)) == (4 if side.name == "aliyun" else 2)
    assert side.cloud.refused == []


@pytest.mark.asyncio
async def test_what_is_sent_to_alibaba_cloud_is_escaped_exactly_as_it_was_signed() -> None:
    side = Side("aliyun")
    async with serving(side.cloud) as side.url:
        client = side.client()
        await client.send(MESSAGE)
        await client.close()
    ((method, target),) = [(asked.method, asked.target) for asked in side.cloud.asked]
    query = urlsplit(target).query
    assert method == "POST"
    assert "%20%2B~%2A%27%5C%22%26%3D" in query
    assert acs3_query({"OutId": REFERENCE}) in query


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", ["secret", "clock"])
async def test_a_wrong_key_or_clock_is_the_operators_to_mend_and_delays_the_message(side: Side, wrong: str) -> None:
    client = side.client(secret="another") if wrong == "secret" else side.client(now=lambda: side.time + WRONG_TIME)
    failure = await failure_of(client)
    await client.close()
    assert isinstance(failure, Postponed)
    assert side.cloud.refused == [failure.code]
    assert side.cloud.taken == []


REFUSALS = [
    ("aliyun", "isv.MOBILE_NUMBER_ILLEGAL", TurnedDown),
    ("aliyun", "isv.SMS_TEMPLATE_ILLEGAL", TurnedDown),
    ("aliyun", "isv.SMS_SIGNATURE_ILLEGAL", TurnedDown),
    ("aliyun", "isv.TEMPLATE_MISSING_PARAMETERS", TurnedDown),
    ("aliyun", "isv.BLACK_KEY_CONTROL_LIMIT", TurnedDown),
    ("aliyun", "isv.SOMETHING_NEW", TurnedDown),
    ("aliyun", "isv.BUSINESS_LIMIT_CONTROL", Postponed),
    ("aliyun", "isv.DAY_LIMIT_CONTROL", Postponed),
    ("aliyun", "isv.AMOUNT_NOT_ENOUGH", Postponed),
    ("aliyun", "isp.RAM_PERMISSION_DENY", Postponed),
    ("aliyun", "Throttling.User", Postponed),
    ("aliyun", "isp.SYSTEM_ERROR", Unclear),
    ("aliyun", "SignatureNonceUsed", Unclear),
    ("tencent", "InvalidParameterValue.IncorrectPhoneNumber", TurnedDown),
    ("tencent", "FailedOperation.TemplateIncorrectOrUnapproved", TurnedDown),
    ("tencent", "FailedOperation.SignatureIncorrectOrUnapproved", TurnedDown),
    ("tencent", "FailedOperation.PhoneNumberInBlacklist", TurnedDown),
    ("tencent", "FailedOperation.SomethingNew", TurnedDown),
    ("tencent", "LimitExceeded.PhoneNumberDailyLimit", Postponed),
    ("tencent", "FailedOperation.InsufficientBalanceInSmsPackage", Postponed),
    ("tencent", "UnauthorizedOperation.RequestIpNotInWhitelist", Postponed),
    ("tencent", "InternalError.SigVerificationFail", Postponed),
    ("tencent", "InternalError.Timeout", Unclear),
    ("tencent", "InternalError.SendAndRecvFail", Unclear),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "code", "kind"), REFUSALS, ids=[code for _, code, _ in REFUSALS])
async def test_a_refusal_is_sorted_by_its_code_and_says_no_more(
    name: str, code: str, kind: type[HandoverError]
) -> None:
    side = Side(name)
    async with serving(side.cloud) as side.url:
        client = side.client()
        side.refuse(code)
        failure = await failure_of(client)
        assert (type(failure), failure.code) == (kind, code)
        assert side.cloud.taken == []
        assert PHONE not in told(failure)
        assert "王" not in told(failure)
        assert (await client.send(MESSAGE)).state is NoticeState.SENT
        await client.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "kind"),
    [("RequestLimitExceeded", Postponed), ("InternalError", Unclear), ("InvalidParameter", TurnedDown)],
)
async def test_a_refusal_of_the_whole_request_by_tencent_cloud_is_sorted_too(
    code: str, kind: type[HandoverError]
) -> None:
    cloud = TencentCloud(now=lambda: AT)
    cloud.errors.append(code)
    side = Side("tencent")
    async with serving(cloud) as url:
        client = side.client(url=url)
        failure = await failure_of(client)
        await client.close()
    assert (type(failure), failure.code, cloud.taken) == (kind, code, [])


SURELY_NOT = [Fault.REFUSE_429]
UNDONE = [Fault.DROP_UNREAD, Fault.REFUSE_503, Fault.LOGIN_PAGE, Fault.REDIRECT]
"""Not done, but nobody can tell them from those that were."""
IN_DOUBT = [
    *UNDONE,
    Fault.DROP_AFTER,
    Fault.HALF,
    Fault.SLOW,
    Fault.ERROR_500,
    Fault.ERROR_502,
    Fault.ERROR_503,
    Fault.LOGIN_AFTER,
    Fault.MALFORMED,
    Fault.NOT_AN_OBJECT,
    Fault.OTHER_SHAPE,
]


def test_every_fault_is_tried() -> None:
    assert {*SURELY_NOT, *IN_DOUBT, *NO_HARM} == set(Fault)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", SURELY_NOT)
async def test_what_was_refused_unread_may_be_sent_again(side: Side, provider: SmsProvider, fault: Fault) -> None:
    side.cloud.faults.append(fault)
    assert isinstance(await failure_of(provider), Postponed)
    assert side.cloud.taken == []
    assert (await provider.send(MESSAGE)).state is NoticeState.SENT
    assert len(side.cloud.taken) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", IN_DOUBT)
async def test_what_left_without_a_plain_answer_is_in_doubt_and_never_sent_twice(
    side: Side, provider: SmsProvider, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault is Fault.SLOW:
        # the server answers long after; so many seconds leave a busy machine time to take the request
        monkeypatch.setattr(calling, "CALL_SECONDS", 4.0)
    side.cloud.faults.append(fault)
    failure = await failure_of(provider)
    assert isinstance(failure, Unclear)
    # the client itself repeats nothing
    assert len(side.cloud.asked) == 1
    assert len(side.cloud.taken) == (0 if fault in UNDONE else 1)
    assert PHONE not in told(failure)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", NO_HARM)
async def test_an_odd_but_plain_answer_counts(side: Side, provider: SmsProvider, fault: Fault) -> None:
    side.cloud.faults.append(fault)
    assert (await provider.send(MESSAGE)).state is NoticeState.SENT
    assert (await provider.send(MESSAGE)).state is NoticeState.SENT
    assert len(side.cloud.taken) == 2


@pytest.mark.asyncio
async def test_nobody_there_is_surely_not_sent(side: Side) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    client = side.client(url=url)
    failure = await failure_of(client)
    await client.close()
    assert (type(failure), failure.code) == (Postponed, "http-unreachable")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context, and the file of the authority that signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.mark.asyncio
async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    side: Side, certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, file = certificate
    async with serving(side.cloud, tls=context) as url, AsyncExitStack() as stack:
        client = side.client(url=url)
        stack.push_async_callback(client.close)
        failure = await failure_of(client)
        assert (type(failure), failure.code) == (Postponed, "http-unreachable")
        assert side.cloud.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        trusting = side.client(url=url)
        stack.push_async_callback(trusting.close)
        assert (await trusting.send(MESSAGE)).state is NoticeState.SENT


@pytest.mark.asyncio
async def test_a_server_without_tls_behind_a_tls_address_gets_nothing(side: Side) -> None:
    client = side.client(url=side.url.replace("http://", "https://"))
    failure = await failure_of(client)
    await client.close()
    assert (type(failure), failure.code) == (Postponed, "http-unreachable")
    assert side.cloud.taken == []


@pytest.mark.asyncio
async def test_no_log_at_any_level_holds_number_name_or_key(
    side: Side, provider: SmsProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await provider.send(MESSAGE)
    side.refuse("isv.MOBILE_NUMBER_ILLEGAL")
    await failure_of(provider)
    with pytest.raises(Postponed):
        await provider.find(trace(ago=timedelta(days=40)))
    logging.getLogger("httpx").warning("still heard")
    lines = [record.getMessage() for record in caplog.records]
    assert "still heard" in lines
    for secret in (PHONE, "王", "%E7%8E%8B", KEY_SECRET, KEY_ID):
        assert [line for line in lines if secret in line] == []


def test_a_code_or_id_that_could_be_a_number_or_a_sentence_is_not_kept() -> None:
    assert [code_of(each) for each in ("isv.A_B", "MK:0010", "-1", "DELIVRD")] == [
        "isv.A_B",
        "MK:0010",
        "-1",
        "DELIVRD",
    ]
    assert {code_of(each) for each in ("139-0000-1111", "138.0000.1111", "isv.139_0000_1111", "E:1390000-1111")} == {
        "unnamed"
    }
    assert {code_of(each) for each in (f"isv.{PHONE}", "号码错误", "two words", "x" * 65, "", None, 5, ["a"])} == {
        "unnamed"
    }
    assert id_of("900619746936498440^0", phone=PHONE) == "900619746936498440^0"
    assert {id_of(each, phone=PHONE) for each in (f"1{PHONE}^0", "a b", "", None, 7)} == {""}


@pytest.mark.parametrize("endpoint", ["", "dysmsapi.aliyuncs.com", "http://dysmsapi.aliyuncs.com", "ftp://127.0.0.1"])
def test_an_endpoint_without_tls_is_taken_on_this_machine_only(endpoint: str) -> None:
    with pytest.raises(ValueError, match="https"):
        open_client(endpoint)


@pytest.mark.asyncio
async def test_many_messages_at_once_are_each_taken_once(side: Side, provider: SmsProvider) -> None:
    messages = [MESSAGE.model_copy(update={"reference": f"r{number}"}) for number in range(60)]
    answers = await asyncio.gather(*(provider.send(each) for each in messages))
    assert len({answer.provider_id for answer in answers}) == 60
    assert sorted(each.reference for each in side.cloud.taken) == sorted(each.reference for each in messages)
