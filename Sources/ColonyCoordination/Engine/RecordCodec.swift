import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How what Colony writes into records becomes bytes: JSON with sorted keys, which every language reads, and of which equal
/// values have equal bytes.
enum RecordCodec {
    static func bytes(of value: some Encodable) throws(CoordinationError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw CoordinationError(.invalidRequest, "the record cannot be written as JSON: \(error)", cause: error)
        }
    }

    static func value<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

extension LeaseName {
    /// A name of the house's own under a prefix, so that blocks of different kinds with one name do not meet.
    init(prefix: String, _ name: String, for subject: String) throws(CoordinationError) {
        do {
            try self.init(prefix + name)
        } catch {
            throw CoordinationError(.invalidRequest, "\(subject): \(error)", cause: error)
        }
    }
}
