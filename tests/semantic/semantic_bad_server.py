"""A scripted OpenAI-like server, on loopback, that behaves as it is told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(content):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def plan(**stage):
    return json.dumps(
        {
            "refused": False,
            "message": "ok",
            "stages": [
                {"weights": {"walk": 1.0}, "until": "never", "threshold": 0, "turn_deg": 0, "speed": None, **stage}
            ],
        }
    )


class Server:
    """`script(body) -> (status, bytes)` decides; `requests` keeps (path, headers, body). Used as a context manager."""

    def __init__(self, script):
        outer = self
        self.requests = []
        self.stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._reply(200, json.dumps({"data": [{"id": "tiny"}]}).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), json.loads(body)))
                result = script(outer.requests[-1][2])
                if callable(result):
                    result(self, outer)
                else:
                    self._reply(*result)

            def _reply(self, status, data, headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._http.shutdown()
        self._http.server_close()


def hang(handler, outer):
    outer.stop.wait(60)


def drip(handler, outer):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not outer.stop.is_set():
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def flood(handler, outer):
    handler.send_response(200)
    handler.send_header("Content-Length", str(10_000_000))
    handler.end_headers()
    handler.wfile.write(b"x" * 10_000_000)


def close(handler, outer):
    handler.close_connection = True
    handler.connection.close()
