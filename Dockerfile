# One image for every service: `docker run throughline gateway`, `docker run throughline saga_coordinator`, ...
# Two layers of weight: the libraries, which change when constraints.txt does, and our own code.

FROM python:3.11-slim-bookworm AS manifests
COPY . /build/
RUN find /build -type f ! -name pyproject.toml ! -name constraints.txt -delete \
    && find /build -type d -empty -delete

FROM python:3.11-slim-bookworm AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /app/venv
WORKDIR /build
COPY --from=manifests /build ./
RUN python -c "import glob, tomllib; print(*{name for file in glob.glob('*/pyproject.toml') \
      for name in tomllib.load(open(file, 'rb'))['project']['dependencies'] if not name.startswith('throughline-')}, sep='\n')" \
      > libraries.txt \
    && python -m pip --python /app/venv/bin/python install --constraint constraints.txt --requirement libraries.txt

FROM libraries AS code
RUN python -m venv /backend && /backend/bin/pip install --constraint constraints.txt hatchling editables
COPY . ./
RUN /backend/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels $(dirname */pyproject.toml | sed 's|^|./|') \
    && python -m pip --python /app/venv/bin/python install --no-deps --target /app/code /wheels/*.whl \
    && PYTHONPATH=/app/code python -m pip --python /app/venv/bin/python check

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Throughline" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 throughline \
    && useradd --uid 10001 --gid throughline --create-home --no-log-init throughline \
    && install --directory --owner throughline --group throughline /data
COPY --from=libraries /app/venv /app/venv
COPY --from=code /app/code /app/code
COPY openapi /app/openapi
ENV PATH=/app/venv/bin:$PATH PYTHONPATH=/app/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0:8080 OPENAPI_DIR=/app/openapi SYSTEMS_FILE=/app/systems.yaml
# a number: Kubernetes cannot tell that a name is not root
USER 10001:10001
WORKDIR /home/throughline
EXPOSE 8080
HEALTHCHECK --start-period=30s --interval=10s --timeout=5s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/ready' % os.environ['BIND'].rpartition(':')[2], timeout=3)"]
ENTRYPOINT ["python", "-m"]
CMD ["gateway"]
