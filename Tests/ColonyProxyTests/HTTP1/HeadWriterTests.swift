import ColonyProxy
import NIOCore
import Testing

@Suite("Heads for the other side")
struct HeadWriterTests {
    @Test("the absolute form becomes a path, and its host is the one that counts")
    func absoluteForm() throws {
        let host = "\r\nHost: other\r\nA: b\r\n\r\n"
        let path = try Rewriting.request("GET http://a:80/x?y HTTP/1.1" + host)
        #expect(path == "GET /x?y HTTP/1.1\r\nHost: a:80\r\nA: b\r\n\r\n")
        let query = try Rewriting.request("GET http://a?y HTTP/1.1" + host)
        #expect(query == "GET /?y HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n")
        let options = try Rewriting.request("OPTIONS http://a HTTP/1.1" + host)
        #expect(options == "OPTIONS * HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n")
    }

    @Test("a path is replaced as a whole or at its start")
    func targets() throws {
        let text = "GET /api/v1/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n"
        let replaced = try Rewriting.request(text) { $0.target = .replaced(Array("/other?q".utf8)) }
        #expect(replaced == "GET /other?q HTTP/1.1\r\nHost: a\r\n\r\n")
        let prefixed = try Rewriting.request(text) { $0.target = .prefixReplaced(count: 7, with: Array("/two".utf8)) }
        #expect(prefixed == "GET /two/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n")
        let beyond = try Rewriting.request(text) { $0.target = .prefixReplaced(count: 99, with: Array("/".utf8)) }
        #expect(beyond == "GET /?y=z HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    @Test("HTTP/1.0 becomes 1.1 with a Host, and its keep-alive stays behind")
    func oldRequests() throws {
        let text = "GET / HTTP/1.0\r\nConnection: keep-alive\r\nA: b\r\n\r\n"
        let plain = try Rewriting.request(text)
        #expect(plain == "GET / HTTP/1.1\r\nHost: \r\nA: b\r\n\r\n")
        let named = try Rewriting.request(text) { $0.host = Array("up".utf8) }
        #expect(named == "GET / HTTP/1.1\r\nHost: up\r\nA: b\r\n\r\n")
    }

    @Test("an upgrade goes through only where that is wanted, and one to h2c never does")
    func upgrades() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n"
        let kept = try Rewriting.request(text) { $0.passesUpgrade = true }
        #expect(
            kept
                == "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nConnection: upgrade\r\n\r\n"
        )
        let dropped = try Rewriting.request(text)
        #expect(dropped == "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n\r\n")
        let both = text.replacing("websocket", with: "websocket, H2C")
        let smuggled = try Rewriting.request(both) { $0.passesUpgrade = true }
        #expect(smuggled == "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n\r\n")
        let closing = try Rewriting.request(text) {
            $0.passesUpgrade = true
            $0.closes = true
        }
        #expect(closing.hasSuffix("Connection: upgrade, close\r\n\r\n"))
        let answer = try Rewriting.response(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        ) { $0.passesUpgrade = true }
        #expect(answer == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    }

    @Test("fields to drop go, with their lookalikes, and those that Connection must not name stay")
    func droppedFields() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nX-User: 1\r\nx_user: 2\r\nVia: 1.1 b\r\nX-Keep: 3\r\n"
            + "Connection: x-keep, x-other\r\nX-Other: 4\r\nX-Last: 5\r\n\r\n"
        let written = try Rewriting.request(text, protecting: ["x-keep"]) {
            $0.dropping = FieldSet(.via)
            $0.droppedNames = [Array("x-user".utf8)]
        }
        #expect(written == "GET / HTTP/1.1\r\nHost: a\r\nX-Keep: 3\r\nX-Last: 5\r\n\r\n")
    }

    @Test("chunked is written in these letters, and a length without tabulators and zeros")
    func framing() throws {
        let chunked = try Rewriting.request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tcHuNkEd\r\nA: b\r\n\r\n")
        #expect(chunked == "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n")
        for value in [":\t5", ":5", ":  5", ": 5 ", ": 005"] {
            let counted = try Rewriting.request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length\(value)\r\nA: b\r\n\r\n")
            #expect(counted == "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\nContent-Length: 5\r\n\r\n")
        }
    }

    @Test("the head of a response loses what belongs to the connection and says what the client has to know")
    func responses() throws {
        let text =
            "HTTP/1.1 200\r\nServer: s\r\nConnection: close, X-A\r\nX-A: b\r\nKeep-Alive: timeout=5\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
        let plain = try Rewriting.response(text)
        #expect(plain == "HTTP/1.1 200 \r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n")
        let old = try Rewriting.response(text) {
            $0.removesChunks = true
            $0.connection = .close
            $0.dropping = FieldSet(.server)
        }
        #expect(old == "HTTP/1.1 200 \r\nConnection: close\r\n\r\n")
        let kept = try Rewriting.response("HTTP/1.1 204 Gone\r\nContent-Length: 0\r\n\r\n") {
            $0.connection = .keepAlive
        }
        #expect(kept == "HTTP/1.1 204 Gone\r\nConnection: keep-alive\r\n\r\n")
    }

    @Test("chunks that are written are read as the same data")
    func chunks() throws {
        for size in [0, 1, 9, 10, 15, 16, 17, 255, 256, 4_095, 4_096, 65_535, 65_536, 1 << 20] {
            let data = [UInt8](repeating: UInt8(ascii: "d"), count: size)
            var buffer = ByteBuffer()
            if ChunkWriter.begin(size, to: &buffer) {
                buffer.writeBytes(data)
                ChunkWriter.end(to: &buffer)
            }
            ChunkWriter.finish(to: &buffer)
            var scanner = ChunkedScanner()
            let (used, state) = buffer.withUnsafeReadableBytes { scanner.scan($0) }
            #expect(used == buffer.readableBytes && state == .complete)
            #expect(scanner.decodedBytes == UInt64(size))
        }
    }

    @Test("a body over its limit is refused before its data, and many small chunks with long extensions are too")
    func bodyLimits() {
        var scanner = ChunkedScanner(maximumBodyBytes: 10)
        let first = Array("5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n".utf8).withUnsafeBytes { scanner.scan($0) }
        #expect(first.state == .failed(.bodyTooLarge))
        #expect(first.consumed == 12)
        #expect(BodyDefect.bodyTooLarge.status == 413)
        var greedy = ChunkedScanner()
        let chunk = Array("1;\(String(repeating: "e", count: 1_000))\r\nx\r\n".utf8)
        let states = (0..<20).map { _ in chunk.withUnsafeBytes { greedy.scan($0).state } }
        #expect(states.first == .needMore)
        #expect(states.last == .failed(.extensionTooLong))
    }
}
