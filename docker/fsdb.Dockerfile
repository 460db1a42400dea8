# The command line of fsdb, with onnxruntime for its worker: `docker run … fsdb status`.
FROM python:3.13.9-slim
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY fsdb fsdb
COPY sql sql
COPY migrations migrations
COPY examples examples
RUN pip install --no-cache-dir --constraint constraints.txt '.[onnx]'
# onnxruntime reports on its use to its maker unless it is told not to.
ENV ORT_DISABLE_TELEMETRY=1
# Where the copies of `fsdb sync` go: mount a volume there. Made here, so that a new volume belongs to the user.
RUN useradd --create-home --uid 1000 fsdb && install -d -o fsdb -g fsdb /var/lib/fsdb/warehouse
ENV FSDB_WAREHOUSE=/var/lib/fsdb/warehouse
USER fsdb
WORKDIR /home/fsdb
ENTRYPOINT ["fsdb"]
CMD ["--help"]
