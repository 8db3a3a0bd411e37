# First stage: everything that is needed to install, pinned by hash, and the gateway's own wheel.
FROM python:3.11-slim AS build
WORKDIR /source
COPY requirements.txt requirements-dev.txt ./
# The build backend comes from the pinned list too: its lines, up to the first that goes on no further.
RUN awk '/^setuptools==/,!/\\$/' requirements-dev.txt > requirements-build.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
    && python -m venv /opt/gateway \
    && /opt/gateway/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY translators translators
COPY partners partners
COPY certs certs
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/gateway/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:3.11-slim
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --home-dir /var/lib/gateway --no-create-home --shell /usr/sbin/nologin gateway \
    && install --directory --owner=gateway --group=gateway --mode=0750 \
        /var/lib/gateway /var/lib/gateway/data /var/lib/gateway/partners
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_DATA_DIR=/var/lib/gateway/data \
    GATEWAY_PARTNERS_DIR=/var/lib/gateway/partners \
    GATEWAY_EDGE_HOST=0.0.0.0 \
    GATEWAY_EDGE_PORT=8080 \
    GATEWAY_SFTP_HOST=0.0.0.0
WORKDIR /var/lib/gateway
USER gateway
VOLUME ["/var/lib/gateway/data", "/var/lib/gateway/partners"]
EXPOSE 8080 8081 2222
# To ourselves on loopback, so whose name a certificate carries does not matter.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request; tls = 'GATEWAY_EDGE_TLS_CERTIFICATE' in os.environ; urllib.request.urlopen('http%s://127.0.0.1:%s/health/live' % ('s' * tls, os.environ['GATEWAY_EDGE_PORT']), timeout=4, context=ssl._create_unverified_context() if tls else None)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gateway"]
CMD ["serve"]
