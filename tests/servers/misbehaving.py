"""A local geocoding service that answers what it is told to: refusals, web pages, other rows."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = tuple[int, dict[str, str], bytes]


def good(rows: list[dict[str, str]], **changes: str) -> Reply:
    """Answer each row as Bondy's town hall."""
    found = {
        "longitude": "2.48", "latitude": "48.90", "result_score": "0.9", "result_type": "housenumber",
        "result_label": "1 Rue Pasteur 93140 Bondy", "result_id": "x", "result_citycode": "93010",
        "result_city": "Bondy", "result_status": "ok",
    } | changes  # fmt: skip
    stream = io.StringIO()
    lines = csv.DictWriter(stream, [*rows[0], *found], lineterminator="\n")
    lines.writeheader()
    for row in rows:
        lines.writerow(row | found)
    return 200, {"Content-Type": "text/csv"}, stream.getvalue().encode()


class Service:
    """What the server was asked, and what it answers, in turn; the last reply serves for all that follow."""

    def __init__(self, *replies: Callable[[list[dict[str, str]]], Reply]) -> None:
        self.replies = list(replies)
        self.batches: list[list[dict[str, str]]] = []
        self.fields: list[list[tuple[str, str]]] = []
        self.url = ""

    def answer(self, fields: list[tuple[str, str]], rows: list[dict[str, str]]) -> Reply:
        self.batches.append(rows)
        self.fields.append(fields)
        reply = self.replies[min(len(self.batches), len(self.replies)) - 1]
        return reply(rows)


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serve on a free port of localhost."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            fields, rows = [], []
            for part in BytesParser().parsebytes(head + body).get_payload():
                name = part.get_param("name", header="content-disposition")
                text = part.get_payload(decode=True).decode()
                if name == "data":
                    rows = list(csv.DictReader(io.StringIO(text)))
                else:
                    fields.append((name, text))
            status, headers, content = service.answer(fields, rows)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}/search/csv"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
