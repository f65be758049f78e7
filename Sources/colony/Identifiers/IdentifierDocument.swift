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

extension WallTime {
    /// The point as RFC 3339 writes it, in UTC with milliseconds: `2024-01-01T00:00:00.000Z`.
    var rfc3339: String {
        let milliseconds = self.millisecondsSince1970
        let (day, ofDay) = milliseconds.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, dayOfMonth) = Self.civil(fromDays: day)
        func padded(_ number: Int64, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T\(padded(ofDay / 3_600_000, 2)):"
            + "\(padded(ofDay / 60_000 % 60, 2)):\(padded(ofDay / 1_000 % 60, 2)).\(padded(ofDay % 1_000, 3))Z"
    }

    /// - SeeAlso: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2021, `civil_from_days`.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Years that begin in March put the leap day at their end; an era has 400 of them.
        let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
