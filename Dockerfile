FROM python:3.11-slim AS build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /data akhrot \
    && install -d -m 0700 -o akhrot -g akhrot /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 AKHROT_DATA_DIR=/data
WORKDIR /app
COPY --from=build /venv /venv
COPY manage.py ./
COPY apikeys apikeys
COPY providers providers
COPY connections connections
COPY akhrot_site akhrot_site
COPY templates templates
RUN python -m compileall -q .
USER akhrot
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=20s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT') or 8000}/healthz\", timeout=5)"]
CMD ["python", "manage.py", "up"]
