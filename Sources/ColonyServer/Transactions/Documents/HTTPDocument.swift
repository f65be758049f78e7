import ColonyTransactions
import Foundation
import NIOCore

/// What a transaction over HTTP was begun with, as the journal keeps it: one JSON object, so that a person can read it.
///
/// The payload stands in it as it came, byte by byte, since participants are to get what was given and not what it means.
struct HTTPDocument<Body: Codable & Hashable & Sendable>: Hashable, Sendable {
    /// Which form it has; one that is newer than this daemon is refused, and no older one ever is.
    let format: Int
    var body: Body
    var payload: [UInt8]

    static var newestFormat: Int { 1 }

    /// Why bytes in a journal are none.
    struct Defect: Error, CustomStringConvertible {
        let description: String
    }

    private struct Envelope: Codable {
        var format: Int
        var transaction: Body
    }

    init(_ body: Body, payload: [UInt8]) {
        self.format = Self.newestFormat
        self.body = body
        self.payload = payload
    }

    /// The bytes for the journal, the same for the same content.
    func encoded() throws -> [UInt8] {
        var bytes = try JSONCoding.encode(Envelope(format: self.format, transaction: self.body))
        bytes.removeLast()
        bytes += Array(#","payload":"#.utf8)
        bytes += self.payload
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    init(decoding bytes: [UInt8]) throws {
        let envelope = try JSONCoding.decode(Envelope.self, from: bytes)
        guard (1...Self.newestFormat).contains(envelope.format) else {
            throw Defect(
                description:
                    "it has the form \(envelope.format), and this daemon knows those up to \(Self.newestFormat)")
        }
        self.format = envelope.format
        self.body = envelope.transaction
        self.payload = try HTTPPayload.inDocument(bytes)
    }
}

/// The payload within the document of a transaction over HTTP.
enum HTTPPayload {
    /// What it is if none was given.
    static let none = Array("null".utf8)

    static func inDocument(_ bytes: [UInt8]) throws(JSONDefect) -> [UInt8] {
        try ByteBuffer(bytes: bytes).withUnsafeReadableBytes { bytes throws(JSONDefect) in
            var reader = JSONReader(bytes)
            var payload: [UInt8]?
            try reader.readDocument(["format", "transaction", "payload"]) { reader, index throws(JSONDefect) in
                let value = try reader.readVerbatim()
                if index == 2 { payload = value }
            }
            guard let payload else { throw .missing(path: "payload") }
            return payload
        }
    }
}
