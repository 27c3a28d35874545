# The project as a wheel; what builds it stays out of the image that runs.
FROM python:3.11.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
# The build backend is in the lock file too.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY fraud_stream fraud_stream
COPY agents agents
COPY tables tables
COPY producers producers
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./
# Every dependency is what the lock file says, to the byte.
RUN pip install --no-deps --require-hashes -r requirements.lock
COPY --from=build /wheels /wheels
RUN pip install --no-deps --no-index /wheels/*.whl && rm -r /wheels
COPY faust.conf ./
RUN useradd --create-home --uid 10001 app && chown app /app
USER app
EXPOSE 6066
CMD ["faust", "-A", "fraud_stream", "worker", "-l", "info"]
