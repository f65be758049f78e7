import NIOCore
import NIOHPACK

/// Makes the fields of an answer in HTTP/2 out of a head in HTTP/1.1.
enum HTTP2AnswerHead {
    /// - Parameters:
    ///   - bytes: The head that `parser` has found complete.
    ///   - via: What the proxy is called in `Via`, with a line end; empty if it is not said.
    static func headers(
        _ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer, via: [UInt8]
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
            guard !dropped.contains(entry.field), entry.marks.isEmpty else { continue }
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

    private static func name(_ entry: FieldEntry, _ bytes: UnsafeRawBufferPointer) -> String {
        guard entry.field == .other else { return "\(entry.field.name)" }
        let name = entry.name.bytes(in: bytes)
        return String(unsafeUninitializedCapacity: name.count) { memory in
            for at in 0..<name.count { memory[at] = ByteScan.lower(name[at]) }
            return name.count
        }
    }
}
