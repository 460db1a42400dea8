"""A small S3 server in this process, for tests: objects in memory, and of the protocol what Arrow's client uses."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

ACCESS_KEY = "tester"
PAGE = 3  # objects in a page of a listing: small, so that there are several


@dataclass(frozen=True)
class Object:
    """What is stored under a key."""

    data: bytes
    kind: str
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etag(self) -> str:
        """The hash that S3 knows it by."""
        return f'"{md5(self.data, usedforsecurity=False).hexdigest()}"'


class S3(ThreadingHTTPServer):
    """Buckets come with their first object. Requests that ACCESS_KEY did not sign are refused; signatures are not checked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Object] = {}  # by bucket/key
        self.parts: dict[str, dict[int, bytes]] = {}
        self.multipart = 0  # uploads in parts that were completed

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def keys(self, prefix: str, suffix: str = "") -> set[str]:
        """URLs of the objects under a URL; markers of empty folders are none."""
        urls = {f"s3://{key}" for key in self.objects if not key.endswith("/")}
        return {url for url in urls if url.startswith(f"{prefix.rstrip('/')}/") and url.endswith(suffix)}


@contextmanager
def serving() -> Iterator[S3]:
    """A server on a free port of this machine."""
    with S3() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: S3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_PUT(self) -> None:
        key, asked, data = self._request()
        if not self._allowed():
            return
        if "uploadId" in asked:
            self.server.parts[asked["uploadId"]][int(asked["partNumber"])] = data
            self._answer(200, headers={"ETag": Object(data, "").etag})
        else:
            self._store(key, data)
            self._answer(200, headers={"ETag": self.server.objects[key].etag})

    def do_POST(self) -> None:
        key, asked, data = self._request()
        if not self._allowed():
            return
        if "uploads" in asked:
            upload = str(len(self.server.parts))
            self.server.parts[upload] = {}
            self._xml("InitiateMultipartUploadResult", f"<Key>{escape(key)}</Key><UploadId>{upload}</UploadId>")
        elif "uploadId" in asked:
            parts = self.server.parts[asked["uploadId"]]
            self._store(key, b"".join(parts[number] for number in sorted(parts)))
            self.server.multipart += 1
            self._xml("CompleteMultipartUploadResult", f"<ETag>{self.server.objects[key].etag}</ETag>")
        else:
            assert "delete" in asked
            for found in ET.fromstring(data).iter():
                if found.tag.endswith("Key"):
                    self.server.objects.pop(f"{key}/{found.text}", None)
            self._xml("DeleteResult", "")

    def do_DELETE(self) -> None:
        key, asked, _ = self._request()
        if not self._allowed():
            return
        if "uploadId" not in asked:
            self.server.objects.pop(key, None)
        self._answer(204)

    def _get(self) -> None:
        key, asked, _ = self._request()
        if not self._allowed():
            return
        if "/" not in key:
            if self.command == "GET":
                self._list(key, asked)
            elif any(there.startswith(f"{key}/") for there in self.server.objects):
                self._answer(200)
            else:
                self._refuse(404, "NoSuchBucket")
            return
        found = self.server.objects.get(key)
        if found is None:
            self._refuse(404, "NoSuchKey")
            return
        data, status = found.data, 200
        headers = {"ETag": found.etag, "Last-Modified": format_datetime(found.changed, usegmt=True)}
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if span is not None:
            first, last = int(span[1]), min(int(span[2]), len(data) - 1)
            if first >= len(data):
                self._refuse(416, "InvalidRange")
                return
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._answer(status, data, {**headers, "Content-Type": found.kind})

    def _list(self, bucket: str, asked: dict[str, str]) -> None:
        prefix, after = asked.get("prefix", ""), asked.get("continuation-token", "")
        most = min(PAGE, int(asked.get("max-keys", PAGE)))
        rows: dict[str, str] = {}
        for key, stored in sorted(self.server.objects.items()):
            within, _, name = key.partition("/")
            if within != bucket or not name.startswith(prefix):
                continue
            folder, slash, _ = name.removeprefix(prefix).partition("/")
            if slash and asked.get("delimiter") == "/":
                shared = f"{prefix}{folder}/"
                rows[shared] = f"<CommonPrefixes><Prefix>{escape(shared)}</Prefix></CommonPrefixes>"
            else:
                changed = stored.changed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                rows[name] = (
                    f"<Contents><Key>{escape(name)}</Key><Size>{len(stored.data)}</Size>"
                    f"<LastModified>{changed}</LastModified><ETag>{escape(stored.etag)}</ETag></Contents>"
                )
        left = [(name, row) for name, row in rows.items() if name > after]
        more = len(left) > most
        said = "".join(row for _, row in left[:most]) + f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            said += f"<NextContinuationToken>{escape(left[most - 1][0])}</NextContinuationToken>"
        self._xml("ListBucketResult", f"<Name>{bucket}</Name><KeyCount>{len(left[:most])}</KeyCount>{said}")

    def _request(self) -> tuple[str, dict[str, str], bytes]:
        """The bucket and key, what is asked after the question mark, and the body."""
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = _unchunked(self.rfile)
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            data = _signed(data)
        return (
            unquote(url.path).strip("/") + ("/" if url.path.count("/") > 2 and url.path[-1] == "/" else ""),
            asked,
            data,
        )

    def _allowed(self) -> bool:
        if f"Credential={ACCESS_KEY}/" in self.headers.get("Authorization", ""):
            return True
        self._refuse(403, "AccessDenied")
        return False

    def _store(self, key: str, data: bytes) -> None:
        self.server.objects[key] = Object(data, self.headers.get("Content-Type", "binary/octet-stream"))

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def _xml(self, name: str, inside: str) -> None:
        self._answer(200, f'<?xml version="1.0" encoding="UTF-8"?><{name}>{inside}</{name}>'.encode())

    def _answer(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/xml", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _unchunked(source: Any) -> bytes:
    """A body in HTTP's chunks."""
    data = b""
    while size := int(source.readline().split(b";")[0], 16):
        data += source.read(size)
        source.readline()
    while source.readline().strip():
        pass
    return data


def _signed(data: bytes) -> bytes:
    """A body in S3's own chunks, which checksums may follow."""
    found = b""
    while True:
        head, _, data = data.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return found
        found, data = found + data[:size], data[size + 2 :]
