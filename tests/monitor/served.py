"""Pages on a free port of this machine."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from fraud_stream.monitor.fetch import Page

#: What answers a request: a page, or something that makes one of the request.
Pages = Mapping[str, Page | Callable[[BaseHTTPRequestHandler], Page]]


@contextmanager
def served(pages: Pages, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve pages by their path, all others with 404, for as long as the block lasts; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(urlsplit(self.path).path, Page(404, b"Not Found"))
            page = page(self) if callable(page) else page
            self.send_response(page.status)
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
