# One image for every command of the service: worker, web, db upgrade, topics create, publish.
# docker-compose.yml runs it with a read-only root file system; only /tmp and, by web, the spool are written.
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/surveillance
COPY requirements.lock /build/
RUN /opt/surveillance/bin/pip install --require-hashes --only-binary=:all: -r /build/requirements.lock
COPY requirements-dev.lock pyproject.toml README.md LICENSE /build/
# Of the development pins, those that building a wheel takes; pip refuses to go on if one is missing.
RUN awk '/^[a-z]/ {keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} keep' \
      /build/requirements-dev.lock > /build/wheel.lock \
 && pip install --require-hashes --only-binary=:all: -r /build/wheel.lock
COPY surveillance /build/surveillance
COPY agents /build/agents
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist /build \
 && /opt/surveillance/bin/pip install --no-deps /build/dist/*.whl
# Compiled code is for the kind of processor it was made on: elsewhere the first start compiles it again.
# What runs installs nothing: not even what it was installed with stays.
RUN /opt/surveillance/bin/python -m pip uninstall --yes pip setuptools \
 && NUMBA_CACHE_DIR=/opt/numba-cache /opt/surveillance/bin/surveillance warm

FROM python:${PYTHON}
RUN python -m pip uninstall --yes pip setuptools wheel && rm -rf /usr/local/lib/python3.11/ensurepip \
 && groupadd --gid 10001 surveillance \
 && useradd --uid 10001 --gid surveillance --no-create-home --home-dir /tmp --shell /usr/sbin/nologin surveillance
COPY --from=build /opt/surveillance /opt/surveillance
COPY --from=build --chown=surveillance:surveillance /opt/numba-cache /opt/numba-cache
COPY config /app/config
# A named volume that is mounted here is given its owner.
RUN install -d -m 0700 -o surveillance -g surveillance /var/spool/surveillance
ENV PATH=/opt/surveillance/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/tmp/numba-cache \
    SURVEILLANCE_CONFIG_DIR=/app/config
WORKDIR /app
# By number, so that whoever runs it can tell that it is not root.
USER 10001:10001
# Of a worker or the pages; whoever runs the image says more exactly what it runs (docker-compose.yml, the chart).
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
  CMD ["python", "-c", "import socket, sys; sys.exit(all(socket.socket().connect_ex(('127.0.0.1', port)) for port in (8080, 9464)))"]
# numba refuses a cache directory that it cannot write to, so each container starts from a copy of its own.
ENTRYPOINT ["/bin/sh", "-c", "cp -R /opt/numba-cache /tmp/ && exec surveillance \"$@\"", "surveillance"]
CMD ["--help"]
