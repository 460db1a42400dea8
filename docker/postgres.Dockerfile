# PostgreSQL 18 with PL/Python and onnxruntime, which the runtime onnx needs.
FROM postgres:18.6
COPY constraints.txt /tmp/constraints.txt
# Run once, when the image sets its database up: by user postgres, who must be able to read it, whatever the checkout's umask was.
COPY docker/initdb /docker-entrypoint-initdb.d
# PL/Python of the very release that the image has: once there is a newer one, only the archive has it.
RUN set -eux; \
    chmod -R a+rX /docker-entrypoint-initdb.d; \
    . /etc/os-release; \
    apt-get update; \
    apt-get install --yes --no-install-recommends ca-certificates; \
    echo "deb [signed-by=/usr/local/share/keyrings/postgres.gpg.asc] https://apt-archive.postgresql.org/pub/repos/apt ${VERSION_CODENAME}-pgdg-archive main" \
        > /etc/apt/sources.list.d/pgdg-archive.list; \
    apt-get update; \
    apt-get install --yes --no-install-recommends "postgresql-plpython3-${PG_MAJOR}=${PG_VERSION}" python3-pip; \
    python3 -m pip install --no-cache-dir --constraint /tmp/constraints.txt --target /opt/fsdb/site-packages onnxruntime numpy; \
    apt-get purge --yes --auto-remove python3-pip; \
    rm -rf /var/lib/apt/lists/* /tmp/constraints.txt
ENV PYTHONPATH=/opt/fsdb/site-packages
# onnxruntime reports on its use to its maker unless it is told not to.
ENV ORT_DISABLE_TELEMETRY=1
