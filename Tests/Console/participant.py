"""A service of somebody else, which does what a test wants: it answers, refuses, fails, or keeps its caller waiting."""

import http.server
import json
import threading


class Participant:
    """Every path is done with an empty answer unless the test has said otherwise."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answers = {}
        self.failures = {}
        self.calls = []
        self.hung = threading.Event()
        participant = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with participant.lock:
                    participant.calls.append((self.path, dict(self.headers), body))
                    status, answer = participant.answers.get(self.path, (200, None))
                    if participant.failures.get(self.path, 0) > 0:
                        participant.failures[self.path] -= 1
                        status, answer = 500, None
                if status is None:
                    participant.hung.wait(60)
                    status, answer = 200, None
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """The daemon's log tells of calls."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.hung.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    # What it does from here on.

    def gives(self, path, answer):
        self.set(path, 200, answer)

    def refuses(self, path, reason):
        self.set(path, 409, {"detail": reason})

    def fails(self, path, times=1_000_000):
        with self.lock:
            self.failures[path] = times

    def hangs(self, path):
        """Calls get no answer until `let_go`."""
        self.set(path, None, None)

    def let_go(self):
        self.hung.set()

    def does(self, path):
        self.fails(path, 0)
        self.set(path, 200, None)

    def set(self, path, status, answer):
        with self.lock:
            self.answers[path] = (status, answer)

    def paths(self):
        with self.lock:
            return [path for path, _, _ in self.calls]
