"""What a scanner finds in the TLS of a hub: nothing above low (R16)."""

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sslyze import (
    ScanCommand,
    ScanCommandAttemptStatusEnum,
    Scanner,
    ServerNetworkLocation,
    ServerScanRequest,
    ServerScanStatusEnum,
)

from hub import Hub

NOT_OFFERED = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]
CURVES = {"X25519", "secp256r1", "secp384r1"}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """The scan of a hub that speaks TLS."""
    folder = tmp_path_factory.mktemp("tls")
    certify(folder)
    hub = Hub(folder, '[tls]\ncertificate = "certificate.pem"\nkey = "key.pem"\n')
    try:
        scanner = Scanner()
        location = ServerNetworkLocation(hostname="localhost", ip_address=hub.host, port=hub.port)
        commands = set(ScanCommand) - {ScanCommand.CERTIFICATE_INFO, ScanCommand.HTTP_HEADERS}
        scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=commands)])
        [scan] = scanner.get_results()
        assert scan.scan_status == ServerScanStatusEnum.COMPLETED, scan.connectivity_error_trace
        hub.check()
        yield scan.scan_result
    finally:
        hub.stop()


def certify(folder):
    """Writes a certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(text)


def of(findings, name):
    attempt = getattr(findings, name)
    assert attempt.status == ScanCommandAttemptStatusEnum.COMPLETED, f"{name}: {attempt.error_trace}"
    return attempt.result


@pytest.mark.parametrize("version", NOT_OFFERED)
def test_r16_old_versions_are_not_offered(findings, version):
    assert not of(findings, f"{version}_cipher_suites").accepted_cipher_suites


@pytest.mark.parametrize("version", ["tls_1_2", "tls_1_3"])
def test_r16_suites_are_authenticated_and_forward_secret(findings, version):
    accepted = [suite.cipher_suite for suite in of(findings, f"{version}_cipher_suites").accepted_cipher_suites]
    assert accepted, "none at all"
    for suite in accepted:
        assert not suite.is_anonymous and suite.key_size >= 128, suite
        assert any(mode in suite.name for mode in ("GCM", "CHACHA20")), suite
        assert version == "tls_1_3" or "ECDHE" in suite.name, suite


def test_r16_there_is_no_compression(findings):
    assert not of(findings, "tls_compression").supports_compression


def test_r16_clients_cannot_renegotiate(findings):
    renegotiation = of(findings, "session_renegotiation")
    assert not renegotiation.is_vulnerable_to_client_renegotiation_dos


def test_r16_known_holes_are_closed(findings):
    assert not of(findings, "heartbleed").is_vulnerable_to_heartbleed
    assert not of(findings, "openssl_ccs_injection").is_vulnerable_to_ccs_injection
    assert not of(findings, "tls_1_3_early_data").supports_early_data
    robot = of(findings, "robot").robot_result.name
    assert robot.startswith("NOT_VULNERABLE"), robot


def test_r16_curves_are_strong(findings):
    curves = {curve.name for curve in of(findings, "elliptic_curves").supported_curves}
    assert curves and curves <= CURVES, curves
