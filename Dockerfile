# okapi-install: one image for migrate, API, workers and Flower.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
COPY setup.cfg pyproject.toml LICENSE ./
COPY okapi_install okapi_install
COPY worker worker
RUN pip wheel --no-cache-dir --disable-pip-version-check --wheel-dir /wheels '.[otel]'

FROM python:3.11.14-slim-bookworm
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OKAPI_INSTALL_DATA=/var/lib/okapi-install
RUN groupadd --system --gid 10001 okapi && \
    useradd --system --uid 10001 --gid okapi --home-dir /var/lib/okapi-install --create-home okapi
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --disable-pip-version-check --no-index --find-links=/wheels 'okapi-install[otel]' && \
    python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
WORKDIR /app
COPY config config
USER 10001:10001
EXPOSE 9130 5555
STOPSIGNAL SIGTERM
# That of the API, which is the default command; docker-compose.yml has one for each of the others.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9130, timeout=4); c.request('GET', '/_/install/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "okapi_install.web.wsgi:app"]
