# Semblance in a container; see docs/deploy.md, and compose.yaml for how to run it.
FROM python:3.12-slim AS environment
COPY requirements*.txt requirements.lock /
# What is installed besides: -r requirements-cluster.txt, say.
ARG EXTRAS=""
# hadolint ignore=SC2086
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock \
    && if [ -n "$EXTRAS" ]; then /venv/bin/python -m pip install --no-cache-dir -r requirements.txt $EXTRAS; fi

FROM python:3.12-slim
COPY deploy/packages.txt /tmp/
# hadolint ignore=DL3008
RUN apt-get update \
    && xargs --arg-file=/tmp/packages.txt apt-get install --yes --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /tmp/packages.txt \
    && useradd --uid 1000 --create-home semblance \
    && install --directory --owner=semblance --group=semblance /data
COPY --from=environment /venv /venv
WORKDIR /app
COPY app.py LICENSE README.md ./
COPY cli cli
COPY engines engines
COPY features features
COPY demos demos
COPY samples samples
RUN /venv/bin/python -m compileall -q .
USER 1000
# All that is written lies in /data and /tmp, so the rest may be read-only.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SEMBLANCE_HOME=/data/home \
    KERAS_HOME=/data/keras \
    HF_HOME=/data/hub \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
VOLUME /data
EXPOSE 7860
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m \
    CMD ["python", "-c", "import http.client, os, sys; page = http.client.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=8); page.request('GET', '/healthz'); sys.exit(page.getresponse().status != 200)"]
ENTRYPOINT ["python", "app.py"]
CMD ["serve"]
