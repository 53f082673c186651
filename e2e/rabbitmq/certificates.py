"""Certificates for a test: an authority, and what it signs."""

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """An authority of its own; `file` is what those have who trust it."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    file: Path

    @classmethod
    def new(cls, folder: Path, called: str) -> "Authority":
        """Its certificate is `folder/called.pem`."""
        name, key = _name(called), ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = _builder(name, name, key.public_key()).add_extension(constraints, critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = certificate.add_extension(usage, critical=True).add_extension(identifier, critical=False)
        file = folder / f"{called}.pem"
        file.write_bytes(certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return cls(name, key, file)

    def sign(self, folder: Path, called: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
        """A server's certificate for an IP address, and its key: two PEM files in `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = _builder(_name(called), self.name, key.public_key())
        builder = builder.add_extension(names, critical=False).add_extension(identifier, critical=False)
        certificate, secret = folder / f"{called}.pem", folder / f"{called}.key"
        certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret


def _name(called: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
