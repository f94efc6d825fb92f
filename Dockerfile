# One image for every command of the program; what it does is the argument: `worker`, `migrate`, `codec` …
FROM python:3.11.15-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# The dependencies first: they change less often than the code.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --no-install-project
COPY activities activities
COPY domain domain
COPY samples samples
COPY starter starter
COPY storage storage
COPY worker worker
COPY workflows workflows
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11.15-slim-bookworm
# A fixed id, so that volumes keep their owner; the folders exist, so that fresh volumes get it.
RUN useradd --uid 10001 --home-dir /var/lib/mente --no-create-home --shell /usr/sbin/nologin mente \
    && install -d -o mente -g mente -m 0700 \
        /var/lib/mente /var/lib/mente/home /var/lib/mente/keys /var/lib/mente/objects
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MENTE_HOME=/var/lib/mente/home \
    MENTE_KEYS=/var/lib/mente/keys \
    MENTE_OBJECTS_URL=/var/lib/mente/objects
WORKDIR /var/lib/mente
USER mente
ENTRYPOINT ["mente"]
CMD ["--help"]
