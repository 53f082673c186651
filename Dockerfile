# One image for every service: `docker run throughline gateway`, `docker run throughline saga_coordinator`, ...

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/venv
WORKDIR /build
COPY constraints.txt ./
RUN /app/venv/bin/pip install --constraint constraints.txt hatchling editables
COPY . ./
RUN /app/venv/bin/pip install --constraint constraints.txt --no-build-isolation $(printf './%s ' $(dirname */pyproject.toml)) \
    && /app/venv/bin/pip uninstall --yes hatchling editables

FROM python:3.11-slim
RUN useradd --system --create-home --uid 10001 throughline
COPY --from=build /app/venv /app/venv
COPY openapi /app/openapi
COPY processes /app/processes
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CONTRACTS_DIR=/app/openapi PROCESSES_DIR=/app/processes SYSTEMS_FILE=/app/systems.yaml
USER throughline
WORKDIR /home/throughline
ENTRYPOINT ["python", "-m"]
CMD ["gateway"]
