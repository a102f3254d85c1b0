# docker build -t headwater .            another base: --build-arg BASE=…  (Python 3.11 or newer)
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /src
COPY requirements-build.txt requirements.txt ./
RUN python3 -m venv /build \
 && /build/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-build.txt \
 && python3 -m venv --without-pip /opt/headwater \
 && /build/bin/uv pip install --no-cache --python /opt/headwater/bin/python \
      --require-hashes --compile-bytecode -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN /build/bin/python -m hatchling build -t wheel -d /dist \
 && /build/bin/uv pip install --no-cache --offline --python /opt/headwater/bin/python \
      --no-deps --compile-bytecode /dist/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="Headwater" \
      org.opencontainers.image.description="A Git-native orchestrator of microservices" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN if ! command -v git >/dev/null || ! command -v ssh >/dev/null || ! command -v gpg >/dev/null; then \
      apt-get update \
   && apt-get install -y --no-install-recommends git gpg openssh-client \
   && rm -rf /var/lib/apt/lists/*; \
    fi \
 && useradd --uid 1000 --create-home --shell /usr/sbin/nologin headwater \
 && install -d -o headwater -g headwater /data
COPY --from=build /opt/headwater /opt/headwater
ENV PATH=/opt/headwater/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADWATER_DATA_DIR=/data \
    HEADWATER_SERVER__HOST=0.0.0.0
USER 1000:1000
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python3", "-c", \
  "import os, urllib.request as r; e = os.environ.get; r.urlopen('http://127.0.0.1:' + (e('HEADWATER_SERVER__PORT') or e('PORT') or '8080') + '/livez', timeout=4)"]
ENTRYPOINT ["headwater"]
CMD ["server"]
