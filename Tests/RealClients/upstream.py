"""An upstream for tests: an HTTP server with a name, a delay, bodies of any size, and WebSockets.

    upstream.py PORT NAME [DELAY]
"""

import asyncio
import hashlib
import sys

from aiohttp import WSMsgType, web

NAME = sys.argv[2]
DELAY = float(sys.argv[3]) if len(sys.argv) > 3 else 0


async def name(request):
    await asyncio.sleep(DELAY)
    return web.Response(text=NAME, headers={"X-Seen-For": request.headers.get("X-Forwarded-For", "")})


async def digest(request):
    """The length and the digest of what was sent, however it was sent."""
    seen, count = hashlib.sha256(), 0
    async for part in request.content.iter_any():
        seen.update(part)
        count += len(part)
    return web.json_response({"count": count, "sha256": seen.hexdigest(), "method": request.method})


async def stream(request):
    """As many bytes as were asked for, in chunks."""
    answer = web.StreamResponse()
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    left = int(request.query["count"])
    part = bytes(range(256)) * 256
    while left > 0:
        await answer.write(part[:left])
        left -= len(part)
    await answer.write_eof()
    return answer


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(f"{NAME}: {message.data}")
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


application = web.Application(client_max_size=1 << 30)
application.add_routes([
    web.get("/name", name), web.route("*", "/digest", digest), web.get("/stream", stream), web.get("/echo", echo),
])
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
