import NIOCore
import NIOHPACK
import NIOSSL

/// A client in HTTP/2 that can send what no library would, frame by frame.
final class HTTP2Wire {
    struct Frame {
        let type: UInt8
        let flags: UInt8
        let stream: Int
        let payload: [UInt8]

        var endsStream: Bool { self.type < 2 && self.flags & 1 != 0 }
        /// Of `RST_STREAM`, and of `GOAWAY`.
        var errorCode: Int {
            let bytes = self.type == 7 ? self.payload.dropFirst(4).prefix(4) : self.payload.prefix(4)
            return bytes.reduce(0) { $0 << 8 | Int($1) }
        }
    }

    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    let connection: TestConnection
    private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())

    private init(_ connection: TestConnection) { self.connection = connection }

    /// - Parameter settings: Of this client: numbers and values.
    static func open(
        _ certificates: TestCertificates, port: Int, settings: [(UInt16, UInt32)] = []
    ) async throws -> HTTP2Wire {
        let wire = HTTP2Wire(try await TestConnection.open(port: port, tls: certificates.client(protocols: ["h2"])))
        var payload: [UInt8] = []
        for (number, value) in settings { payload += Self.bytes(number) + Self.bytes(value) }
        try await wire.connection.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        try await wire.send(Kind.settings, 0, 0, payload)
        return wire
    }

    // MARK: Sending

    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8]) -> [UInt8] {
        Array(Self.bytes(UInt32(payload.count)).dropFirst()) + [type, flags] + Self.bytes(UInt32(stream)) + payload
    }

    func send(_ type: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8] = []) async throws {
        try await self.connection.send(Self.frame(type, flags, stream, payload))
    }

    static func usual(_ method: String = "GET", _ path: String = "/") -> [(String, String)] {
        [(":method", method), (":scheme", "https"), (":authority", "example.org"), (":path", path)]
    }

    func request(_ stream: Int, _ fields: [(String, String)], ends: Bool = true) async throws {
        try await self.send(Kind.headers, ends ? 5 : 4, stream, Self.block(fields))
    }

    /// Fields as literals that nobody remembers (RFC 7541, section 6.2.3).
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0x10] + Self.text($0.0) + Self.text($0.1) }
    }

    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    // MARK: Receiving

    func frame() async throws -> Frame {
        let head = try await self.connection.receive(9)
        let length = head[..<3].reduce(0) { $0 << 8 | Int($1) }
        let stream = head[5...].reduce(0) { $0 << 8 | Int($1) }
        return Frame(
            type: head[3], flags: head[4], stream: stream,
            payload: length == 0 ? [] : try await self.connection.receive(length))
    }

    /// The next frame of a kind; others are skipped.
    func frame(_ type: UInt8) async throws -> Frame {
        while true {
            let frame = try await self.frame()
            if frame.type == type { return frame }
        }
    }

    /// How a stream went on.
    struct Answer {
        var heads: [HPACKHeaders] = []
        var body: [UInt8] = []
        /// The code of `RST_STREAM`.
        var reset: Int?
        /// The code of `GOAWAY`, if the connection cannot go on.
        var goAway: Int?

        var status: String? { self.heads.last { $0.contains(name: ":status") }?.first(name: ":status") }
        var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    /// Reads until a stream has ended. Frames of other streams are skipped.
    func answer(_ stream: Int) async throws -> Answer {
        var answer = Answer()
        while true {
            let frame = try await self.frame()
            if frame.type == Kind.headers {
                var block = ByteBuffer(bytes: frame.payload)
                let headers = try self.decoder.decodeHeaders(from: &block)
                if frame.stream == stream { answer.heads.append(headers) }
            }
            if frame.type == Kind.goAway, frame.errorCode != 0 {
                answer.goAway = frame.errorCode
                return answer
            }
            guard frame.stream == stream else { continue }
            if frame.type == Kind.data { answer.body += frame.payload }
            if frame.type == Kind.reset {
                answer.reset = frame.errorCode
                return answer
            }
            if frame.endsStream { return answer }
        }
    }
}
