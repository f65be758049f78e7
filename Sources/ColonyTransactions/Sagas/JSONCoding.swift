#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Inputs and outputs as JSON, so that a person can read what a journal holds.
package enum JSONCoding {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// What a step gave. That it cannot be written will not change with another call.
    static func output(_ value: some Encodable) throws -> [UInt8] {
        do {
            return try Self.encode(value)
        } catch {
            throw TransactionError(.undecodable, "what it gave cannot be written: \(error)", cause: error)
        }
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
