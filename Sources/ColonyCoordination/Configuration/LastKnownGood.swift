import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The newest values of a group that could be decoded, as they lie in a file: JSON with the values in Base64.
struct LastKnownGood: Codable, Hashable, Sendable {
    /// Which form this is; another one is not read.
    let format: Int
    let group: String
    /// Milliseconds since 1970.
    let savedAt: WallTime
    let values: [String: Data]

    private static let format = 1

    private enum CodingKeys: String, CodingKey {
        case format, group, values
        case savedAt = "saved_at_ms"
    }

    init(group: LeaseName, savedAt: WallTime, values: [LeaseName: [UInt8]]) {
        self.format = Self.format
        self.group = group.rawValue
        self.savedAt = savedAt
        self.values = Dictionary(values.map { ($0.key.rawValue, Data($0.value)) }) { first, _ in first }
    }

    /// Why a file is not one of a group.
    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ bytes: [UInt8], group: LeaseName) throws -> LastKnownGood {
        let file = try RecordCodec.value(LastKnownGood.self, from: bytes)
        guard file.format == Self.format else {
            throw Mismatch(description: "the file has the form \(file.format), and \(Self.format) is known")
        }
        guard file.group == group.rawValue else {
            throw Mismatch(description: "the file belongs to the group \(file.group), not to \(group)")
        }
        return file
    }

    /// The values by key, without keys that cannot be one.
    var bytes: [LeaseName: [UInt8]] {
        var result: [LeaseName: [UInt8]] = [:]
        for (key, value) in self.values {
            if let key = try? LeaseName(key) { result[key] = Array(value) }
        }
        return result
    }
}
