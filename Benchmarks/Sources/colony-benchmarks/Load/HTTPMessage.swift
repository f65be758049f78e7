import ColonyWorkloads

/// The little of HTTP/1.1 that the load speaks: requests with a body, answers with a length.
enum HTTPMessage {
    static func post(_ path: String, _ body: String) -> [UInt8] { Self.request("POST", path, body) }

    static func put(_ path: String, _ body: String) -> [UInt8] { Self.request("PUT", path, body) }

    private static func request(_ method: String, _ path: String, _ body: String) -> [UInt8] {
        Array(
            """
            \(method) \(path) HTTP/1.1\r
            Host: 127.0.0.1\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }

    static func get(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
    }

    struct Answer {
        let status: Int
        let bodyStart: Int
        let end: Int
    }

    /// The first whole answer in `buffer`, or `nil` while some of it is missing.
    static func answer(in buffer: [UInt8]) throws -> Answer? {
        guard let headEnd = Self.position(of: Self.emptyLine, in: buffer, from: 0) else { return nil }
        guard buffer.count >= 12, let status = Self.number(in: buffer, from: 9, upTo: 12) else {
            throw WorkloadError("the server answered something that is not HTTP")
        }
        let bodyStart = headEnd + Self.emptyLine.count
        guard let length = Self.contentLength(in: buffer, upTo: headEnd) else {
            throw WorkloadError("the server answered without Content-Length")
        }
        let end = bodyStart + length
        return buffer.count >= end ? Answer(status: status, bodyStart: bodyStart, end: end) : nil
    }

    /// The number after `"token":` in a body.
    static func token(in buffer: [UInt8], _ answer: Answer) throws -> UInt64 {
        guard let key = Self.position(of: Self.tokenKey, in: buffer, from: answer.bodyStart) else {
            throw WorkloadError("an answer has no token: \(Self.text(buffer, answer))")
        }
        var index = key + Self.tokenKey.count
        while index < answer.end, buffer[index] == UInt8(ascii: " ") { index += 1 }
        var value: UInt64 = 0
        while index < answer.end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(buffer[index]) {
            value = value * 10 + UInt64(buffer[index] - UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    static func text(_ buffer: [UInt8], _ answer: Answer) -> String {
        "\(answer.status) \(String(decoding: buffer[answer.bodyStart..<answer.end].prefix(300), as: UTF8.self))"
    }

    private static let emptyLine = Array("\r\n\r\n".utf8)
    private static let tokenKey = Array("\"token\":".utf8)
    private static let lengthKey = Array("content-length:".utf8)

    private static func position(of wanted: [UInt8], in buffer: [UInt8], from start: Int) -> Int? {
        buffer.withUnsafeBufferPointer { bytes in
            wanted.withUnsafeBufferPointer { wanted in
                var index = start
                let last = bytes.count - wanted.count
                while index <= last {
                    var offset = 0
                    while offset < wanted.count, bytes[index + offset] == wanted[offset] { offset += 1 }
                    if offset == wanted.count { return index }
                    index += 1
                }
                return nil
            }
        }
    }

    private static func contentLength(in buffer: [UInt8], upTo end: Int) -> Int? {
        buffer.withUnsafeBufferPointer { bytes in
            Self.lengthKey.withUnsafeBufferPointer { key in
                var index = 0
                while index + key.count <= end {
                    var offset = 0
                    while offset < key.count, bytes[index + offset] | 0x20 == key[offset] | 0x20 { offset += 1 }
                    if offset == key.count {
                        var position = index + offset
                        while position < end, bytes[position] == UInt8(ascii: " ") { position += 1 }
                        var stop = position
                        while stop < end, bytes[stop] >= UInt8(ascii: "0"), bytes[stop] <= UInt8(ascii: "9") {
                            stop += 1
                        }
                        return Self.number(in: buffer, from: position, upTo: stop)
                    }
                    // Go on at the next line.
                    while index < end, bytes[index] != UInt8(ascii: "\n") { index += 1 }
                    index += 1
                }
                return nil
            }
        }
    }

    private static func number(in buffer: [UInt8], from start: Int, upTo end: Int) -> Int? {
        guard start < end else { return nil }
        var value = 0
        for byte in buffer[start..<end] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), value < 1 << 40 else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
