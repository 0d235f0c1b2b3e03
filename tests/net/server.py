#!/usr/bin/python3
"""A web server that misbehaves on request, for tests of downloads.

Prints its port, serves until standard input ends. /KIND/NAME/N answers N bytes (byte i is
i * 31 % 251), where KIND says what goes wrong; what happens "once" is counted per path:
  ok            nothing; ranges, ETag and If-Range work
  plain         no ranges
  odd           ranges begin somewhere else
  missing       404             broken   500          busy    503 once
  moved         302 to ok       around   302 to itself          away  302 to another machine
  cut           half, then closed once             cut-always  the same each time, without progress
  reset         half, then reset once
  stall         half, then nothing once            stall-always  nothing at all
/connections answers how many connections there were.
"""
import http.server
import socket
import struct
import sys
import threading

seen = {}
connections = 0
lock = threading.Lock()
stop = threading.Event()


def is_first(path):
    with lock:
        seen[path] = seen.get(path, 0) + 1
        return seen[path] == 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def setup(self):
        global connections
        with lock:
            connections += 1
        super().setup()

    def say(self, status, body=b'', **headers):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body)

    def send_half(self, body):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('ETag', '"v1"')
        self.end_headers()
        self.wfile.write(body[:len(body) // 2])
        self.wfile.flush()

    def send_range(self, body, shift=0):
        wanted = self.headers.get('Range')
        if not wanted or self.headers.get('If-Range', '"v1"') != '"v1"':
            return self.say(200, body, ETag='"v1"')
        start = int(wanted.removeprefix('bytes=').split('-')[0])
        if start >= len(body):
            return self.say(416)
        start -= shift
        self.say(206, body[start:], ETag='"v1"', Content_Range=f'bytes {start}-{len(body) - 1}/{len(body)}')

    def do_GET(self):
        if self.path == '/connections':
            return self.say(200, str(connections).encode())
        kind, name, n = self.path.strip('/').split('/')
        body = bytes(i * 31 % 251 for i in range(int(n)))
        getattr(self, 'do_' + kind.replace('-', '_'))(body, f'{name}/{n}')

    def do_ok(self, body, rest):
        self.send_range(body)

    def do_plain(self, body, rest):
        self.say(200, body)

    def do_odd(self, body, rest):
        self.send_range(body, shift=1)

    def do_missing(self, body, rest):
        self.say(404)

    def do_broken(self, body, rest):
        self.say(500)

    def do_busy(self, body, rest):
        self.say(503) if is_first(self.path) else self.send_range(body)

    def do_moved(self, body, rest):
        self.say(302, b'elsewhere', Location='/ok/' + rest)

    def do_around(self, body, rest):
        self.say(302, Location=self.path)

    def do_away(self, body, rest):
        self.say(302, Location='http://facet.invalid/ok/' + rest)

    def do_cut(self, body, rest):
        if not is_first(self.path):
            return self.send_range(body)
        self.send_half(body)
        self.close_connection = True

    def do_cut_always(self, body, rest):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.close_connection = True

    def do_reset(self, body, rest):
        if not is_first(self.path):
            return self.send_range(body)
        self.send_half(body)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_stall(self, body, rest):
        if not is_first(self.path):
            return self.send_range(body)
        self.send_half(body)
        stop.wait(30)
        self.close_connection = True

    def do_stall_always(self, body, rest):
        stop.wait(30)
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


server = Server(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
stop.set()
