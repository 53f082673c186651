"""TLS to the broker: its certificate is always verified, and its name."""

import ssl

import msgspec


class Tls(msgspec.Struct, frozen=True):
    """Whom to trust: the authorities in `cafile` (PEM), or the machine's. `certfile` and `keyfile` are shown to
    a broker that wants to know its clients."""

    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None

    @classmethod
    def taken_from(cls, options: dict[str, str]) -> "Tls":
        """Takes its own options out of those of a URL. Raises `ValueError`."""
        if "ssl_options" in options:
            raise ValueError("ssl_options would not verify the certificate: use cafile, certfile and keyfile")
        tls = cls(options.pop("cafile", None), options.pop("certfile", None), options.pop("keyfile", None))
        if tls.keyfile and not tls.certfile:
            raise ValueError("keyfile needs certfile")
        return tls

    def context(self) -> ssl.SSLContext:
        """Raises `OSError` (also `ssl.SSLError`) for files that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.cafile)
            if self.certfile:
                context.load_cert_chain(self.certfile, self.keyfile)
        except OSError as error:
            raise OSError(f"{self.cafile or ''} {self.certfile or ''}: {error}".strip()) from error
        return context


def told(error: BaseException) -> str:
    """What went wrong with a connection, in words; a certificate that is refused is named as the reason."""
    refused = _refused(error)
    if refused is not None:
        return f"its certificate is not trusted: {refused.verify_message}"
    return repr(error)


def _refused(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """pika wraps what happened in exceptions that hold others as arguments."""
    if error is None or isinstance(error, ssl.SSLCertVerificationError):
        return error
    inner = [*error.args, *getattr(error, "exceptions", ()), getattr(error, "exception", None), error.__cause__]
    return next((found for each in inner if isinstance(each, BaseException) and (found := _refused(each))), None)
