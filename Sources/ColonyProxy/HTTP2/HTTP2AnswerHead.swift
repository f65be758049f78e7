import NIOCore
import NIOHPACK

/// Makes the fields of an answer in HTTP/2 out of a head in HTTP/1.1.
enum HTTP2AnswerHead {
    /// - Parameters:
    ///   - bytes: The head that `parser` has found complete.
    ///   - dropped: Names in lower case that are left out, with a hyphen for each underscore.
    ///   - via: What the proxy is called in `Via`, with a line end; empty if it is not said.
    static func headers(
        _ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer, via: [UInt8], dropping names: [[UInt8]]
    ) -> HPACKHeaders {
        let head = parser.head
        var headers = HPACKHeaders()
        headers.reserveCapacity(parser.fields.count + 2)
        headers.add(name: ":status", value: "\(head.status)")
        // RFC 9113, section 8.2.2: what belongs to a connection is malformed here.
        var dropped = FieldSet.hopByHop
        dropped.insert(.contentLength)
        if !via.isEmpty { dropped.insert(.via) }
        var passedBy = ""
        for index in 0..<parser.fields.count {
            let entry = parser.fields[index]
            if entry.field == .via { passedBy += entry.value.text(in: bytes) + ", " }
            guard !dropped.contains(entry.field), entry.marks.isEmpty,
                names.isEmpty || !FieldSection.isNamed(entry, bytes, names)
            else { continue }
            headers.add(
                name: Self.name(entry, bytes), value: entry.value.text(in: bytes),
                // A secret in the table of a connection can be guessed by those who can put fields beside it (RFC 7541, section 7.1.3).
                indexing: entry.field == .setCookie ? .neverIndexed : .indexable)
        }
        // RFC 9110, section 8.6: in 1xx and 204 nothing says that a body follows.
        if parser.fields.present.contains(.contentLength), head.status >= 200, head.status != 204 {
            headers.add(name: "content-length", value: "\(parser.fields.contentLength)")
        }
        if !via.isEmpty {
            headers.add(name: "via", value: passedBy + String(decoding: via.dropLast(2), as: UTF8.self))
        }
        return headers
    }

    /// Adds lines of a head, each with its line end.
    static func add(_ lines: [UInt8], to headers: inout HPACKHeaders) {
        for line in lines.split(separator: 0x0A) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon].map(ByteScan.lower), as: UTF8.self)
            let value = line[(colon + 1)...].drop { $0 == 0x20 }.prefix { $0 != 0x0D }
            headers.add(name: name, value: String(decoding: value, as: UTF8.self))
        }
    }

    /// The fields of an answer that the proxy gives itself.
    static func headers(_ answer: DirectedAnswer, length: Int) -> HPACKHeaders {
        var headers: HPACKHeaders = [":status": "\(answer.status)"]
        if let location = answer.location { headers.add(name: "location", value: String(buffer: location)) }
        if let seconds = answer.retryAfter { headers.add(name: "retry-after", value: "\(seconds)") }
        if let type = OwnAnswer.contentType(of: answer) {
            headers.add(name: "content-type", value: String(decoding: type, as: UTF8.self))
        }
        if answer.status != 204, answer.status != 304 { headers.add(name: "content-length", value: "\(length)") }
        return headers
    }

    private static func name(_ entry: FieldEntry, _ bytes: UnsafeRawBufferPointer) -> String {
        guard entry.field == .other else { return "\(entry.field.name)" }
        let name = entry.name.bytes(in: bytes)
        return String(unsafeUninitializedCapacity: name.count) { memory in
            for at in 0..<name.count { memory[at] = ByteScan.lower(name[at]) }
            return name.count
        }
    }
}
