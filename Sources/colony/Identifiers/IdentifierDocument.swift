import ColonyCore
import ColonyIdentifiers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What is in an identifier, for people and for programs. Numbers of more than 53 bits are text, because JavaScript would
/// round them.
struct IdentifierDocument: Encodable {
    var kind: String
    /// The identifier as Colony writes it.
    var id: String
    /// RFC 3339, with milliseconds.
    var time: String?
    var time_ms: Int64?
    // A snowflake.
    var layout: String?
    var datacenter: Int?
    var worker: Int?
    var sequence: Int?
    var crockford32: String?
    var base62: String?
    // A UUID.
    var version: Int?
    var variant: String?
    // A ULID.
    var uuid: String?

    init(_ parsed: ParsedIdentifier, layout: LayoutArgument) {
        switch parsed {
        case .snowflake(let id, let parts):
            self.init(kind: "snowflake", id: id.description, time: parts.time)
            self.layout = layout.name
            self.datacenter = parts.datacenter
            self.worker = parts.worker
            self.sequence = parts.sequence
            self.crockford32 = id.text(.crockford32)
            self.base62 = id.text(.base62)
        case .uuid(let uuid):
            let kind = uuid.hasRFCVariant && [4, 7].contains(uuid.version) ? "uuid\(uuid.version)" : "uuid"
            self.init(kind: kind, id: uuid.uuidString.lowercased(), time: uuid.time)
            self.version = uuid.version
            self.variant = Self.variant(of: uuid)
        case .ulid(let ulid):
            self.init(kind: "ulid", id: ulid.description, time: ulid.time)
            self.uuid = ulid.uuid.uuidString.lowercased()
        }
    }

    private init(kind: String, id: String, time: WallTime?) {
        self.kind = kind
        self.id = id
        self.time = time?.rfc3339
        self.time_ms = time?.millisecondsSince1970
    }

    /// The names of RFC 9562, section 4.1.
    private static func variant(of uuid: UUID) -> String {
        switch uuid.words.low >> 61 {
        case 0b000...0b011: "ncs"
        case 0b100, 0b101: "rfc9562"
        case 0b110: "microsoft"
        default: "reserved"
        }
    }

    /// One line for each thing there is to say.
    var lines: [String] {
        let all: [(name: String, value: String?)] = [
            ("kind", self.kind), (self.layout == nil ? "id" : "decimal", self.id), ("crockford32", self.crockford32),
            ("base62", self.base62), ("uuid", self.uuid), ("version", self.version.map(String.init)),
            ("variant", self.variant), ("layout", self.layout), ("time", self.time),
            ("datacenter", self.datacenter.map(String.init)), ("worker", self.worker.map(String.init)),
            ("sequence", self.sequence.map(String.init)),
        ]
        return all.compactMap { name, value in
            value.map { "\(name)\(String(repeating: " ", count: 13 - name.count))\($0)" }
        }
    }
}
