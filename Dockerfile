# The service as a container: no root, nothing but /data and /tmp is written.
#   docker build -t lernbatch .
#   docker run -p 127.0.0.1:8000:8000 -e LERNBATCH_SANDBOX=true -v lernbatch:/data --read-only --tmpfs /tmp --cap-drop ALL lernbatch
ARG PYTHON=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/lernbatch
COPY requirements.lock ./
RUN /opt/lernbatch/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . ./
# The lock has what builds the wheel, too.
RUN /opt/lernbatch/bin/python -m hatchling build -t wheel -d /dist \
 && /opt/lernbatch/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl \
 && /opt/lernbatch/bin/pip uninstall --yes --quiet hatchling \
 && /opt/lernbatch/bin/python -m compileall -q /opt/lernbatch/lib

FROM ${PYTHON}
RUN groupadd --gid 10001 lernbatch && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data lernbatch \
 && mkdir --mode=0700 /data && chown 10001:10001 /data
COPY --from=build /opt/lernbatch /opt/lernbatch
ENV PATH=/opt/lernbatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 LERNBATCH_HOME=/data LERNBATCH_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD \
    ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('LERNBATCH_PORT', '8000') + '/readyz', timeout=4)"]
ENTRYPOINT ["lernbatch"]
CMD ["serve"]
