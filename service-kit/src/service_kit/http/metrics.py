"""What an HTTP app counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class RequestMetrics:
    """Requests by operation, method and status, and how long they took."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._requests = Counter(
            "http_requests_total", "Requests answered", ["service", "operation", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer", ["service", "operation"], registry=registry
        )

    def count(self, operation: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(self._service, operation, method, str(status)).inc()
        self._seconds.labels(self._service, operation).observe(seconds)
